"""The synchronous half of a client: packed tasks in, decisions by ``ClientState``, outcomes out.

In: packed tasks from a face, each with a ticket (the face's future), and what the cluster says. Out: each ticket with
its outcome, through a callback, exactly once. All calls are made on the event loop's own thread, but ``is_sent`` and
``window``, which any thread may make. It must never pack or unpack a payload, which is the faces', and never wait: it
is compiled, and coroutines are not.
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
from argon.net.timer import DeadlineTimer
from argon.protocol.messages import (
    Answer,
    ExplainReply,
    ExplainRequest,
    Message,
    Payload,
    StatusReply,
    StatusRequest,
    Welcome,
)
from argon.scheduling.client.client_state import PROBE_TASKS, ClientState
from argon.scheduling.effects import ClientEffect, Close, Refused, Send, Settle
from argon.scheduling.task_options import TaskOptions

_FLUSH_MESSAGES: Final = PROBE_TASKS  # so many leave at once, so that the first run while the rest are being packed


class ClientShell:
    """The channel to the cluster, and the state that speaks on it.

    Args:
        on_settled: called with a task's ticket, its outcome, and the session in which it ended.
        on_refused: called with a task's ticket when a queued-only cancel came too late.

    Attributes:
        session: what the cluster calls this connection, or the last there was; 0 before the first.
    """

    def __init__(self, on_settled: Callable[[Any, Answer, int], None], on_refused: Callable[[Any], None]) -> None:
        self._state = ClientState(random.Random())
        self._on_settled = on_settled
        self._on_refused = on_refused
        self._timer = DeadlineTimer(self._tick, self._state.next_deadline)
        self._channel: Channel | None = None
        self._flushing = False
        self._unflushed = 0
        self._session = 0
        self.session = 0
        self._tickets: dict[int, Any] = {}
        self._asked: list[asyncio.Future[dict[str, Any]]] = []

    # ---- called by the faces ------------------------------------------------------------------------------------

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

    def window(self, options: TaskOptions) -> int:
        """How many tasks with these options are worth having under way at once. May be called from any thread."""
        return self._state.window(options)

    # ---- called by the connection -------------------------------------------------------------------------------

    def ask(self, request: StatusRequest | ExplainRequest, reply: asyncio.Future[dict[str, Any]]) -> bool:
        """Asks the cluster, which replies in the order of the requests; returns False when there is no connection at
        present."""
        if self._channel is None:
            return False
        self._asked.append(reply)
        self._channel.send(request)
        self._channel.flush()
        return True

    def end(self) -> None:
        """Answers every task that has no answer yet as lost, and lets the timer ring no more."""
        self._perform(self._state.close())
        self._flush()
        self._timer.cancel()

    def welcomed(self, channel: Channel, welcome: Welcome) -> None:
        """The cluster has taken this client."""
        self._channel = channel
        self._session += 1
        self.session = welcome.session
        self._perform(self._state.connected(self._session, welcome, monotonic()))

    def received(self, channel: Channel, messages: list[Message]) -> None:
        """The cluster has said these things."""
        if self._asked:
            messages = self._take_replies(messages)
        self._perform(self._state.received(self._session, messages, monotonic()))

    def lost(self, channel: Channel, reason: str) -> None:
        """The connection is gone."""
        self._channel = None
        asked, self._asked = self._asked, []
        for reply in asked:
            if not reply.done():
                reply.set_exception(ConnectionFailed(f"the connection was lost: {reason}"))
        self._perform(self._state.lost(self._session, monotonic()))

    # ---- private ------------------------------------------------------------------------------------------------

    def _take_replies(self, messages: list[Message]) -> list[Message]:
        others: list[Message] = []
        for message in messages:
            if isinstance(message, StatusReply | ExplainReply) and self._asked:
                reply = self._asked.pop(0)
                if not reply.done():
                    _answer(reply, message.text)
            else:
                others.append(message)
        return others

    def _tick(self) -> None:
        self._perform(self._state.tick(monotonic()))

    def _perform(self, effects: list[ClientEffect]) -> None:
        channel = self._channel
        for effect in effects:
            if type(effect) is Settle:
                self._on_settled(self._tickets.pop(effect.task), effect.outcome, self.session)
            elif type(effect) is Send:
                if channel is not None:
                    channel.send(effect.message)
                    self._unflushed += 1
            elif type(effect) is Refused:
                if effect.task in self._tickets:
                    self._on_refused(self._tickets[effect.task])
            else:
                assert type(effect) is Close
                if channel is not None:
                    channel.close(effect.reason)
        if self._unflushed >= _FLUSH_MESSAGES and channel is not None:
            self._unflushed = 0
            channel.flush()
        if not self._flushing:
            self._flushing = True
            asyncio.get_running_loop().call_soon(self._flush)

    def _flush(self) -> None:
        """Ends a turn of the loop: what was submitted in it leaves together."""
        self._flushing = False
        self._unflushed = 0
        if self._channel is not None:
            self._channel.flush()
        self._timer.arm(self._state.next_deadline())


def _answer(reply: asyncio.Future[dict[str, Any]], text: bytes) -> None:
    try:
        reply.set_result(msgspec.json.decode(text, type=dict[str, Any]))
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        reply.set_exception(ConnectionFailed(f"the cluster's reply cannot be read: {error}"))
