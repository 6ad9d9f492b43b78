"""The life of a role: it starts, is told to stop in every way there is, and stops once."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import threading
from collections.abc import Callable, Iterator
from math import inf, nan
from typing import Any

import pytest

from argon.process.server import Server
from argon.settings import MAX_TIMEOUT_S
from tests.support.in_process import Serving, eventually, soon, within


class Plain(Server):
    """A role that notes what is asked of it. It stops at once, unless ``busy``: then only when it has no time left."""

    def __init__(self, drain_timeout: float = 30.0, *, busy: bool = False, fails_to_open: bool = False) -> None:
        super().__init__(drain_timeout)
        self.calls: list[Any] = []
        self.on_open: Callable[[], None] = lambda: None
        self._busy = busy
        self._fails = fails_to_open

    async def _open(self) -> None:
        self.calls.append("open")
        self.on_open()
        await asyncio.sleep(0)
        if self._fails:
            raise OSError("no room")

    def _drain_now(self, timeout_s: float) -> None:
        self.calls.append(timeout_s)
        if not self._busy or timeout_s == 0.0:
            self._stop()

    def _close(self) -> None:
        self.calls.append("close")

    async def _linger(self) -> None:
        self.calls.append("linger")

    def happens(self, event: Callable[[], None]) -> None:
        assert self._loop is not None
        self._loop.call_soon_threadsafe(self._guarded, event)


@pytest.fixture(autouse=True)
def collections() -> Iterator[None]:
    """A role in the main thread changes how this process collects garbage."""
    threshold = gc.get_threshold()
    yield
    gc.unfreeze()
    gc.set_threshold(*threshold)


def broken() -> None:
    raise AssertionError("a task is in two rooms")


def test_start_blocks_until_shutdown_from_another_thread() -> None:
    role = Plain()
    thread = Serving(role)
    assert not role.wait(0.0)
    role.shutdown()
    thread.join()
    assert role.wait(0.0)
    assert role.calls == ["open", 0.0, "close", "linger"]


def test_drain_leaves_the_time_that_the_owner_chose_and_shutdown_none() -> None:
    role = Plain(12.5, busy=True)
    thread = Serving(role)
    role.drain()
    role.shutdown()
    thread.join()
    assert role.calls == ["open", 12.5, 0.0, "close", "linger"]


@pytest.mark.parametrize("ask", [Plain.shutdown, Plain.drain])
def test_stop_asked_before_the_start_is_not_forgotten(ask: Callable[[Plain], None]) -> None:
    role = Plain()
    ask(role)
    readies: list[None] = []
    role.start(lambda: readies.append(None))
    assert readies == []
    assert role.wait(0.0)


def test_stop_asked_while_it_opens_is_not_forgotten() -> None:
    role = Plain()
    role.on_open = role.shutdown
    readies: list[None] = []
    role.start(lambda: readies.append(None))
    assert readies == []
    assert role.calls[-2:] == ["close", "linger"]


def test_stop_asked_after_the_end_or_twice_does_nothing() -> None:
    role = Plain()
    thread = Serving(role)
    role.shutdown()
    role.shutdown()
    thread.join()
    calls = list(role.calls)
    role.shutdown()
    role.drain()
    assert role.calls == calls


def test_stop_asked_from_many_threads_ends_it_once() -> None:
    role = Plain()
    thread = Serving(role)
    askers = [threading.Thread(target=role.shutdown) for _ in range(8)]
    for asker in askers:
        asker.start()
    for asker in askers:
        asker.join()
    thread.join()
    assert thread.error is None
    assert role.calls.count("close") == 1


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_first_signal_drains_and_the_second_ends_at_once(number: signal.Signals) -> None:
    role = Plain(busy=True)

    def second() -> None:
        eventually(lambda: 30.0 in role.calls)
        os.kill(os.getpid(), number)

    thread = threading.Thread(target=second)
    thread.start()
    role.start(lambda: os.kill(os.getpid(), number))
    thread.join()
    assert role.calls == ["open", 30.0, 0.0, "close", "linger"]


def test_signals_are_the_programs_own_in_another_thread_and_in_serve() -> None:
    before = signal.getsignal(signal.SIGTERM)
    role = Plain()
    thread = Serving(role)
    assert signal.getsignal(signal.SIGTERM) is before
    role.shutdown()
    thread.join()
    other = Plain()

    async def main() -> None:
        await other.serve(other.shutdown)
        assert signal.getsignal(signal.SIGTERM) is before

    within(main())


def test_async_with_serves_and_then_stops_at_once() -> None:
    async def main() -> Plain:
        async with Plain() as role:
            assert role.calls == ["open"]
        return role

    role = within(main())
    assert role.calls == ["open", 0.0, "close", "linger"]
    assert role.wait(0.0)


def test_async_with_that_was_shut_down_inside_is_not_shut_down_again() -> None:
    async def main() -> Plain:
        async with Plain() as role:
            role.shutdown()
            assert role._stopped is not None
            await role._stopped
        return role

    assert within(main()).calls == ["open", 0.0, "close", "linger"]


def test_serve_that_is_cancelled_answers_everybody_first() -> None:
    role = Plain()

    async def main() -> None:
        ready = asyncio.Event()
        serving = asyncio.create_task(role.serve(ready.set))
        await ready.wait()
        serving.cancel()
        with pytest.raises(asyncio.CancelledError):
            await serving

    within(main())
    assert role.calls == ["open", 0.0, "close", "linger"]


def test_second_start_is_refused_with_what_to_do() -> None:
    role = Plain()
    role.start(role.shutdown)
    with pytest.raises(RuntimeError, match="create a new one"):
        role.start()


def test_failure_to_open_is_raised_and_everything_let_go() -> None:
    role = Plain(fails_to_open=True)
    with pytest.raises(OSError, match="no room"):
        role.start()
    assert role.calls == ["open", "close", "linger"]
    assert role.wait(0.0)


def test_failure_to_close_is_raised_and_the_role_is_over(monkeypatch: pytest.MonkeyPatch) -> None:
    role = Plain()
    monkeypatch.setattr(role, "_linger", broken)
    with pytest.raises(AssertionError):
        role.start(role.shutdown)
    assert role.wait(0.0)


def test_owner_on_the_loop_is_called_back_when_it_has_stopped() -> None:
    async def main() -> None:
        role = Plain()
        async with role:
            role.when_stopped(lambda stopped: role.calls.append(stopped.exception()))
        await soon(lambda: None in role.calls)

    within(main())


def test_broken_invariant_ends_the_role_with_that_error() -> None:
    role = Plain()
    thread = Serving(role)
    role.happens(broken)
    thread.join()
    assert isinstance(thread.error, AssertionError)
    assert role.calls == ["open", "close", "linger"]


def test_broken_invariant_after_the_end_is_raised_where_it_happens() -> None:
    role = Plain()
    role.start(role.shutdown)
    with pytest.raises(AssertionError):
        role._guarded(broken)


@pytest.mark.parametrize("value", [-1, -0.1, nan, inf, MAX_TIMEOUT_S * 2, "5", None, True])
def test_drain_timeout_that_is_no_number_of_seconds_is_refused(value: Any) -> None:
    with pytest.raises(ValueError, match="drain_timeout must be a number of seconds, 0 or more"):
        Plain(value)


@pytest.mark.parametrize("value", [0, 0.0, 0.5, 3600])
def test_drain_timeout_may_be_zero_or_any_time(value: float) -> None:
    Plain(value)


def test_memory_is_kept_and_garbage_left_alone_only_in_a_process_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    kept: list[str] = []
    monkeypatch.setattr("argon.process.server.keep_freed_memory", lambda: kept.append("kept"))
    gc.set_threshold(700)
    before = gc.get_threshold()
    role = Plain()
    thread = Serving(role)
    role.shutdown()
    thread.join()
    assert (gc.get_threshold(), kept) == (before, [])
    other = Plain()
    other.start(other.shutdown)
    assert gc.get_threshold()[0] > before[0]
    assert kept == ["kept"]


def test_signals_mean_what_they_meant_before_once_it_has_stopped() -> None:
    before = signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)
    role = Plain()
    role.on_open = role.shutdown
    role.start()
    assert (signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)) == before


def test_stop_asked_at_the_moment_in_which_the_loop_closes_does_nothing() -> None:
    role = Plain()
    role._loop = asyncio.new_event_loop()
    role._loop.close()
    role.drain()
    role.shutdown()
    assert role.calls == []
