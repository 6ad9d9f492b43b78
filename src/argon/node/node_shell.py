"""The synchronous half of a node: what the cluster says and workers answer, decisions by ``NodeState``, what is done.

In: messages of the cluster, what happens to workers, and the time. Out: what the state decides, performed in order,
to the link and to the pool. It must never decide anything itself, never unpickle, and never wait: it is compiled, and
coroutines are not.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from time import monotonic
from typing import Final, TypeAlias

from argon.net.channel import Channel
from argon.net.memory import MemoryChannel
from argon.net.timer import DeadlineTimer
from argon.node.pool import Pool, WorkerExit
from argon.protocol.messages import Message, Outcome, Welcome
from argon.scheduling.effects import AssignWorker, Close, Kill, NodeEffect, Recall, Retire, Send, Spawn, Stop
from argon.scheduling.node.node_state import NodeState
from argon.scheduling.node.workers import WorkerEnd
from argon.settings import NodeSettings

Link: TypeAlias = Channel | MemoryChannel
log: Final = logging.getLogger("argon.node")


class NodeShell:
    """The link to the cluster, the pool, and the state between them.

    What the link, the pool and the loop call (``received``, ``worker_ready``, ``worker_answered``, ``worker_ended``, a
    timer that rings) is guarded here, since it happens for every task: what it raises is a broken invariant. What the
    node calls, the node guards.

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
        self._session = 0
        self._timer = DeadlineTimer(self._tick, self.state.next_deadline)

    # ---- called by the node -------------------------------------------------------------------------------------

    def start(self, pool: Pool) -> None:
        """Starts the workers."""
        self._pool = pool
        self._perform(self.state.start())

    def welcomed(self, link: Link, welcome: Welcome, level: int = logging.INFO) -> None:
        """The cluster has taken this node, which is logged at this level."""
        assert self._pool is not None
        self._pool.limit_results(welcome.max_payload_bytes)
        self._link = link
        self._session += 1
        log.log(level, "= the cluster has welcomed this node as session %d", welcome.session)
        self._perform(self.state.connected(self._session, welcome, monotonic()))
        self._note_ready()

    def lost(self, link: Link) -> None:
        """A link is gone."""
        if link is self._link:
            self._link = None
            self._perform(self.state.lost(self._session, monotonic()))

    def pressed(self, pressure: float) -> None:
        """The machine is so busy, from 0 to 1."""
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
        """The cluster has said these things."""
        try:
            if self._link is None:
                first = messages[0]
                if isinstance(first, Welcome):
                    self.welcomed(link, first)
                    messages = messages[1:]
            if link is self._link:
                self._perform(self.state.received(self._session, messages, monotonic()))
        except Exception as error:
            if not self._on_broken(error):
                raise

    def worker_ready(self, worker: int) -> None:
        """A worker can run tasks."""
        try:
            self._perform(self.state.worker_ready(worker, monotonic()))
            self._note_ready()
        except Exception as error:
            if not self._on_broken(error):
                raise

    def worker_answered(self, worker: int, outcomes: list[Outcome]) -> None:
        """A worker has finished tasks."""
        try:
            self._perform(self.state.worker_answered(worker, outcomes, monotonic()))
        except Exception as error:
            if not self._on_broken(error):
                raise

    def worker_ended(self, exit_: WorkerExit) -> None:
        """A worker is gone."""
        try:
            amiss = (exit_.signal or exit_.exit_code) and not exit_.wanted
            level = logging.WARNING if amiss else logging.DEBUG
            log.log(level, "x worker %d ended: signal %d, exit code %d", exit_.worker, exit_.signal, exit_.exit_code)
            end = WorkerEnd(
                exit_.worker, exit_.signal, exit_.exit_code, exit_.oom, exit_.reason, exit_.unstarted, exit_.entered
            )
            self._perform(self.state.worker_ended(end, exit_.outcomes, monotonic()))
        except Exception as error:
            if not self._on_broken(error):
                raise

    def _tick(self) -> None:
        try:
            self._perform(self.state.tick(monotonic()))
        except Exception as error:
            if not self._on_broken(error):
                raise

    def _note_ready(self) -> None:
        if self._link is not None and self.state.ready_workers() >= self._workers:
            self.ready.set()

    # ---- effects ------------------------------------------------------------------------------------------------

    def _perform(self, effects: list[NodeEffect]) -> None:
        pool, link = self._pool, self._link
        assert pool is not None
        for effect in effects:
            if type(effect) is Send:
                if link is not None:
                    link.send(effect.message)
            elif type(effect) is AssignWorker:
                pool.assign(effect.worker, effect.assign, effect.own_packet)
            elif type(effect) is Recall:
                back = pool.recall(effect.worker)
                recalled = self.state.worker_recalled(
                    effect.worker, back.task_ids, back.outcomes, back.entered, monotonic()
                )
                effects.extend(recalled)  # the loop comes to them last
            else:
                self._perform_rare(effect, pool)
        pool.flush()
        if link is not None and link.pending:
            link.flush()
        self._timer.arm(self.state.next_deadline())

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
