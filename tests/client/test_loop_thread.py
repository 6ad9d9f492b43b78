"""The thread that holds a client's connection: what it takes from others, and what it lets nobody do."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from math import inf
from pathlib import Path
from time import monotonic
from typing import Any

import pytest

from argon.call.payload import pack_call
from argon.client.client_connection import ClientConnection
from argon.client.local_cluster import LocalCluster
from argon.client.loop_thread import LoopThread
from argon.client.task_future import TaskFuture
from argon.errors import ConnectionFailed
from argon.net.security import find_token
from argon.protocol.messages import Entered, Outcome, Status
from argon.scheduling.task_options import TaskOptions
from tests.support import light_tasks as tasks
from tests.support.in_process import TOKEN, WITHIN_S, TaskGate, ThreadNetwork, network, within
from tests.support.slip import Slip

DEFAULTS = TaskOptions()


@pytest.fixture(scope="module")
def net() -> Iterator[ThreadNetwork]:
    with network() as net:
        yield net


@pytest.fixture
def thread(net: ThreadNetwork) -> Iterator[LoopThread]:
    thread = LoopThread(net.address, find_token(TOKEN), 10.0)
    yield thread
    thread.close()


def hand_over(thread: LoopThread, function: Any = tasks.identity, *args: Any) -> Slip:
    slip = Slip()
    payload, kind = pack_call(function, args or (1,), {})
    thread.submit(kind, payload, DEFAULTS, inf, slip)
    return slip


def test_each_ticket_gets_its_outcome_once(thread: LoopThread) -> None:
    slips = [hand_over(thread) for _ in range(50)]
    assert all(slip.ended.wait(WITHIN_S) for slip in slips)
    assert [[answer.status for answer in slip.answers] for slip in slips] == [[Status.COMPLETED]] * 50


def test_ticket_that_is_done_before_the_loop_takes_it_is_never_sent(thread: LoopThread) -> None:
    held, goes_on = threading.Event(), threading.Event()
    thread._wake(lambda: (held.set(), goes_on.wait(WITHIN_S)))
    held.wait(WITHIN_S)
    slip = hand_over(thread)
    slip.answers.append(Outcome(0, Status.CANCELLED))
    goes_on.set()
    assert hand_over(thread).ended.wait(WITHIN_S)
    assert slip.client_task_id == 0


def test_closed_thread_answers_what_it_has_and_takes_nothing_more(net: ThreadNetwork) -> None:
    thread = LoopThread(net.address, find_token(TOKEN), 10.0)
    slip = Slip()
    thread._submissions._tasks.append((1, b"", DEFAULTS, 0.0, slip))  # as a submit that is overtaken by close
    thread.close()
    assert slip.ended.wait(WITHIN_S)
    assert (slip.answers[0].status, slip.answers[0].entered) in {
        (Status.LOST, Entered.NO),
        (Status.EXPIRED, Entered.NO),
    }
    with pytest.raises(ConnectionFailed, match="closed"):
        hand_over(thread)


def test_loop_that_cannot_be_made_raises_in_the_caller(net: ThreadNetwork, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(_: Any) -> None:
        raise OSError("no descriptors")

    monkeypatch.setattr("argon.client.loop_thread.run_on_own_loop", fails)
    with pytest.raises(OSError, match="no descriptors"):
        LoopThread(net.address, find_token(TOKEN), 10.0)


def test_ctrl_c_while_connecting_does_not_wait_for_the_connection() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:

        def press() -> None:
            connection, _ = silent.accept()
            os.kill(os.getpid(), signal.SIGINT)
            pressed.append(connection)

        pressed: list[socket.socket] = []
        pressing = threading.Thread(target=press, daemon=True)
        pressing.start()
        begun = monotonic()
        with pytest.raises(KeyboardInterrupt):
            LoopThread(f"127.0.0.1:{silent.getsockname()[1]}", find_token(TOKEN), 10 * WITHIN_S)
        assert monotonic() - begun < WITHIN_S
        pressing.join(WITHIN_S)
        pressed[0].close()


def test_call_that_is_overtaken_by_close_raises(net: ThreadNetwork) -> None:
    thread = LoopThread(net.address, find_token(TOKEN), 10.0)
    begun = threading.Event()

    async def never() -> None:
        begun.set()
        await asyncio.Event().wait()

    with ThreadPoolExecutor(1) as caller:
        calling = caller.submit(lambda: thread.call(never))
        assert begun.wait(WITHIN_S)
        thread.close()
        for call in (calling.result, lambda: thread.call(never)):
            with pytest.raises(ConnectionFailed, match="closed"):
                call()


@pytest.mark.filterwarnings("error::RuntimeWarning")
def test_call_that_comes_when_the_loop_has_just_ended_is_told_so_and_leaves_no_coroutine(thread: LoopThread) -> None:
    thread.close()
    thread.guards.closed = False  # as it was a moment ago
    with pytest.raises(ConnectionFailed):
        thread.call(thread.connection.status)
    thread.guards.closed = True


def test_thread_that_is_closed_before_its_loop_is_made_does_not_wait_for_the_connection(thread: LoopThread) -> None:
    thread.close()
    with socket.create_server(("127.0.0.1", 0)) as silent:
        thread.connection = ClientConnection(f"127.0.0.1:{silent.getsockname()[1]}", find_token(TOKEN))
        thread._ending = asyncio.Event()
        within(thread._live(10 * WITHIN_S))


def test_released_thread_answers_what_it_has_and_ends(net: ThreadNetwork) -> None:
    thread = LoopThread(net.address, find_token(TOKEN), 10.0)
    future = TaskFuture(thread)
    payload, kind = pack_call(tasks.identity, (1,), {})
    thread.submit(kind, payload, DEFAULTS, inf, future)
    thread.release()
    thread.release()
    thread.guards.thread.join(WITHIN_S)
    assert not thread.guards.thread.is_alive()
    assert future.result(0) == 1
    thread.release()  # it has ended
    thread.close()


def test_released_thread_does_not_wait_for_a_call_whose_caller_is_gone(net: ThreadNetwork, tmp_path: Path) -> None:
    thread, gate = LoopThread(net.address, find_token(TOKEN), 10.0), TaskGate(tmp_path)
    hand_over(thread, *gate.call)  # as run() does, which was interrupted
    gate.wait()
    thread.release()
    thread.guards.thread.join(WITHIN_S)
    assert not thread.guards.thread.is_alive()


def test_cluster_that_is_owned_is_closed_at_the_threads_end() -> None:
    cluster = LocalCluster(1)
    thread = LoopThread(cluster.address, find_token(cluster.token), 10.0)
    thread.own(cluster)
    thread.close()
    assert cluster._process.returncode == 0
    assert thread.broken == ""
