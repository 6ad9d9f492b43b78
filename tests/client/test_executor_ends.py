"""How executors end at the interpreter's end, and what Ctrl-C is. Whole programs: tests/field/test_ends."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import threading
from collections.abc import Iterator
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

import pytest

from argon.client import executor_ends
from argon.client.executor import Executor
from argon.client.executor_ends import is_interrupt
from argon.errors import TaskLost
from tests.support import light_tasks as tasks
from tests.support.in_process import TOKEN, WITHIN_S, TaskGate, ThreadNetwork, network


@pytest.fixture(scope="module")
def net() -> Iterator[ThreadNetwork]:
    with network() as net:
        yield net


def test_end_waits_for_executors_that_are_held_and_those_that_are_not(net: ThreadNetwork, tmp_path: Path) -> None:
    held, forgotten = Executor(net.address, token=TOKEN), Executor(net.address, token=TOKEN)
    gate = TaskGate(tmp_path)
    waiting = forgotten.submit(*gate.call), held.submit(tasks.identity, 1)
    thread = forgotten._thread.guards.thread
    del forgotten
    ending = threading.Thread(target=executor_ends._end_all)
    ending.start()
    gate.wait()
    assert thread.is_alive()
    gate.open()
    ending.join(WITHIN_S)
    assert not ending.is_alive()
    assert [future.result(0) for future in waiting] == ["held", 1]
    assert not thread.is_alive()
    with pytest.raises(RuntimeError, match="after shutdown"):
        held.submit(tasks.pid)


def test_end_after_ctrl_c_ends_all_tasks(net: ThreadNetwork, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    held, forgotten = Executor(net.address, token=TOKEN), Executor(net.address, token=TOKEN)
    gate = TaskGate(tmp_path)
    running = held.submit(*gate.call)
    gate.wait()
    waiting = forgotten.submit(tasks.pid)
    del forgotten
    monkeypatch.setattr(sys, "last_type", KeyboardInterrupt, raising=False)
    executor_ends._end_all()
    assert isinstance(running.exception(0), BrokenProcessPool)
    assert isinstance(waiting.exception(0), TaskLost)


def test_statement_that_was_interrupted_in_an_interactive_session_is_not_its_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sys, "last_type", KeyboardInterrupt, raising=False)
    assert executor_ends._was_interrupted()
    monkeypatch.setattr(sys, "ps1", ">>> ", raising=False)
    assert not executor_ends._was_interrupted()
    monkeypatch.delattr(sys, "ps1")
    monkeypatch.setattr(sys, "last_type", KeyError)
    assert not executor_ends._was_interrupted()


def test_threads_that_have_ended_are_not_kept(net: ThreadNetwork) -> None:
    first = Executor(net.address, token=TOKEN)
    first.shutdown()
    with Executor(net.address, token=TOKEN) as second:
        assert first._thread not in executor_ends._THREADS
        assert second._thread in executor_ends._THREADS


def test_interrupt_is_ctrl_c_and_what_asyncio_run_makes_of_it() -> None:
    async def main() -> None:
        if presses:
            os.kill(os.getpid(), signal.SIGINT)
        else:
            asyncio.get_running_loop().call_soon(asyncio.current_task().cancel)  # type: ignore[union-attr]
        try:
            await asyncio.sleep(WITHIN_S)
        except asyncio.CancelledError as error:
            seen.append(is_interrupt(type(error)))
            raise

    seen: list[bool] = []
    presses = False
    with pytest.raises(asyncio.CancelledError):
        asyncio.run(main())
    presses = True
    with pytest.raises(KeyboardInterrupt):
        asyncio.run(main())
    assert seen == [False, True]
    kinds = KeyboardInterrupt, asyncio.CancelledError, SystemExit, None
    assert [is_interrupt(kind) for kind in kinds] == [True, False, False, False]
