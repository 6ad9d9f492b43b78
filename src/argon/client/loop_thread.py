"""The thread that holds a client's connection, for callers on any other thread.

In: packed tasks with their tickets, and cancels, from any thread. Out: each ticket settled with its outcome, once.
Tasks are handed to the loop in batches. It must never pack a call, which is the callers' work, and it refuses
to let its own thread wait.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import os
import threading
from collections import deque
from collections.abc import Callable, Coroutine
from typing import Any, TypeAlias
from weakref import ref

from argon.call.deadline import deadline_of
from argon.client.client_connection import ClientConnection
from argon.client.run_here import KeptCall, LocalThreads
from argon.client.task_owner import LocallyRun
from argon.client.ticket import Ticket
from argon.errors import ConnectionFailed
from argon.process.event_loop import run_on_own_loop
from argon.protocol.codec import encode_diagnosis
from argon.protocol.diagnosis import Diagnosis
from argon.protocol.messages import Answer, Entered, Outcome, Payload, Status
from argon.scheduling.task_options import TaskOptions

_NO_WAITING_HERE = "a callback must not wait for an answer: it runs on the thread that brings the answers"
_CLOSED = Diagnosis("the client was closed")
_CLOSED_SENTENCE = "this client is closed; make a new one"


_Packed: TypeAlias = tuple[Ticket, int, Payload, TaskOptions, float]


class LoopThread:
    """The thread that holds a client's connection, shared by all views of the client.

    Args:
        address: ``host:port``.
        token: the shared secret.
        connect_timeout_s: how long the first connection may take.

    Attributes:
        deciding: under it, one of several threads ends a future. A collection or a signal may run somebody's code in
            the midst of it, on the same thread, and that may cancel: hence it can be taken again.
    """

    def __init__(self, address: str, token: bytes, connect_timeout_s: float) -> None:
        self._address = address
        self._token = token
        self._pid = os.getpid()
        self._inbox: deque[_Packed] = deque()
        self.deciding = threading.RLock()
        self._threads = LocalThreads()
        self._woken = False
        self._closed = False
        self._ended = False
        self._connected: concurrent.futures.Future[None] = concurrent.futures.Future()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._ending = asyncio.Event()
        self._thread = threading.Thread(target=self._run, args=(connect_timeout_s,), name="argon-client", daemon=True)
        self._thread.start()
        try:
            self._connected.result()
        except BaseException:  # it cannot connect, or Ctrl-C
            self.close()
            raise

    # ---- from any thread ----------------------------------------------------------------------------------------

    def submit(self, ticket: Ticket, kind: int, payload: Payload, options: TaskOptions) -> float:
        """Hands a packed task to the loop, waking it once for all that come before it wakes; returns its deadline."""
        self._refuse_unless_usable()
        deadline = deadline_of(options)
        self._inbox.append((ticket, kind, payload, options, deadline))
        if self._ended:
            self._refuse_rest()
        elif not self._woken:
            self._woken = True
            try:
                self._wake(self._take)
            except BaseException:  # Ctrl-C, and nobody may have been woken: the next task must try
                self._woken = False
                raise
        return deadline

    def cancel(self, ticket: Ticket, queued_only: bool = False) -> None:
        """Asks for the end of a task."""
        self.refuse_elsewhere()
        if not self._closed:
            self._wake(self._cancel, ticket, queued_only)

    def call(self, coroutine: Coroutine[Any, Any, Any]) -> Any:
        """Runs a coroutine on the loop and waits for it.

        Raises:
            ConnectionFailed: the client was closed meanwhile.
        """
        assert self._loop is not None
        try:
            return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result()
        except concurrent.futures.CancelledError:  # by the loop, at its end
            pass
        except RuntimeError:  # the loop has ended
            coroutine.close()
        raise ConnectionFailed(_CLOSED_SENTENCE)

    def status(self) -> dict[str, Any]:
        """The cluster's numbers."""
        self._refuse_asking()
        numbers: dict[str, Any] = self.call(self._connection.status())
        return numbers

    def explain(self, task_id: str) -> dict[str, Any]:
        """What the cluster knows of a task."""
        self._refuse_asking()
        known: dict[str, Any] = self.call(self._connection.explain(task_id))
        return known

    def session(self) -> int:
        """What the cluster calls this client's connection, or the last there was."""
        return self._shell.session

    def is_sent(self, ticket: Ticket) -> bool:
        """Whether the cluster has the task."""
        return bool(ticket.number) and self._shell.is_sent(ticket.number)

    def window(self, options: TaskOptions) -> int:
        """How many tasks with these options are worth having under way at once."""
        return self._shell.window(options)

    def here(self) -> bool:
        """Whether the caller is on the loop's own thread."""
        return threading.current_thread() is self._thread

    def refuse_waiting(self, ticket: Ticket) -> None:
        """Refuses to wait where no answer can come: on the loop's own thread, and in a forked process."""
        if ticket.done():
            return
        if self.here():
            raise RuntimeError(_NO_WAITING_HERE)
        self.refuse_elsewhere()

    def refuse_elsewhere(self) -> None:
        """Refuses to be used in a forked process, which has no such thread."""
        if self._pid != (here := os.getpid()):
            raise RuntimeError(
                f"this client belongs to process {self._pid}, and this is {here}; make one after the fork"
            )

    def close(self) -> None:
        """Ends the connection and the thread."""
        if self._closed or self._pid != os.getpid():
            return
        self._closed = True  # a loop that is not made yet sees this, or is seen by the next line
        self._wake(self._ending.set)
        if not self.here():
            self._thread.join()

    def _refuse_asking(self) -> None:
        self._refuse_unless_usable()
        if self.here():
            raise RuntimeError(_NO_WAITING_HERE)

    def _refuse_unless_usable(self) -> None:
        if self._closed:
            raise ConnectionFailed(_CLOSED_SENTENCE)
        self.refuse_elsewhere()

    def _wake(self, callback: Callable[..., None], *arguments: Any) -> None:
        if self._loop is None:
            return
        try:
            self._loop.call_soon_threadsafe(callback, *arguments)
        except RuntimeError:
            pass  # the loop has just been closed, and has answered everything

    def _refuse_rest(self) -> None:
        """Answers what came while the client was being closed. Each is taken by one thread only."""
        while self._inbox:
            try:
                ticket, *_ = self._inbox.popleft()
            except IndexError:
                return
            ticket.settle(Outcome(0, Status.LOST, Entered.NO, payload=encode_diagnosis(_CLOSED)))

    # ---- on the loop --------------------------------------------------------------------------------------------

    def run_here(self, future: LocallyRun, kept: KeptCall) -> None:
        """Runs a task that was rejected in a thread of this process."""
        assert self._loop is not None
        seconds = kept.seconds_left()
        if seconds is not None:
            self._loop.call_later(seconds, _expire, ref(future), kept)
        kept.start(self._threads).add_done_callback(future.settle_here)

    def _run(self, connect_timeout_s: float) -> None:
        life = self._live(connect_timeout_s)
        try:
            run_on_own_loop(life)
        except BaseException as error:  # noqa: BLE001  # it is raised in the caller's thread, if that still waits
            life.close()
            if not self._connected.done():
                self._connected.set_exception(error)

    async def _live(self, connect_timeout_s: float) -> None:
        self._loop = asyncio.get_running_loop()
        self._connection = ClientConnection(self._address, self._token, _settle, _stop_refused)
        self._shell = self._connection.shell
        connecting = asyncio.ensure_future(self._connection.connect(connect_timeout_s))
        ending = asyncio.ensure_future(self._ending.wait())
        if self._closed:
            self._ending.set()
        await asyncio.wait([connecting, ending], return_when=asyncio.FIRST_COMPLETED)
        if not connecting.done():  # nobody waits for it any more
            connecting.cancel()
            await asyncio.wait([connecting])
            return
        connecting.result()
        self._connected.set_result(None)
        try:
            await ending
        finally:
            self._closed = True
            self._take()
            self._ended = True  # a thread that hands over a task now sees this, or is seen by the next line
            self._refuse_rest()
            await self._connection.close()
            self._threads.close()

    def _take(self) -> None:
        self._woken = False
        if self._ended:
            return
        inbox, shell = self._inbox, self._shell
        while inbox:
            ticket, kind, payload, options, deadline = inbox.popleft()
            if not ticket.done():
                ticket.number = shell.submit(kind, payload, options, deadline, ticket)

    def _cancel(self, ticket: Ticket, queued_only: bool) -> None:
        self._take()
        if ticket.number:
            self._shell.cancel(ticket.number, queued_only)


def _settle(ticket: Ticket, outcome: Answer, session: int) -> None:
    ticket.settle(outcome, session)


def _expire(future: ref[LocallyRun], kept: KeptCall) -> None:
    waiting = future()
    if waiting is not None:
        waiting.expire_here(kept)


def _stop_refused(ticket: Ticket) -> None:
    ticket.stop_refused()
