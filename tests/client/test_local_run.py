"""A rejected task in a thread of this process: who gets what it comes to, and when. The client API: test_run_here."""

from __future__ import annotations

import asyncio
import concurrent.futures
import threading
from collections.abc import Callable
from math import inf
from pathlib import Path
from time import monotonic
from typing import Any

import pytest

from argon.call.payload import pack_call
from argon.client.local_run import THREADS_MAX, LocalRun, LocalThreads
from argon.client.run_here import KeptCall
from argon.errors import MayHaveRun, TaskExpired, TaskLost
from tests.support import light_tasks as tasks
from tests.support.in_process import WITHIN_S, TaskGate, soon
from tests.support.in_process import within as run_within


def call(function: Callable[..., Any], *args: Any, deadline: float = inf) -> KeptCall:
    payload, _ = pack_call(function, args, {})
    return KeptCall(payload, deadline)


class Ended:
    """Takes what calls come to."""

    def __init__(self) -> None:
        self.all: list[tuple[Any, BaseException | None]] = []
        self.one = threading.Event()

    def __call__(self, value: Any, error: BaseException | None) -> None:
        self.all.append((value, error))
        self.one.set()


def occupy(threads: LocalThreads, folder: Path) -> list[tuple[TaskGate, Ended]]:
    """Holds every thread."""
    held = [(TaskGate(folder, f"gate{n}"), Ended()) for n in range(THREADS_MAX)]
    for gate, ended in held:
        LocalRun(call(*gate.call), threads).start(ended)
    for gate, _ in held:
        gate.wait()
    return held


def release(held: list[tuple[TaskGate, Ended]]) -> None:
    for gate, ended in held:
        gate.open()
        assert ended.one.wait(WITHIN_S)


def test_value_and_exception_come_from_a_thread_of_the_client() -> None:
    async def main() -> None:
        threads, value, error = LocalThreads(), Ended(), Ended()
        LocalRun(call(lambda: threading.current_thread().name), threads).start(value)
        LocalRun(call(tasks.fail, KeyError, "what"), threads).start(error)
        await asyncio.to_thread(lambda: (value.one.wait(WITHIN_S), error.one.wait(WITHIN_S)))
        assert value.all[0][0].startswith("argon-here")
        assert isinstance(error.all[0][1], KeyError)
        threads.close()

    run_within(main())


def test_threads_are_made_when_they_are_needed() -> None:
    threads = LocalThreads()
    threads.close()
    assert threads.submit(call(abs, -1).run).result(WITHIN_S) == 1
    threads.close()


def test_timeout_ends_it_while_it_waits_and_it_never_begins(tmp_path: Path) -> None:
    async def main() -> None:
        threads, ended = LocalThreads(), Ended()
        held = occupy(threads, tmp_path)
        run = LocalRun(call(tasks.note, str(tmp_path / "ran"), "ran", deadline=monotonic() + 0.05), threads)
        run.start(ended)
        await asyncio.to_thread(ended.one.wait, WITHIN_S)
        error = ended.all[0][1]
        assert isinstance(error, TaskExpired)
        assert error.may_have_run is MayHaveRun.NO
        release(held)
        await asyncio.to_thread(threads.submit(call(abs, 1).run).result, WITHIN_S)
        assert not (tmp_path / "ran").exists()
        threads.close()

    run_within(main())


def test_call_that_gets_a_thread_too_late_is_not_said_to_have_run() -> None:
    async def main() -> None:
        threads, ended = LocalThreads(), Ended()
        LocalRun(call(abs, -1, deadline=monotonic() - 1.0), threads).start(ended)
        ended.one.wait(WITHIN_S)  # the loop is held, so that the alarm does not ring before
        error = ended.all[0][1]
        assert isinstance(error, TaskExpired)
        assert error.may_have_run is MayHaveRun.NO
        threads.close()

    run_within(main())


def test_timeout_while_it_runs_is_reported_as_perhaps_run(tmp_path: Path) -> None:
    async def main() -> None:
        threads, ended, gate = LocalThreads(), Ended(), TaskGate(tmp_path)
        run = LocalRun(call(*gate.call, deadline=monotonic() + 0.3), threads)
        run.start(ended)
        await asyncio.to_thread(gate.wait)
        assert run.is_running()
        await asyncio.to_thread(ended.one.wait, WITHIN_S)
        error = ended.all[0][1]
        assert isinstance(error, TaskExpired)
        assert error.may_have_run is MayHaveRun.YES
        gate.open()
        await soon(lambda: not run.is_running())
        threads.close()

    run_within(main())


