"""Client.map on a real network: its window, what it raises, and what it cancels."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest

from argon.client.client import Client
from argon.client.task_future import TaskFuture
from argon.errors import TaskExpired
from tests.support import light_tasks as tasks
from tests.support.in_process import TaskGate, ThreadNetwork, eventually


def test_map_gives_values_in_order_over_several_iterables(client: Client) -> None:
    assert list(client.map(pow, range(300), itertools.repeat(2))) == [n * n for n in range(300)]
    assert list(client.map(tasks.identity, [])) == []
    assert list(client.map(tasks.take, [1, 2, 3], "ab")) == [((1, "a"), {}), ((2, "b"), {})]


def test_map_takes_no_more_of_a_million_items_than_its_window(client: Client) -> None:
    taken = itertools.count()
    items = (next(taken) for _ in range(1_000_000))
    with contextlib.closing(client.map(tasks.identity, items)) as values:
        assert next(taken) == 0
        for n, value in enumerate(itertools.islice(values, 500), start=1):
            assert value == n
    assert 500 < next(taken) < 5_000  # the window follows the credits, hundreds here


def test_map_does_not_reject_itself(net: ThreadNetwork, client: Client) -> None:
    before = client.status()["counters"]["rejected"]
    assert sum(1 for _ in client.map(tasks.identity, range(2000))) == 2000
    assert client.status()["counters"]["rejected"] == before


def test_map_raises_a_tasks_exception_in_its_place(client: Client) -> None:
    values = client.map(divmod, [6, 7, 8], [3, 0, 2])
    assert next(values) == (2, 0)
    with pytest.raises(ZeroDivisionError):
        next(values)


def test_map_over_a_generator_that_raises_says_at_which_item_and_cancels_the_rest(
    tmp_path: Path, client: Client
) -> None:
    gate = TaskGate(tmp_path)

    def calls() -> Iterator[str]:
        yield gate.call[1]
        raise LookupError("no more")

    with pytest.raises(LookupError, match="no more") as caught:
        list(client.map(gate.call[0], calls(), [gate.call[2]] * 5))
    assert caught.value.__notes__ == ["raised by what was given to map, for item 1"]
    eventually(lambda: client.status()["in_flight"] == 0)
    assert client.run(tasks.identity, 1) == 1


def test_map_closed_early_cancels_what_is_under_way(tmp_path: Path, client: Client) -> None:
    gates = [TaskGate(tmp_path, f"gate-{n}") for n in range(3)]
    gates[0].open()
    values = client.map(gates[0].call[0], [gate.call[1] for gate in gates], [gate.call[2] for gate in gates])
    assert next(values) == "held"
    gates[1].wait()
    values.close()  # type: ignore[attr-defined]
    eventually(lambda: client.status()["in_flight"] + client.status()["queue_length"] == 0)


def test_map_that_is_interrupted_cancels_also_the_task_that_it_waits_for(
    tmp_path: Path, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = TaskGate(tmp_path)
    values = client.map(gate.call[0], [gate.call[1]], [gate.call[2]])

    def interrupted(self: TaskFuture, timeout: float | None = None) -> None:
        gate.wait()
        raise KeyboardInterrupt

    monkeypatch.setattr(TaskFuture, "result", interrupted)
    with pytest.raises(KeyboardInterrupt):
        next(values)
    monkeypatch.undo()
    eventually(lambda: client.status()["in_flight"] == 0)


def test_map_timeout_covers_the_whole_and_cancels_the_rest(tmp_path: Path, client: Client) -> None:
    gate = TaskGate(tmp_path)
    values = client.map(gate.call[0], [gate.call[1]], [gate.call[2]], timeout=0.1)
    with pytest.raises(TimeoutError):
        next(values)
    eventually(lambda: client.status()["in_flight"] == 0)


def test_map_goes_through_the_options_of_its_view(client: Client) -> None:
    with pytest.raises(TaskExpired):
        list(client.with_options(timeout=0.05).map("time:sleep", [60]))
