"""Virtual clients: the scheduling code of real ones, and callers who submit and wait.

In: tasks, the messages of the cluster, and virtual time. Out: the messages of the client, and each task's answer. It
must never decide what is sent: that is the client's state machine.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from math import inf
from random import Random
from typing import Final

from argon.planning.agenda import Agenda, Timer
from argon.planning.course import Course
from argon.protocol.ids import PeerId
from argon.protocol.messages import Message, Welcome
from argon.scheduling.client.client_state import ClientState
from argon.scheduling.effects import ClientEffect, Send, Settle
from argon.scheduling.task_options import TaskOptions

PAYLOAD_BYTES: Final = 8
"""A task's payload is its number."""


class VirtualClient:
    """A client and its callers.

    Args:
        peer: its number in the cluster.
        send: takes the messages that the client sends.
    """

    def __init__(
        self,
        peer: PeerId,
        *,
        course: Course,
        agenda: Agenda,
        rng: Random,
        send: Callable[[PeerId, list[Message]], None],
    ) -> None:
        self.peer = peer
        self.state = ClientState(rng)
        self._course = course
        self._agenda = agenda
        self._send = send
        self._tasks: list[int] = []
        self._timer = Timer(agenda, self.state.next_deadline, self._tick)

    def start(self, welcome: Welcome, now: float) -> None:
        """Takes the cluster's welcome."""
        self.state.connected(welcome.session, welcome, now)
        self._timer.set()

    def submit(self, task: int, kind: int, options: TaskOptions) -> None:
        """Submits a task of a caller."""
        now = self._agenda.now
        deadline = inf if options.timeout_s is None else now + options.timeout_s
        self._tasks.append(task)
        _, effects = self.state.submit(kind, task.to_bytes(PAYLOAD_BYTES, "little"), options, deadline, now)
        self._perform(effects)

    def receive(self, messages: list[Message]) -> None:
        """Takes messages of the cluster."""
        self._perform(self.state.received(self.peer, messages, self._agenda.now))

    def _tick(self) -> None:
        self._perform(self.state.tick(self._agenda.now))

    def _perform(self, effects: Iterable[ClientEffect]) -> None:
        sent: list[Message] = []
        for effect in effects:
            if isinstance(effect, Send):
                sent.append(effect.message)
            elif isinstance(effect, Settle):
                task = self._tasks[effect.task - 1]  # a client numbers its tasks from 1
                self._course.answer(task, effect.answer.status, self._agenda.now)
            else:
                raise AssertionError(f"a virtual client cannot do {effect}")
        if sent:
            self._send(self.peer, sent)
        self._timer.set()
