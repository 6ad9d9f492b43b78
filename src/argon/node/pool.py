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
from collections.abc import Callable, Sequence
from time import monotonic
from typing import Final

from argon.ipc.inbox import PACKET_BYTES
from argon.node.oom import OomCounter
from argon.node.reaper_handle import ReaperHandle
from argon.node.worker_process import WorkerProcess
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
        node_name: for failures.
        include: directories in which workers look for modules first.
        max_payload_bytes: most bytes of one result.
        on_ready, on_outcomes, on_exit: what is called when a worker is up, has finished tasks, has ended.
    """

    def __init__(
        self,
        *,
        node_name: str,
        include: Sequence[str],
        max_payload_bytes: int,
        on_ready: Callable[[WorkerId], None],
        on_outcomes: Callable[[WorkerId, list[Outcome]], None],
        on_exit: Callable[[WorkerExit], None],
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._node_name = node_name
        self._include = [os.path.abspath(folder) for folder in include]
        self._max_payload_bytes = max_payload_bytes
        self._max_result_bytes = max_payload_bytes
        self._on_ready = on_ready
        self._on_outcomes = on_outcomes
        self._on_exit = on_exit
        self._block = memoryview(bytearray(PACKET_BYTES))
        self._processes: dict[WorkerId, WorkerProcess] = {}
        self._watches: dict[WorkerId, int | asyncio.TimerHandle] = {}
        self._blocked: set[WorkerId] = set()
        self._unsent: dict[WorkerId, WorkerProcess] = {}
        self._retiring: set[WorkerId] = set()
        self._oom = OomCounter()
        self._reaper = ReaperHandle()
        self._closed = False

    def spawn(self, worker: WorkerId) -> None:
        """Starts a worker process under this number."""
        try:
            mark = f"{self._reaper.mark}.{worker}"
            process = WorkerProcess(worker, self._node_name, self._include, self._max_payload_bytes, mark, self._block)
        except OSError as error:
            reason = f"could not be started: {error}"
            exit_ = WorkerExit(worker, signal=0, exit_code=1, unstarted=[], outcomes=[], entered=0, reason=reason)
            self._loop.call_soon(self._report, exit_)
            return
        self._reaper.add(process.pid)
        self._processes[worker] = process
        self._loop.add_reader(process.node_end, self._read, process)
        self._watch(process)

    def limit_results(self, max_payload_bytes: int) -> None:
        """Lets the results of tasks assigned from now on take no more than this, nor than the pool's own limit."""
        self._max_result_bytes = min(max_payload_bytes, self._max_payload_bytes)

    def assign(self, task: AssignWorker) -> None:
        """Hands a task to its worker, at the latest when ``flush`` is called."""
        payload = task.payload
        header = encode_to_worker(task.local_task_id, task.timeout_s, payload_bytes(payload), self._max_result_bytes)
        process = self._processes[task.worker]
        process.inbox.put(task.local_task_id, header, payload, task.own_packet)
        self._unsent[task.worker] = process

    def flush(self) -> None:
        """Sends what was assigned, many tasks at a time. What the channel does not take waits here."""
        if self._unsent:
            unsent, self._unsent = self._unsent, {}
            for process in unsent.values():
                self._send(process)

    def recall(self, worker: WorkerId) -> Recalled:
        """Takes back what the worker has not started, and all that it has finished; what is left it runs now."""
        process = self._processes.get(worker)
        if process is None:
            return Recalled(worker, [], [], 0)
        unstarted = process.inbox.take_back()
        outcomes = process.finished() if process.ready else []
        self._send(process)
        self._end_if_broken(process)
        return Recalled(worker, unstarted, outcomes, process.entered())

    def kill(self, worker: WorkerId, forced: bool) -> None:
        """Ends a worker and all that it has started: SIGTERM, or SIGKILL when forced."""
        if worker in self._processes:
            self._processes[worker].wanted = True
            self._processes[worker].signal(signal.SIGKILL if forced else signal.SIGTERM)

    def retire(self, worker: WorkerId) -> None:
        """Lets a worker end when it has done what was assigned to it."""
        if worker in self._processes:
            self._retiring.add(worker)
            self._send(self._processes[worker])

    def pids(self) -> dict[WorkerId, int]:
        """The process id of each worker."""
        return {worker: process.pid for worker, process in self._processes.items()}

    def close(self) -> None:
        """Ends every process at once. Blocks for the moment that this takes; nothing is reported."""
        self._closed = True
        for process in self._processes.values():
            self._forget(process)
            process.signal(signal.SIGKILL)
        deadline = monotonic() + CLOSE_WITHIN_S
        for process in self._processes.values():
            try:
                process.wait_and_close(max(0.0, deadline - monotonic()))
            except subprocess.TimeoutExpired:
                continue  # the kernel holds it, on a dead disk for example: it will die when that lets go
        self._processes.clear()
        self._reaper.close()

    # ---- while a worker lives ----------------------------------------------------------------------------------

    def _read(self, process: WorkerProcess) -> None:
        was_ready = process.ready
        outcomes = process.read()
        self._end_if_broken(process)
        if outcomes:
            self._send(process)  # a large task may have waited for these answers
        if process.ready and not was_ready:
            self._on_ready(process.worker)
        if outcomes:
            self._on_outcomes(process.worker, outcomes)

    def _send(self, process: WorkerProcess) -> None:
        try:
            blocked = process.inbox.send()
            if not blocked and process.worker in self._retiring and process.inbox.empty():
                process.inbox.end()
        except OSError:
            blocked = False
            process.reason = process.reason or "closed Argon's channel"
            self._end_if_broken(process)
        if blocked and process.worker not in self._blocked:
            self._blocked.add(process.worker)
            self._loop.add_writer(process.node_end, self._send, process)
        elif not blocked and process.worker in self._blocked:
            self._blocked.discard(process.worker)
            self._loop.remove_writer(process.node_end)

    def _end_if_broken(self, process: WorkerProcess) -> None:
        if process.reason:
            self._loop.remove_reader(process.node_end)
            process.signal(signal.SIGKILL)

    # ---- when a worker dies ------------------------------------------------------------------------------------

    def _watch(self, process: WorkerProcess) -> None:
        try:
            pidfd = os.pidfd_open(process.pid)
        except (AttributeError, OSError):  # a system or a sandbox without it
            self._poll(process)
        else:
            self._watches[process.worker] = pidfd
            self._loop.add_reader(pidfd, self._died, process)

    def _poll(self, process: WorkerProcess) -> None:
        if process.running():
            self._watches[process.worker] = self._loop.call_later(POLL_S, self._poll, process)
        else:
            self._died(process)

    def _died(self, process: WorkerProcess) -> None:
        self._forget(process)
        killed = process.killed
        process.signal(signal.SIGKILL)  # what it has left behind; its id stays taken until it is waited for below
        outcomes = process.finished()
        unstarted = process.inbox.take_back()
        entered = process.entered()
        code = process.wait_and_close()
        del self._processes[process.worker]
        self._reaper.remove(process.pid, process.worker)
        number = max(0, -code)
        exit_ = WorkerExit(
            process.worker,
            signal=number,
            exit_code=max(0, code),
            unstarted=unstarted,
            outcomes=outcomes,
            entered=entered,
            oom=number == signal.SIGKILL and not killed and self._oom.has_risen(),
            reason=process.reason,
            wanted=process.wanted,
        )
        self._report(exit_)

    def _report(self, exit_: WorkerExit) -> None:
        if not self._closed:
            self._on_exit(exit_)

    def _forget(self, process: WorkerProcess) -> None:
        """Takes the process out of the event loop."""
        self._loop.remove_reader(process.node_end)
        self._loop.remove_writer(process.node_end)
        self._blocked.discard(process.worker)
        self._unsent.pop(process.worker, None)
        self._retiring.discard(process.worker)
        watch = self._watches.pop(process.worker, None)
        if isinstance(watch, asyncio.TimerHandle):
            watch.cancel()
        elif watch is not None:
            self._loop.remove_reader(watch)
            os.close(watch)