def test_alarm_of_a_call_that_has_ended_keeps_nothing() -> None:
    async def main() -> None:
        threads, ended = LocalThreads(), Ended()
        run = LocalRun(call(abs, -1, deadline=monotonic() + 3600.0), threads)
        run.start(ended)
        await asyncio.to_thread(ended.one.wait, WITHIN_S)
        await soon(lambda: run._alarm is not None and run._alarm.cancelled())
        assert not run.is_running()
        threads.close()

    run_within(main())


def test_close_loses_what_waits_and_withdrawn_calls_are_not_begun(tmp_path: Path) -> None:
    async def main() -> None:
        threads, lost, withdrawn = LocalThreads(), Ended(), Ended()
        held = occupy(threads, tmp_path)
        path = str(tmp_path / "ran")
        LocalRun(call(tasks.note, path, "lost"), threads).start(lost)
        run = LocalRun(call(tasks.note, path, "withdrawn"), threads)
        run.withdraw()
        run.start(withdrawn)
        run.withdraw()
        threads.close()
        error = lost.all[0][1]
        assert isinstance(error, TaskLost)
        assert error.may_have_run is MayHaveRun.NO
        release(held)
        assert not (tmp_path / "ran").exists()

    run_within(main())


def test_interpreter_that_starts_no_thread_any_more_is_an_error_of_the_task(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: Any) -> None:
        raise RuntimeError("cannot schedule new futures after interpreter shutdown")

    async def main() -> None:
        threads, ended = LocalThreads(), Ended()
        monkeypatch.setattr(threads, "submit", fail)
        LocalRun(call(abs, -1), threads).start(ended)
        assert "interpreter shutdown" in str(ended.all[0][1])

    run_within(main())


def test_call_that_has_begun_runs_though_the_loop_has_not_heard_of_it_yet(tmp_path: Path) -> None:
    gate, ended, seen = TaskGate(tmp_path), Ended(), []

    class SlowToReturn(LocalThreads):
        """Returns when the function has been entered, as for a loop's thread that is slow to go on."""

        def submit(self, run: Callable[[], Any]) -> Any:
            running = super().submit(run)
            gate.wait()
            seen.append(local.is_running())
            return running

    async def main() -> None:
        assert not local.is_running()
        local.start(ended)
        gate.open()
        await asyncio.to_thread(ended.one.wait, WITHIN_S)
        await soon(lambda: not local.is_running())
        threads.close()

    threads = SlowToReturn()
    local = LocalRun(call(*gate.call), threads)
    run_within(main())
    assert seen == [True]


def test_call_that_outlives_the_loop_comes_to_its_end_all_the_same(tmp_path: Path) -> None:
    threads, ended, gate = LocalThreads(), Ended(), TaskGate(tmp_path)

    async def main() -> None:
        LocalRun(call(*gate.call, deadline=monotonic() + 3600.0), threads).start(ended)
        await asyncio.to_thread(gate.wait)

    run_within(main())
    gate.open()
    assert ended.one.wait(WITHIN_S)
    assert ended.all == [("held", None)]
    threads.close()


def test_call_that_is_withdrawn_before_its_handle_is_known_is_not_begun(tmp_path: Path) -> None:
    class WithdrawnMeanwhile(LocalThreads):
        """As when a caller's thread cancels while the loop's thread hands the call over."""

        def submit(self, run: Callable[[], Any]) -> Any:
            local.withdraw()
            running = super().submit(run)
            concurrent.futures.wait([running], WITHIN_S)  # its thread is quicker than the loop's
            return running

    async def main() -> None:
        local.start(Ended())
        await asyncio.to_thread(LocalThreads.submit(threads, call(abs, 1).run).result, WITHIN_S)
        assert not (tmp_path / "ran").exists()
        assert not local.is_running()
        threads.close()

    threads = WithdrawnMeanwhile()
    local = LocalRun(call(tasks.note, str(tmp_path / "ran"), "ran"), threads)
    run_within(main())


def test_unfinished_is_what_waits_or_runs_until_it_has_ended(tmp_path: Path) -> None:
    async def main() -> None:
        threads, ended, gate = LocalThreads(), Ended(), TaskGate(tmp_path)
        assert threads.unfinished() is None
        LocalRun(call(*gate.call), threads).start(ended)
        assert threads.unfinished() is not None
        gate.open()
        await asyncio.to_thread(ended.one.wait, WITHIN_S)
        await soon(lambda: threads.unfinished() is None)
        threads.close()

    run_within(main())
