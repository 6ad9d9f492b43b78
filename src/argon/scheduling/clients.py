"""The clients of a cluster: what each has outstanding, and what it may.

In: that a client's task is admitted or answered, that a large payload is announced or has come. Out: counters that are
always right. It must never decide about a task.

Each answer carries credits: how many tasks its client may have outstanding from then on. Credits may fall while tasks
are under way, but each answer frees one, so what a client that heeds them can still have outstanding falls by at most
one an answer: ``allowance = max(credits, allowance − 1)``. A client that has more than that ignores its credits; what
it has nevertheless, it keeps. Heartbeats carry credits too, since room may come while a client has no answer to
expect for long; those only raise the allowance.
"""

from __future__ import annotations

from argon.protocol.messages import Announced
from argon.scheduling.task import Task


class ClientSession:
    """One client's connection: its unanswered tasks by its own numbers, and the payload it has announced, if any."""

    __slots__ = ("peer", "allowance", "tasks", "announced")

    def __init__(self, peer: int, allowance: int) -> None:
        self.peer = peer
        self.allowance = allowance
        self.tasks: dict[int, Task] = {}
        self.announced: Announced | None = None

    def outstanding(self) -> int:
        """How many tasks it has here, one whose payload is on the way included."""
        return len(self.tasks) + (self.announced is not None)

    def grant(self, credit: int) -> int:
        """Books the credits that the next answer carries, and returns them."""
        self.allowance = max(max(credit, self.allowance - 1), len(self.tasks))  # compiled, three at once are dear
        return credit


class Clients:
    """All clients. ``active`` have unanswered tasks; ``announced`` payloads, ``announced_bytes`` large, are on the
    way."""

    def __init__(self) -> None:
        self._sessions: dict[int, ClientSession] = {}
        self.active = 0
        self.announced = 0
        self.announced_bytes = 0

    def __len__(self) -> int:
        return len(self._sessions)

    def add(self, peer: int, allowance: int) -> None:
        """A client has come."""
        self._sessions[peer] = ClientSession(peer, allowance)

    def get(self, peer: int | None) -> ClientSession | None:
        """The client behind this peer, if it is still there."""
        return None if peer is None else self._sessions.get(peer)

    def offer(self, peer: int, credit: int) -> int:
        """Books the credits that a heartbeat to this peer carries, and returns them: 0 if it is no client."""
        session = self._sessions.get(peer)
        if session is None:
            return 0
        session.allowance = max(credit, session.allowance)
        return credit

    def all(self) -> list[ClientSession]:
        """Every client."""
        return list(self._sessions.values())

    def remove(self, session: ClientSession) -> None:
        """A client is gone."""
        del self._sessions[session.peer]
        self.end_announcement(session)
        self.active -= bool(session.tasks)

    def begin(self, session: ClientSession, task: Task) -> None:
        """A task of this client was admitted."""
        if not session.tasks:
            self.active += 1
        session.tasks[task.client_id] = task

    def end(self, session: ClientSession, task: Task) -> None:
        """A task of this client is answered."""
        del session.tasks[task.client_id]
        if not session.tasks:
            self.active -= 1

    def announce(self, session: ClientSession, announced: Announced) -> None:
        """A payload was admitted by its header; its bytes are booked before they come."""
        session.announced = announced
        self.announced += 1
        self.announced_bytes += announced.size_bytes

    def end_announcement(self, session: ClientSession) -> None:
        """The announced payload has come, or never will."""
        if session.announced is not None:
            self.announced -= 1
            self.announced_bytes -= session.announced.size_bytes
            session.announced = None
