"""What every client has inside: the connection to the cluster, around ``ClientState``.

In: packed tasks from a face, each with a ticket (the face's future), and what the cluster says. Out: each ticket with
its outcome, through a callback, exactly once. All calls are made on the event loop's own thread. It must never pack
or unpack a payload: that is the faces'.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from time import monotonic
from typing import Any, Final

import msgspec

from argon.errors import ConnectionFailed
from argon.net.channel import Channel
from argon.net.dialer import Dialer
from argon.net.timer import DeadlineTimer
from argon.protocol.handshake import Role
from argon.protocol.messages import Message, Outcome, Payload, StatusReply, StatusRequest, Welcome
from argon.scheduling.client_state import ClientState
from argon.scheduling.effects import ClientEffect, Close, Refused, Send, Settle
from argon.scheduling.task_options import TaskOptions

_PEER: Final = 1


class ClientShell:
    """Args:
    address: ``host:port`` of the cluster, or of a node that listens by itself.
    token: the shared secret.
    on_settled: called with a task's ticket and its outcome.
    on_refused: called with a task's ticket when a queued-only cancel came too late.
    """

    def __init__(
        self,
        address: str,
        token: bytes,
        on_settled: Callable[[Any, Outcome], None],
        on_refused: Callable[[Any], None] = lambda ticket: None,
    ) -> None:
        self._state = ClientState(random.Random())
        self._on_settled = on_settled
        self._on_refused = on_refused
        self._timer = DeadlineTimer(self._tick, self._state.next_deadline)
        self._dialer = Dialer(
            address,
            Role.CLIENT,
            token,
            on_up=self._welcomed,
            on_messages=self._received,
            on_down=self._lost,
        )
        self._channel: Channel | None = None
        self._keeping: asyncio.Task[None] | None = None
        self._flushing = False
        self._session = 0
        self._tickets: dict[int, Any] = {}
        self._numbers: list[asyncio.Future[dict[str, Any]]] = []

    async def connect(self, timeout_s: float) -> None:
        """Connects for the first time; afterwards the connection is renewed by itself.

        Raises:
            ConnectionFailed, AuthenticationFailed: as ``Dialer.connect`` does, or ``timeout_s`` passed.
        """
        try:
            await asyncio.wait_for(self._dialer.connect(), timeout_s)
        except TimeoutError:
            raise ConnectionFailed(
                f"no answer from {self._dialer.address} within {timeout_s:g} s", address=self._dialer.address
            ) from None
        self._keeping = asyncio.get_running_loop().create_task(self._dialer.keep())

    def submit(self, kind: int, payload: Payload, options: TaskOptions, deadline: float, ticket: Any) -> int:
        """Hands a task over; returns its number. Its outcome may be reported before this returns."""
        task, effects = self._state.submit(kind, payload, options, deadline, monotonic())
        self._tickets[task] = ticket
        self._perform(effects)
        return task

    def cancel(self, task: int, queued_only: bool = False) -> None:
        """Asks for the end of a task."""
        self._perform(self._state.cancel(task, queued_only, monotonic()))

    def is_sent(self, task: int) -> bool:
        """Whether the cluster has the task. May be called from any thread."""
        return self._state.is_sent(task)

    def window(self) -> int:
        """How many tasks are worth having under way at once. May be called from any thread."""
        return self._state.window()

    async def status(self) -> dict[str, Any]:
        """The cluster's numbers.

        Raises:
            ConnectionFailed: there is no connection at present.
        """
        if self._channel is None:
            raise ConnectionFailed(f"there is no connection to {self._dialer.address} now; it is being renewed")
        reply: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        self._numbers.append(reply)
        self._channel.send(StatusRequest())
        self._channel.flush()
        return await reply

    async def close(self) -> None:
        """Answers every task that has no answer yet as lost, and disconnects."""
        self._perform(self._state.close())
        if self._keeping is not None:
            self._keeping.cancel()
        self._flush()
        self._dialer.close("the client is leaving")
        await self._dialer.wait_closed()
        self._timer.cancel()

    # ---- events -------------------------------------------------------------------------------------------------

    def _welcomed(self, channel: Channel, welcome: Welcome) -> None:
        self._channel = channel
        self._session += 1
        self._perform(self._state.connected(self._session, welcome, monotonic()))

    def _received(self, channel: Channel, messages: list[Message]) -> None:
        if self._numbers and any(type(message) is StatusReply for message in messages):
            messages = self._take_numbers(messages)
        self._perform(self._state.received(self._session, messages, monotonic()))

    def _take_numbers(self, messages: list[Message]) -> list[Message]:
        others: list[Message] = []
        for message in messages:
            if isinstance(message, StatusReply) and self._numbers:
                reply = self._numbers.pop(0)
                if not reply.done():
                    _answer(reply, message.text)
            else:
                others.append(message)
        return others

    def _lost(self, channel: Channel, reason: str) -> None:
        self._channel = None
        numbers, self._numbers = self._numbers, []
        for reply in numbers:
            if not reply.done():
                reply.set_exception(ConnectionFailed(f"the connection was lost: {reason}"))
        self._perform(self._state.lost(self._session, monotonic()))

    def _tick(self) -> None:
        self._perform(self._state.tick(monotonic()))

    # ---- effects ------------------------------------------------------------------------------------------------

    def _perform(self, effects: list[ClientEffect]) -> None:
        channel = self._channel
        for effect in effects:
            if type(effect) is Settle:
                self._on_settled(self._tickets.pop(effect.task), effect.outcome)
            elif type(effect) is Send:
                if channel is not None:
                    channel.send(effect.message)
            elif type(effect) is Refused:
                if effect.task in self._tickets:
                    self._on_refused(self._tickets[effect.task])
            else:
                assert type(effect) is Close
                if channel is not None:
                    channel.close(effect.reason)
        if not self._flushing:
            self._flushing = True
            asyncio.get_running_loop().call_soon(self._flush)

    def _flush(self) -> None:
        """Ends a turn of the loop: what was submitted in it leaves together."""
        self._flushing = False
        if self._channel is not None:
            self._channel.flush()
        self._timer.arm(self._state.next_deadline())


def _answer(reply: asyncio.Future[dict[str, Any]], text: bytes) -> None:
    try:
        reply.set_result(msgspec.json.decode(text, type=dict[str, Any]))
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        reply.set_exception(ConnectionFailed(f"the cluster's numbers cannot be read: {error}"))
