"""The thread that holds a client's connection, for callers on any other thread: its life, and that of its event loop.

In: packed tasks with their tickets, cancels and questions, from any thread. Out: each ticket settled with its answer,
once. It must never pack a call, which is the callers' work.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import threading
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any

from argon.client.cancel_patience import CancelPatience
from argon.client.client_connection import ClientConnection
from argon.client.leaving import AnyFuture, until_idle
from argon.client.local_run import LocalThreads
from argon.client.submissions import Submissions
from argon.client.ticket import Ticket
from argon.client.usage_guards import UsageGuards
from argon.errors import ArgonError, ConnectionFailed
from argon.process.event_loop import run_on_own_loop
from argon.protocol.messages import Payload
from argon.scheduling.task_options import TaskOptions
from argon.settings import AS_THE_CLUSTER_SAYS, PeerLiveness

if TYPE_CHECKING:
    from argon.client.local_cluster import LocalCluster


class LoopThread:
    """The thread that holds a client's connection, shared by all views of the client.

    Args:
        address: ``host:port``.
        token: the shared secret.
        connect_timeout_s: for how long the first connection is tried; None for one attempt.
        liveness: what is wanted of the cluster's heartbeats.

    Attributes:
        connection: its coroutines are for ``call``.
        shell: ``is_sent``, ``window`` and ``session`` may be asked from any thread.
        guards: what callers may not do.
        local_threads: where calls are run in this process.
        cancel_patience: for those who wait until it is decided whether a task is cancelled.
        broken: how the cluster of its own has ended before it, empty if it has not.
        settle_lock: under it, one of several threads ends a future. A collection or a signal may run somebody's code in
            the midst of it, on the same thread, and that may cancel: hence it can be taken again.
    """

    def __init__(
        self,
        address: str,
        token: bytes,
        connect_timeout_s: float | None,
        liveness: PeerLiveness = AS_THE_CLUSTER_SAYS,
    ) -> None:
        self.connection = ClientConnection(address, token, liveness)
        self.shell = self.connection.shell
        self.local_threads = LocalThreads()
        self.cancel_patience = CancelPatience()
        self.settle_lock = threading.RLock()
        self._submissions = Submissions(self.shell, self._wake)
        self._connected: concurrent.futures.Future[None] = concurrent.futures.Future()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._ending = asyncio.Event()
        self._leaving: asyncio.Task[None] | None = None
        self._cluster: LocalCluster | None = None
        self.broken = ""
        thread = threading.Thread(target=self._run, args=(connect_timeout_s,), name="argon-client", daemon=True)
        self.guards = UsageGuards(thread)
        thread.start()
        try:
            self._connected.result()
        except BaseException:  # it cannot connect, or Ctrl-C
            self._connected = concurrent.futures.Future()  # that one has the exception, which holds this frame
            self.close()
            raise

    # ---- from any thread ----------------------------------------------------------------------------------------

    def submit(self, kind: int, payload: Payload, options: TaskOptions, deadline: float, ticket: Ticket) -> None:
        """Hands over a packed task.

        Raises:
            ConnectionFailed: the client is closed.
            RuntimeError: this is a forked process.
        """
        self.guards.check_usable()
        self._submissions.submit(kind, payload, options, deadline, ticket)

    def cancel(self, ticket: Ticket) -> None:
        """Asks for the end of a task."""
        self.guards.check_process()
        self._submissions.cancel(ticket)

    def cancel_queued(self, ticket: Ticket) -> concurrent.futures.Future[None]:
        """Asks for the end of a task unless a node has it; the future is done when that is decided."""
        self.guards.check_process()
        return self._submissions.cancel_queued(ticket)

    def call(self, function: Callable[..., Coroutine[Any, Any, Any]], *arguments: Any) -> Any:
        """Runs a coroutine function on the loop and waits for what it returns.

        Raises:
            ConnectionFailed: the client is closed, or was meanwhile.
            RuntimeError: this is a forked process, or the loop's own thread.
        """
        self.guards.check_usable()
        self.guards.check_may_wait()
        assert self._loop is not None
        coroutine = function(*arguments)
        try:
            return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result()
        except concurrent.futures.CancelledError:  # by the loop, at its end
            pass
        except RuntimeError:  # the loop has ended
            coroutine.close()
        raise ConnectionFailed(self.guards.why_closed)

    def own(self, cluster: LocalCluster) -> None:
        """Takes over a local cluster: keeps it alive, and closes it at the thread's end. If the cluster ends before
        that, so does this thread, since nobody can take its place."""
        self._cluster = cluster
        self.connection.watch(cluster.ended, self._cluster_has_ended)

    def release(self) -> None:
        """Nobody holds the client any more: the thread ends when all that was submitted has ended.

        It may be called in a collection, on any thread, in the midst of anything: it only wakes the loop.
        """
        if self.guards.in_own_process():
            self._wake(self._leave)

    def close(self) -> None:
        """Ends the connection and the thread."""
        if not self.guards.in_own_process():
            return
        self.guards.closed = True  # a loop that is not made yet sees this, or is seen by the next line
        self._wake(self._ending.set)
        if not self.guards.on_own_thread():
            self.guards.thread.join()

    def _wake(self, callback: Callable[[], object]) -> None:
        if self._loop is None:
            return
        try:
            self._loop.call_soon_threadsafe(callback)
        except RuntimeError:
            pass  # the loop has just been closed, and has answered everything

    # ---- on the loop --------------------------------------------------------------------------------------------

    def _run(self, connect_timeout_s: float | None) -> None:
        life = self._live(connect_timeout_s)
        try:
            run_on_own_loop(life)
        except BaseException as error:  # noqa: BLE001  # it is raised in the caller's thread, if that still waits
            life.close()
            if not self._connected.done():
                self._connected.set_exception(error)
        finally:
            if self._cluster is not None:
                self._cluster.close()

    async def _live(self, connect_timeout_s: float | None) -> None:
        self._loop = asyncio.get_running_loop()
        connecting = asyncio.ensure_future(self.connection.connect(connect_timeout_s))
        ending = asyncio.ensure_future(self._ending.wait())
        if self.guards.closed:
            self._ending.set()
        await asyncio.wait([connecting, ending], return_when=asyncio.FIRST_COMPLETED)
        if not connecting.done():  # nobody waits for it any more
            connecting.cancel()
            await asyncio.wait([connecting])
            return
        failure = connecting.exception()
        if isinstance(failure, ArgonError):  # raised here, it would stay with this coroutine's task, which frames hold
            self._connected.set_exception(failure)
            return
        connecting.result()
        self._connected.set_result(None)
        try:
            await ending
        finally:
            self.guards.closed = True
            self._submissions.close()
            await self.connection.close(self.broken or "the client was closed")
            self.local_threads.close()

    def _leave(self) -> None:
        self._submissions.hand_over()
        self._leaving = asyncio.ensure_future(until_idle(self._unanswered))
        self._leaving.add_done_callback(lambda _: self._ending.set())

    def _unanswered(self) -> AnyFuture | None:
        return next(self.shell.unanswered(), None) or self.local_threads.unfinished()

    def _cluster_has_ended(self, how: str) -> None:
        if not self.broken:
            self.broken = f"the local cluster has ended ({how})"
            self.guards.why_closed = f"{self.broken}; create a new client"
            self.guards.closed = True
            self._ending.set()
