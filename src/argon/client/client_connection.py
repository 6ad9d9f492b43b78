"""The life of a client's connection: made, renewed when it is lost, closed.

In: an address and a token. Out: a ``ClientShell`` that tasks can be handed to, for as long as the connection is wanted.
All calls are made on the event loop's own thread. It must never see a task.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final

from argon.client.client_shell import ClientShell
from argon.client.leaving import AnyFuture, until_idle
from argon.client.loop_guards import LoopGuards
from argon.client.task_id import parse_task_id
from argon.errors import ConnectionFailed
from argon.net.channel import Channel
from argon.net.dialer import Dialer
from argon.protocol.handshake import Role
from argon.protocol.messages import ExplainRequest, StatusRequest
from argon.settings import AS_THE_CLUSTER_SAYS, PeerLiveness

_DEATH_WAIT_S: Final = 0.2  # a process that was killed closes its sockets a moment before it has ended


class ClientConnection:
    """A connection that is renewed by itself.

    Args:
        address: ``host:port`` of the cluster, or of a node that listens by itself.
        token: the shared secret.
        liveness: what is wanted of the cluster's heartbeats.

    Attributes:
        shell: takes the tasks.
        guards: on which loop it lives, from ``connect`` on.
    """

    def __init__(self, address: str, token: bytes, liveness: PeerLiveness = AS_THE_CLUSTER_SAYS) -> None:
        self.shell = ClientShell(liveness)
        self.guards: LoopGuards | None = None
        self._ended: Callable[[float], str | None] | None = None
        self._tell_ended: Callable[[str], None] | None = None
        self._dialer = Dialer(
            address,
            Role.CLIENT,
            token,
            on_up=self.shell.welcomed,
            on_messages=self.shell.received,
            on_down=self._lost,
            on_failure=lambda _: self._ask_whether_ended(0.0),
        )
        self._keeping: asyncio.Task[None] | None = None
        self._leaving: asyncio.Task[None] | None = None

    def watch(self, ended: Callable[[float], str | None], tell: Callable[[str], None]) -> None:
        """Has it ask, whenever the connection is lost or cannot be renewed, whether the cluster can come back.

        Args:
            ended: waits so many seconds; returns how the cluster has ended for good, None if it has not.
            tell: is told that on the event loop, before the tasks which were sent are lost.
        """
        self._ended, self._tell_ended = ended, tell

    def _lost(self, channel: Channel, reason: str) -> None:
        self._ask_whether_ended(_DEATH_WAIT_S)
        self.shell.lost(channel, reason)

    def _ask_whether_ended(self, wait_s: float) -> None:
        if self._ended is not None and (how := self._ended(wait_s)) is not None:
            assert self._tell_ended is not None
            self._tell_ended(how)

    async def connect(self, timeout_s: float | None) -> None:
        """Connects for the first time; afterwards the connection is renewed by itself.

        Args:
            timeout_s: for how long it is tried; None for one attempt.

        Raises:
            ConnectionFailed, AuthenticationFailed: as ``Dialer.connect_within`` and ``Dialer.connect`` do.
        """
        loop = asyncio.get_running_loop()
        self.guards = LoopGuards(loop)
        if timeout_s is None:
            await self._dialer.connect()
        else:
            await self._dialer.connect_within(timeout_s)
        self._keeping = loop.create_task(self._keep())

    async def _keep(self) -> None:
        try:
            await self._dialer.keep()
        except asyncio.CancelledError:  # not by close(): as asyncio.run() does with all that is left at its end
            for future in list(self.shell.unanswered()):
                future.add_done_callback(_retrieve)  # who might have looked at it ends as well
            self._dialer.close("the client's event loop ends")
            raise

    def release(self, unfinished: Callable[[], AnyFuture | None]) -> None:
        """Nobody holds the client any more: it disconnects when all that was submitted has ended.

        It may be called in a collection, on any thread, in the midst of anything: it only wakes the loop.

        Args:
            unfinished: the future of a task that runs in this process, if there is one.
        """
        guards = self.guards
        if guards is None or not guards.in_own_process():
            return
        if guards.is_abandoned():
            self.abandon()
            return
        with suppress(RuntimeError):  # it has just been closed
            guards.loop.call_soon_threadsafe(self._leave, unfinished)

    def _leave(self, unfinished: Callable[[], AnyFuture | None]) -> None:
        async def leave() -> None:
            await until_idle(lambda: next(self.shell.unanswered(), None) or unfinished())
            await self.close()

        self._leaving = asyncio.ensure_future(leave())

    async def status(self) -> dict[str, Any]:
        """The cluster's numbers.

        Raises:
            ConnectionFailed: there is no connection at present.
        """
        return await self._ask(StatusRequest())

    async def explain(self, task_id: str) -> dict[str, Any]:
        """What the cluster knows of a task.

        Raises:
            ConnectionFailed: there is no connection at present.
            ValueError: it is no task's id.
        """
        return await self._ask(ExplainRequest(*parse_task_id(task_id)))

    async def _ask(self, request: StatusRequest | ExplainRequest) -> dict[str, Any]:
        reply: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        if not self.shell.ask(request, reply):
            raise ConnectionFailed(f"there is no connection to {self._dialer.address} now; the client is reconnecting")
        return await reply

    async def close(self, reason: str = "the client was closed") -> None:
        """Answers every task that has no answer yet as lost, for this reason, and disconnects."""
        self._ended = None
        if self._keeping is not None:
            self._keeping.cancel()
        self.shell.end(reason)
        self._dialer.close("the client is leaving")
        await self._dialer.wait_closed()

    def abandon(self) -> None:
        """Disconnects when the event loop is closed. Nobody is left who waits for an answer."""
        if self._keeping is not None:
            self._keeping._log_destroy_pending = False  # type: ignore[attr-defined]  # nothing can end it any more
        self._dialer.abandon()


def _retrieve(future: AnyFuture) -> None:
    """Keeps asyncio from reporting an exception at which nobody has looked."""
    if not future.cancelled():
        future.exception()
