"""The synchronous half of a client: packed tasks in, decisions by ``ClientState``, outcomes out.

In: packed tasks from the client API, each with a ticket (its future), and messages from the cluster. Out: each ticket
is settled with its answer, exactly once. All calls are made on the event loop's own thread, but ``is_sent`` and
``window``, which any thread may make. It must never pack or unpack a payload, which the client API does, and never
wait: it is compiled, and coroutines are not.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterator
from concurrent.futures import Future
from time import monotonic
from typing import Any, Final

import msgspec

from argon.client.ticket import Ticket
from argon.errors import ConnectionFailed
from argon.net.channel import Channel
from argon.net.timer import DeadlineTimer
from argon.protocol.ids import ClientTaskId
from argon.protocol.messages import (
    ExplainReply,
    ExplainRequest,
    Message,
    Payload,
    StatusReply,
    StatusRequest,
    Welcome,
)
from argon.scheduling.client.client_state import ClientState
from argon.scheduling.client.credits import INITIAL_WINDOW_TASKS
from argon.scheduling.effects import CancelTooLate, ClientEffect, Close, Send, Settle
from argon.scheduling.task_options import TaskOptions
from argon.settings import AS_THE_CLUSTER_SAYS, PeerLiveness

_FLUSH_MESSAGES: Final = INITIAL_WINDOW_TASKS  # so many leave at once: the first run while the rest are packed
_LOOK_EVERY_S: Final = 0.05


class ClientShell:
    """The channel to the cluster, and the state that speaks on it.

    The thread or the loop may have been busy with something else for any time, and the connection may have ended
    meanwhile: so before a task is sent, it is looked whether the connection still stands, each 50 ms at most.

    Args:
        liveness: what is wanted of the cluster's heartbeats.

    Attributes:
        loop: the event loop on which all this happens, from the first connection on.
        session: what the cluster calls this connection, or the last there was; 0 before the first.
    """

    def __init__(self, liveness: PeerLiveness = AS_THE_CLUSTER_SAYS) -> None:
        self._state = ClientState(random.Random(), liveness)
        self._look_at = 0.0
        self.loop: asyncio.AbstractEventLoop | None = None
        self._timer = DeadlineTimer(self._tick, self._state.next_deadline)
        self._channel: Channel | None = None
        self._flushing = False
        self._unflushed = 0
        self._connection_number = 0
        self.session = 0
        self._tickets: dict[ClientTaskId, Ticket] = {}
        self._undecided: dict[ClientTaskId, list[Future[None]]] = {}
        self._asked: list[asyncio.Future[dict[str, Any]]] = []

    # ---- called by the client API -------------------------------------------------------------------------------

    def submit(self, kind: int, payload: Payload, options: TaskOptions, deadline: float, ticket: Ticket) -> None:
        """Hands a task over, and gives its ticket the task's id. The ticket may be settled before this returns."""
        now = monotonic()
        if now >= self._look_at:
            self._look(now)
        client_task_id, effects = self._state.submit(kind, payload, options, deadline, now)
        ticket.client_task_id = client_task_id
        self._tickets[client_task_id] = ticket
        self._perform(effects)

    def cancel(self, client_task_id: ClientTaskId) -> None:
        """Asks for the end of a task."""
        self._perform(self._state.cancel(client_task_id, False, monotonic()))

    def cancel_queued(self, client_task_id: ClientTaskId, decided: Future[None]) -> None:
        """Asks for the end of a task unless a node has it. ``decided`` gets its result once the ticket is settled, or
        the cluster has answered that it is too late."""
        if client_task_id in self._tickets:
            self._undecided.setdefault(client_task_id, []).append(decided)
            self._perform(self._state.cancel(client_task_id, True, monotonic()))
        else:
            decided.set_result(None)

    def is_sent(self, client_task_id: ClientTaskId) -> bool:
        """Whether the cluster has the task. May be called from any thread."""
        return self._state.is_sent(client_task_id)

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

    def unanswered(self) -> Iterator[Future[Any] | asyncio.Future[Any]]:
        """The futures of tasks that have no answer yet. A call that waits is none of them: its caller does."""
        for ticket in self._tickets.values():
            if isinstance(ticket, Future | asyncio.Future) and not ticket.done():
                yield ticket

    def end(self, reason: str) -> None:
        """Answers every task that has no answer yet as lost, and lets the timer ring no more."""
        self._perform(self._state.close(reason))
        self._flush()
        self._timer.cancel()

    def welcomed(self, channel: Channel, welcome: Welcome) -> None:
        """The cluster has accepted this client."""
        self._channel = channel
        self._connection_number += 1
        self.session = welcome.session
        self._look_at = 0.0
        self.loop = asyncio.get_running_loop()
        over = channel.is_cut_off()
        self._perform(self._state.connected(self._connection_number, welcome, monotonic(), over))

    def received(self, channel: Channel, messages: list[Message]) -> None:
        """Messages have come from the cluster."""
        if self._asked:
            messages = self._take_replies(messages)
        now = monotonic()
        if now >= self._look_at:
            self._look(now)
        self._perform(self._state.received(self._connection_number, messages, now))

    def lost(self, channel: Channel, reason: str) -> None:
        """The connection is gone."""
        self._channel = None
        asked, self._asked = self._asked, []
        for reply in asked:
            if not reply.done():
                reply.set_exception(ConnectionFailed(f"the connection was lost: {reason}"))
        self._perform(self._state.lost(self._connection_number, monotonic(), set(channel.unsent_submits())))

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
        now = monotonic()
        self._look(now)
        channel, liveness = self._channel, self._state.liveness
        if channel is not None and liveness.silent(now) and channel.has_unread():
            liveness.stands(self._connection_number, now)  # it is this process that was late
        self._perform(self._state.tick(now))

    def _look(self, now: float) -> None:
        """Sends nothing more on a connection whose other end is closed; what has come on it is read all the same."""
        self._look_at = now + _LOOK_EVERY_S
        channel = self._channel
        if channel is not None and channel.is_cut_off():
            self._state.cut_off(self._connection_number)

    def _perform(self, effects: list[ClientEffect]) -> None:
        channel = self._channel
        for effect in effects:
            if type(effect) is Settle:
                self._tickets.pop(effect.task).settle(effect.answer, self.session)
                if self._undecided:
                    self._decide(effect.task)
            elif type(effect) is Send:
                if channel is not None:
                    channel.send(effect.message)
                    self._unflushed += 1
            elif type(effect) is CancelTooLate:
                self._decide(effect.task)
            else:
                assert type(effect) is Close
                if channel is not None:
                    channel.close(effect.reason)
        if self._unflushed >= _FLUSH_MESSAGES and channel is not None:
            self._unflushed = 0
            channel.flush()
        if not self._flushing:
            self._flushing = True
            if self.loop is None:
                self.loop = asyncio.get_running_loop()
            self.loop.call_soon(self._flush)

    def _decide(self, client_task_id: ClientTaskId) -> None:
        """Answers those who wanted a task cancelled unless a node has it."""
        for decided in self._undecided.pop(client_task_id, ()):
            decided.set_result(None)

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
