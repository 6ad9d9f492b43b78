"""Virtual clients: the scheduling code of real ones, and callers who submit and wait.

In: tasks, what the cluster says, and virtual time. Out: what the client says, and each task's answer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from math import inf
from random import Random
from typing import Final

from argon.planning.agenda import Agenda, Timer
from argon.planning.course import Course
from argon.protocol.messages import Message, Welcome
from argon.scheduling.client.client_state import ClientState
from argon.scheduling.effects import ClientEffect, Send, Settle
from argon.scheduling.task_options import TaskOptions

PAYLOAD_BYTES: Final = 8
"""A task's payload is its number."""


class VirtualClient:
    """A client with callers.

    Args:
        peer: what the cluster calls it.
        say: takes what the client says.
    """

    def __init__(
        self, peer: int, course: Course, agenda: Agenda, rng: Random, say: Callable[[int, list[Message]], None]
    ) -> None:
        self.peer = peer
        self.state = ClientState(rng)
        self._course = course
        self._agenda = agenda
        self._say = say
        self._tasks: list[int] = []
        self._timer = Timer(agenda, self.state.next_deadline, self._ring)

    def start(self, welcome: Welcome, now: float) -> None:
        """The cluster has welcomed it."""
        self.state.connected(welcome.session, welcome, now)
        self._timer.set()

    def submit(self, task: int, kind: int, options: TaskOptions) -> None:
        """A caller hands over a task."""
        now = self._agenda.now
        deadline = inf if options.timeout_s is None else now + options.timeout_s
        self._tasks.append(task)
        _, effects = self.state.submit(kind, task.to_bytes(PAYLOAD_BYTES, "little"), options, deadline, now)
        self._perform(effects)

    def hears(self, messages: list[Message]) -> None:
        """The cluster has said these things."""
        self._perform(self.state.received(self.peer, messages, self._agenda.now))

    def _ring(self) -> None:
        self._perform(self.state.tick(self._agenda.now))

    def _perform(self, effects: Iterable[ClientEffect]) -> None:
        said: list[Message] = []
        for effect in effects:
            if isinstance(effect, Send):
                said.append(effect.message)
            elif isinstance(effect, Settle):
                task = self._tasks[effect.task - 1]  # a client numbers its tasks from 1
                self._course.answer(task, effect.outcome.status, self._agenda.now)
            else:
                raise AssertionError(f"a virtual client cannot do {effect}")
        if said:
            self._say(self.peer, said)
        self._timer.set()
