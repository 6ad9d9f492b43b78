"""The worker processes of one node.

In: spawn, assign, recall, kill, retire. Out: what a recall brings back, and three callbacks, from the event loop and
never from within a call: a worker is ready, has answered, has ended. It must never block the loop, never unpickle, and
never leave a process behind.

A worker's death is seen by its pidfd, not by its channel, whose other end a child of a task may hold open for hours.
"""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
from collections.abc import Callable
from time import monotonic
from typing import Final

from argon.ipc.inbox import PACKET_BYTES
from argon.node.launch import Launch
from argon.node.oom import OomCounter
from argon.node.reaper_handle import ReaperHandle
from argon.node.worker_handle import WorkerHandle
from argon.protocol.codec import encode_to_worker
from argon.protocol.ids import WorkerId
from argon.protocol.messages import Outcome, payload_bytes
from argon.scheduling.effects import AssignWorker
from argon.scheduling.node.worker_slot import Recalled, WorkerExit

CLOSE_WITHIN_S: Final = 5.0
POLL_S: Final = 0.05


class Pool:
    """Starts worker processes, talks to them, and waits for their end, on the event loop that runs when it is made.

    Args:
        launch: how workers are started.
        on_ready, on_outcomes, on_exit: what is called when a worker is up, has finished tasks, has ended.
    """

    def __init__(
        self,
        *,
        launch: Launch,
        on_ready: Callable[[WorkerId], None],
        on_outcomes: Callable[[WorkerId, list[Outcome]], None],
        on_exit: Callable[[WorkerExit], None],
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._launch = launch
        self._max_result_bytes = launch.max_payload_bytes
        self._on_ready = on_ready
        self._on_outcomes = on_outcomes
        self._on_exit = on_exit
        self._block = memoryview(bytearray(PACKET_BYTES))
        self._handles: dict[WorkerId, WorkerHandle] = {}
        self._watches: dict[WorkerId, int | asyncio.TimerHandle] = {}
        self._blocked: set[WorkerId] = set()
        self._unsent: dict[WorkerId, WorkerHandle] = {}
        self._retiring: set[WorkerId] = set()
        self._oom = OomCounter()
        self._reaper = ReaperHandle()
        self._closed = False

    def spawn(self, worker: WorkerId) -> None:
        """Starts a worker process under this number."""
        try:
            mark = f"{self._reaper.mark}.{worker}"
            handle = WorkerHandle(worker, self._launch, mark, self._block)
        except OSError as error:
            reason = f"could not be started: {error}"
            exit_ = WorkerExit(worker, signal=0, exit_code=1, unstarted=[], outcomes=[], entered=0, reason=reason)
            self._loop.call_soon(self._report, exit_)
            return
        self._reaper.add(handle.pid)
        self._handles[worker] = handle
        self._loop.add_reader(handle.node_end, self._read, handle)
        self._watch(handle)

    def limit_results(self, max_payload_bytes: int) -> None:
        """Lets the results of tasks assigned from now on take no more than this, nor than the pool's own limit."""
        self._max_result_bytes = min(max_payload_bytes, self._launch.max_payload_bytes)

    def assign(self, task: AssignWorker) -> None:
        """Hands a task to its worker, at the latest when ``flush`` is called."""
        payload = task.payload
        header = encode_to_worker(task.local_task_id, task.timeout_s, payload_bytes(payload), self._max_result_bytes)
        handle = self._handles[task.worker]
        handle.inbox.put(task.local_task_id, header, payload, task.own_packet)
        self._unsent[task.worker] = handle

    def flush(self) -> None:
        """Sends what was assigned, many tasks at a time. What the channel does not take waits here."""
        if self._unsent:
            unsent, self._unsent = self._unsent, {}
            for handle in unsent.values():
                self._send(handle)

    def recall(self, worker: WorkerId) -> Recalled:
        """Takes back what the worker has not started, and all that it has finished; what is left it runs now."""
        handle = self._handles.get(worker)
        if handle is None:
            return Recalled(worker, [], [], 0)
        unstarted = handle.inbox.take_back()
        outcomes = handle.finished() if handle.ready else []
        self._send(handle)
        self._end_if_broken(handle)
        return Recalled(worker, unstarted, outcomes, handle.entered())

    def kill(self, worker: WorkerId, forced: bool) -> None:
        """Ends a worker and all that it has started: SIGTERM, or SIGKILL when forced."""
        if worker in self._handles:
            self._handles[worker].wanted = True
            self._handles[worker].signal(signal.SIGKILL if forced else signal.SIGTERM)

    def retire(self, worker: WorkerId) -> None:
        """Lets a worker end when it has done what was assigned to it."""
        if worker in self._handles:
            self._retiring.add(worker)
            self._send(self._handles[worker])

    def pids(self) -> dict[WorkerId, int]:
        """The process id of each worker."""
        return {worker: handle.pid for worker, handle in self._handles.items()}

    def leave(self) -> None:
        """Lets workers without a task end in order, with their exit handlers, and ends the others at once.

        Call ``close`` when none is ``running`` any more, or when that has taken long enough.
        """
        self._closed = True
        for handle in self._handles.values():
            self._forget(handle)
            if handle.ready and handle.inbox.idle():
                handle.inbox.end()
            else:
                handle.signal(signal.SIGKILL)

    def running(self) -> bool:
        """Whether a process runs."""
        return any(handle.running() for handle in self._handles.values())

    def close(self) -> None:
        """Ends every process at once. Blocks for the moment that this takes; nothing is reported."""
        self._closed = True
        for handle in self._handles.values():
            self._forget(handle)
            handle.signal(signal.SIGKILL)
        deadline = monotonic() + CLOSE_WITHIN_S
        for handle in self._handles.values():
            try:
                handle.wait_and_close(max(0.0, deadline - monotonic()))
            except subprocess.TimeoutExpired:
                continue  # the kernel holds it, on a dead disk for example: it will die when that lets go
        self._handles.clear()
        self._reaper.close()

    # ---- while a worker lives ----------------------------------------------------------------------------------

    def _read(self, handle: WorkerHandle) -> None:
        was_ready = handle.ready
        outcomes = handle.read()
        self._end_if_broken(handle)
        if outcomes:
            self._send(handle)  # a large task may have waited for these answers
        if handle.ready and not was_ready:
            self._on_ready(handle.worker)
        if outcomes:
            self._on_outcomes(handle.worker, outcomes)

    def _send(self, handle: WorkerHandle) -> None:
        try:
            blocked = handle.inbox.send()
            if not blocked and handle.worker in self._retiring and handle.inbox.empty():
                handle.inbox.end()
        except OSError:
            blocked = False
            handle.reason = handle.reason or "closed Argon's channel"
            self._end_if_broken(handle)
        if blocked and handle.worker not in self._blocked:
            self._blocked.add(handle.worker)
            self._loop.add_writer(handle.node_end, self._send, handle)
        elif not blocked and handle.worker in self._blocked:
            self._blocked.discard(handle.worker)
            self._loop.remove_writer(handle.node_end)

    def _end_if_broken(self, handle: WorkerHandle) -> None:
        if handle.reason:
            self._loop.remove_reader(handle.node_end)
            handle.signal(signal.SIGKILL)

    # ---- when a worker dies ------------------------------------------------------------------------------------

    def _watch(self, handle: WorkerHandle) -> None:
        try:
            pidfd = os.pidfd_open(handle.pid)
        except (AttributeError, OSError):  # a system or a sandbox without it
            self._poll(handle)
        else:
            self._watches[handle.worker] = pidfd
            self._loop.add_reader(pidfd, self._died, handle)

    def _poll(self, handle: WorkerHandle) -> None:
        if handle.running():
            self._watches[handle.worker] = self._loop.call_later(POLL_S, self._poll, handle)
        else:
            self._died(handle)

    def _died(self, handle: WorkerHandle) -> None:
        self._forget(handle)
        killed = handle.killed
        handle.signal(signal.SIGKILL)  # what it has left behind; its id stays taken until it is waited for below
        outcomes = handle.finished()
        unstarted = handle.inbox.take_back()
        entered = handle.entered()
        code = handle.wait_and_close()
        del self._handles[handle.worker]
        self._reaper.remove(handle.pid, handle.worker)
        number = max(0, -code)
        exit_ = WorkerExit(
            handle.worker,
            signal=number,
            exit_code=max(0, code),
            unstarted=unstarted,
            outcomes=outcomes,
            entered=entered,
            oom=number == signal.SIGKILL and not killed and self._oom.has_risen(),
            reason=handle.reason,
            wanted=handle.wanted,
        )
        self._report(exit_)

    def _report(self, exit_: WorkerExit) -> None:
        if not self._closed:
            self._on_exit(exit_)

    def _forget(self, handle: WorkerHandle) -> None:
        """Takes the process out of the event loop."""
        self._loop.remove_reader(handle.node_end)
        self._loop.remove_writer(handle.node_end)
        self._blocked.discard(handle.worker)
        self._unsent.pop(handle.worker, None)
        self._retiring.discard(handle.worker)
        watch = self._watches.pop(handle.worker, None)
        if isinstance(watch, asyncio.TimerHandle):
            watch.cancel()
        elif watch is not None:
            self._loop.remove_reader(watch)
            os.close(watch)
