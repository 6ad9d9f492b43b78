"""How far map goes ahead of what it gives out."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from time import monotonic

import pytest

import argon
from argon.client import map_window
from argon.client.client import Client
from argon.client.map_window import ITEM_BYTES, MapFuture, MapWindow
from argon.client.usage_guards import UsageGuards
from argon.protocol.messages import Outcome, Status
from tests.support import light_tasks
from tests.support.in_process import WITHIN_S, TaskGate, eventually


class Owner:
    """What a future needs of the thread that ends it."""

    def __init__(self) -> None:
        self.settle_lock = threading.RLock()
        self.guards = UsageGuards(threading.Thread())

    def cancel(self, future: MapFuture) -> None:
        """Nobody has the task."""


@pytest.fixture
def owner() -> Owner:
    return Owner()


def begun(window: MapWindow, count: int) -> list[MapFuture]:
    futures = [MapFuture(window._owner, window) for _ in range(count)]
    window.begun += count
    return futures


def done(future: MapFuture, payload: bytes = b"") -> None:
    future.settle(Outcome(1, Status.CANCELLED, payload=payload))


@pytest.fixture
def window(owner: Owner) -> MapWindow:
    return MapWindow(owner)  # type: ignore[arg-type]  # all that it needs of one


def test_only_what_is_under_way_takes_room(window: MapWindow) -> None:
    futures = begun(window, 3)
    assert not window.has_room(3)
    done(futures[1])
    assert window.has_room(3)
    assert not window.has_room(2)
    futures[2].cancel()
    assert window.has_room(2)


def test_what_is_kept_takes_room_until_it_is_given_out(window: MapWindow, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(map_window, "KEPT_BYTES_MAX", 1000)
    (future,) = begun(window, 1)
    assert window.has_room(2)
    done(future, bytes(1000))
    assert future.size_bytes == ITEM_BYTES + 1000
    assert not window.has_room(2)
    window.given(future.size_bytes)
    assert window.has_room(2)


def test_wait_is_over_at_once_where_there_is_nothing_to_wait_for(window: MapWindow) -> None:
    first, *_ = begun(window, 4)
    done(first)
    assert window.wait(first, 4, None)
    second, *_ = begun(window, 1)
    assert window.wait(second, 20, None)


@pytest.mark.parametrize("which", [[0], [1, 2]])
def test_wait_ends_with_the_first_task_or_with_half_of_the_window(window: MapWindow, which: list[int]) -> None:
    futures = begun(window, 4)
    waiting = threading.Thread(target=lambda: window.wait(futures[0], 6, monotonic() + WITHIN_S))
    waiting.start()
    for index in which:
        done(futures[index])
    waiting.join(WITHIN_S)
    assert not waiting.is_alive()


def test_wait_that_takes_too_long_says_so_and_another_may_follow(window: MapWindow) -> None:
    futures = begun(window, 4)
    assert not window.wait(futures[0], 4, monotonic() - 1)
    done(futures[0])
    assert window.wait(futures[0], 4, monotonic() - 1)
    assert not window.wait(futures[1], 1, monotonic() - 1)


# ---- with a cluster ------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def client() -> Iterator[Client]:
    """Has two workers: one for the first item."""
    with argon.local(workers=2) as client:
        yield client


def test_a_first_item_that_takes_long_does_not_keep_the_others_from_running(tmp_path: Path, client: Client) -> None:
    gate = TaskGate(tmp_path)
    _, *paths = gate.call
    enough = threading.Event()

    def items() -> Iterator[int]:
        yield from range(500)
        enough.set()

    values = client.map(lambda number: number or light_tasks.hold(*paths), items())
    given: list[object] = []
    first = threading.Thread(target=lambda: given.append(next(values)))
    first.start()
    assert enough.wait(WITHIN_S), "it stopped reading on"
    gate.open()
    first.join(WITHIN_S)
    assert given + list(values) == ["held", *range(1, 500)]


def test_values_that_are_kept_are_bounded_by_their_size(
    tmp_path: Path, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(map_window, "KEPT_BYTES_MAX", 10 * ITEM_BYTES)
    gate = TaskGate(tmp_path)
    _, *paths = gate.call
    taken = []

    def items() -> Iterator[int]:
        for number in range(10_000):
            taken.append(number)
            yield number

    values = client.map(lambda number: number or light_tasks.hold(*paths), items())
    first = threading.Thread(target=lambda: next(values))
    first.start()
    gate.wait()
    eventually(lambda: client.status()["in_flight"] == 1)  # all others that were submitted have ended
    gate.open()
    first.join(WITHIN_S)
    assert len(taken) < 1000
    values.close()  # type: ignore[attr-defined]  # it is a generator
