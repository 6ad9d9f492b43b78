"""The life of a client's connection: made, renewed when it is lost, closed.

In: an address and a token. Out: a ``ClientShell`` that tasks can be handed to, for as long as the connection is wanted.
All calls are made on the event loop's own thread. It must never see a task.
"""

from __future__ import annotations

import asyncio
from typing import Any

from argon.client.client_shell import ClientShell
from argon.client.loop_guards import LoopGuards
from argon.client.task_id import parse_task_id
from argon.errors import ConnectionFailed
from argon.net.dialer import Dialer
from argon.protocol.handshake import Role
from argon.protocol.messages import ExplainRequest, StatusRequest
from argon.settings import AS_THE_CLUSTER_SAYS, PeerLiveness


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
        self._dialer = Dialer(
            address,
            Role.CLIENT,
            token,
            on_up=self.shell.welcomed,
            on_messages=self.shell.received,
            on_down=self.shell.lost,
        )
        self._keeping: asyncio.Task[None] | None = None

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
        self._keeping = loop.create_task(self._dialer.keep())

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

    async def close(self) -> None:
        """Answers every task that has no answer yet as lost, and disconnects."""
        if self._keeping is not None:
            self._keeping.cancel()
        self.shell.end()
        self._dialer.close("the client is leaving")
        await self._dialer.wait_closed()

    def abandon(self) -> None:
        """Disconnects when the event loop is closed. Nobody is left who waits for an answer."""
        self._dialer.abandon()
