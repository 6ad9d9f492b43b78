"""The synchronous half of a node: events come in, ``NodeState`` decides, and what it decides is performed.

In: messages of the cluster, what the pool reports of workers, and the time. Out: the state's effects, performed in
order, on the link and on the pool. It must never decide anything itself, never unpickle, and never wait: it is
compiled, and coroutines are not.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from time import monotonic
from typing import Any, Final, TypeAlias

from argon.net.channel import Channel
from argon.net.memory import MemoryChannel
from argon.net.timer import DeadlineTimer
from argon.node.pool import Pool
from argon.protocol.ids import PeerId, WorkerId
from argon.protocol.messages import Message, Outcome, Welcome
from argon.scheduling.effects import AssignWorker, Close, Kill, NodeEffect, Recall, Retire, Send, Spawn, Stop
from argon.scheduling.node.node_state import NodeState
from argon.scheduling.node.worker_slot import WorkerExit
from argon.settings import NodeSettings

Link: TypeAlias = Channel | MemoryChannel
log: Final = logging.getLogger("argon.node")


class NodeShell:
    """The link to the cluster, the pool, and the state between them.

    What the link, the pool and the loop call (``received``, ``worker_ready``, ``worker_answered``, ``worker_ended``, a
    timer that rings) is guarded here: what it raises is a broken invariant. What the node calls, the node guards.

    Args:
        settings: the node's.
        on_stop: called when everything is answered.
        on_broken: called with what an event raised; returns whether that has ended the node. If not, it is raised.

    Attributes:
        state: every decision.
        ready: set when the cluster has welcomed the node and all its workers can run a task.
    """

    def __init__(
        self,
        settings: NodeSettings,
        on_stop: Callable[[], None],
        on_broken: Callable[[Exception], bool],
    ) -> None:
        self.state = NodeState(settings)
        self.ready = asyncio.Event()
        self._workers = settings.workers
        self._on_stop = on_stop
        self._on_broken = on_broken
        self._pool: Pool | None = None
        self._link: Link | None = None
        self._connection_number: PeerId = 0  # by which the state knows the link
        self._timer = DeadlineTimer(self._ring, self.state.next_deadline)

    # ---- called by the node -------------------------------------------------------------------------------------

    def start(self, pool: Pool) -> None:
        """Starts the workers."""
        self._pool = pool
        self._perform(self.state.start())

    def welcomed(self, link: Link, welcome: Welcome, level: int = logging.INFO) -> None:
        """Takes the link on which the cluster has welcomed this node, and logs that at this level."""
        assert self._pool is not None
        self._pool.limit_results(welcome.max_payload_bytes)
        self._link = link
        self._connection_number += 1
        log.log(level, "connected to the cluster, as session %d", welcome.session)
        self._perform(self.state.connected(self._connection_number, welcome, monotonic()))
        self._note_ready()

    def lost(self, link: Link) -> None:
        """Lets go of a link that is gone."""
        if link is self._link:
            self._link = None
            self._perform(self.state.lost(self._connection_number, monotonic()))

    def pressed(self, pressure: float) -> None:
        """Reports how busy the machine is, from 0 to 1."""
        self._perform(self.state.pressed(pressure))

    def drain(self, timeout_s: float) -> None:
        """Takes nothing new, and stops when what runs is finished or this time is over."""
        self._perform(self.state.drain(monotonic(), timeout_s))

    def close(self, reason: str) -> None:
        """Says goodbye to the cluster, and lets the timer ring no more."""
        self._timer.cancel()
        if self._link is not None:
            self._link.close(reason)

    # ---- called by the link, the pool and the loop ----------------------------------------------------------------

    def received(self, link: Link, messages: list[Message]) -> None:
        """The cluster has sent these messages."""
        try:  # not by _guarded, whose call is 4 % of what this process needs for a round trip
            if self._link is None:
                messages = self._take_welcome(link, messages)
            if link is self._link:
                self._perform(self.state.received(self._connection_number, messages, monotonic()))
        except Exception as error:
            if not self._on_broken(error):
                raise

    def worker_ready(self, worker: WorkerId) -> None:
        """A worker can run tasks."""
        self._guarded(self._worker_ready, worker)

    def worker_answered(self, worker: WorkerId, outcomes: list[Outcome]) -> None:
        """A worker has finished tasks."""
        try:  # as above
            self._perform(self.state.worker_answered(worker, outcomes, monotonic()))
        except Exception as error:
            if not self._on_broken(error):
                raise

    def worker_ended(self, exit_: WorkerExit) -> None:
        """A worker is gone."""
        self._guarded(self._worker_ended, exit_)

    def _ring(self) -> None:
        self._guarded(self._tick)

    def _guarded(self, event: Callable[..., None], *arguments: Any) -> None:
        """Runs one event; what it raises is a broken invariant, and ends the node."""
        try:
            event(*arguments)
        except Exception as error:
            if not self._on_broken(error):
                raise

    # ---- events -------------------------------------------------------------------------------------------------

    def _take_welcome(self, link: Link, messages: list[Message]) -> list[Message]:
        first = messages[0]
        if isinstance(first, Welcome):
            self.welcomed(link, first)
            messages = messages[1:]
        return messages

    def _worker_ready(self, worker: WorkerId) -> None:
        self._perform(self.state.worker_ready(worker, monotonic()))
        self._note_ready()

    def _worker_ended(self, exit_: WorkerExit) -> None:
        amiss = (exit_.signal or exit_.exit_code) and not exit_.wanted
        level = logging.WARNING if amiss else logging.DEBUG
        log.log(level, "worker %d ended: signal %d, exit code %d", exit_.worker, exit_.signal, exit_.exit_code)
        self._perform(self.state.worker_ended(exit_, monotonic()))

    def _tick(self) -> None:
        now = monotonic()
        link = self._link
        if link is not None and self.state.liveness.silent(now) and link.has_unread():
            self.state.liveness.stands(self._connection_number, now)  # it is this process that was late
        self._perform(self.state.tick(now))

    def _note_ready(self) -> None:
        if self._link is not None and self.state.ready_workers() >= self._workers:
            self.ready.set()

    # ---- effects ------------------------------------------------------------------------------------------------

    def _perform(self, effects: list[NodeEffect]) -> None:
        """Performs what an event has decided. What a recall brings back is an event of its own, and comes after it."""
        pool, link = self._pool, self._link
        assert pool is not None
        recalls = self._perform_all(effects, pool, link)
        while recalls:
            recalled = pool.recall(recalls.pop(0))
            recalls += self._perform_all(self.state.worker_recalled(recalled, monotonic()), pool, link)
        pool.flush()
        if link is not None and link.pending:
            link.flush()
        self._timer.arm(self.state.next_deadline())

    def _perform_all(self, effects: list[NodeEffect], pool: Pool, link: Link | None) -> list[WorkerId]:
        """Performs effects in order, but for recalls; returns the workers to recall."""
        recalls: list[WorkerId] = []
        for effect in effects:
            if type(effect) is Send:
                if link is not None:
                    link.send(effect.message)
            elif type(effect) is AssignWorker:
                pool.assign(effect)
            elif type(effect) is Recall:
                recalls.append(effect.worker)
            else:
                self._perform_rare(effect, pool)
        return recalls

    def _perform_rare(self, effect: NodeEffect, pool: Pool) -> None:
        if type(effect) is Spawn:
            pool.spawn(effect.worker)
        elif type(effect) is Kill:
            pool.kill(effect.worker, effect.forced)
        elif type(effect) is Retire:
            pool.retire(effect.worker)
        elif type(effect) is Close:
            if self._link is not None:
                self._link.close(effect.reason)
        else:
            assert type(effect) is Stop
            self._on_stop()
