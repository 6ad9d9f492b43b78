"""The clients of a cluster: what each has outstanding, and what it may.

In: that a client's task is admitted or answered, that a large payload is announced or has come. Out: counters that are
always right, and each client's share. It must never decide about a task.

How many tasks clients may have together is a budget, and is shared by demand: each may have an equal share, and what
those leave who did not want it of late is shared by those who used all of theirs (max-min fairness, one step of it). So
one that fills the cluster has all but what the others use now and then, and what they have stopped using is not kept
for them for long.

Each answer carries credits: how many tasks its client may have outstanding from then on. Credits may fall while tasks
are under way, but each answer frees one, so what a client that heeds them can still have outstanding falls by at most
one an answer: ``allowance = max(credits, allowance − 1)``. A client that has more than that ignores its credits; what
it has nevertheless, it keeps. Heartbeats carry credits too, since the budget may grow while a client has no answer to
expect for long; those only raise the allowance.
"""

from __future__ import annotations

from typing import Final

from argon.protocol.ids import ClientTaskId, PeerId
from argon.protocol.messages import Announced
from argon.scheduling.cluster.task import Task

_SHARED_EVERY_S: Final = 0.05
_SHARING_S: Final = 20e-6  # for each client: so sharing never takes more than a few per cent of the time
_DEMAND_HALF_S: Final = 0.05
_GREEDY_USE: Final = 0.75


class ClientSession:
    """One client's connection: its unanswered tasks by its own numbers, and the payload it has announced, if any.

    ``demand`` is the most that it had outstanding of late.
    """

    __slots__ = ("peer", "allowance", "tasks", "announced", "demand")

    def __init__(self, peer: PeerId, allowance: int) -> None:
        self.peer = peer
        self.allowance = allowance
        self.tasks: dict[ClientTaskId, Task] = {}
        self.announced: Announced | None = None
        self.demand = 0.0

    def outstanding(self) -> int:
        """How many tasks it has here, one whose payload is on the way included."""
        return len(self.tasks) + (self.announced is not None)

    def grant(self, credit: int) -> int:
        """Books the credits that the next answer carries, and returns them."""
        self.allowance = max(max(credit, self.allowance - 1), len(self.tasks))  # compiled, three at once are dear
        return credit


class Clients:
    """All clients. ``announced`` payloads, ``announced_bytes`` large, are on the way.

    Args:
        limit: most tasks that one client may have outstanding, whatever its share.
    """

    def __init__(self, limit: int) -> None:
        self._sessions: dict[PeerId, ClientSession] = {}
        self._limit = limit
        self._active = 0
        self._share = 0.0
        self._extra = 0.0
        self._shared_at = 0.0
        self._new_demand = False
        self._awaiting_offer: dict[PeerId, None] = {}
        self.announced = 0
        self.announced_bytes = 0

    def __len__(self) -> int:
        return len(self._sessions)

    def add(self, peer: PeerId, budget: int) -> int:
        """A client has come; returns its first credits."""
        session = self._sessions[peer] = ClientSession(peer, 0)
        session.allowance = self.credit(session, budget)
        return session.allowance

    def get(self, peer: PeerId | None) -> ClientSession | None:
        """The client behind this peer, if it is still there."""
        return None if peer is None else self._sessions.get(peer)

    def offer(self, peer: PeerId, budget: int) -> int:
        """Books the credits that a heartbeat to this peer carries, and returns them: 0 if it is no client, or one that
        awaits an offer and would take them for it."""
        session = self._sessions.get(peer)
        if session is None or peer in self._awaiting_offer:
            return 0
        credit = self.credit(session, budget)
        session.allowance = max(credit, session.allowance)
        return credit

    def all(self) -> list[ClientSession]:
        """Every client."""
        return list(self._sessions.values())

    def remove(self, session: ClientSession) -> None:
        """A client is gone."""
        del self._sessions[session.peer]
        self._awaiting_offer.pop(session.peer, None)
        self.end_announcement(session)
        self._new_demand = True

    def begin(self, session: ClientSession, task: Task) -> None:
        """A task of this client was admitted."""
        session.tasks[task.client_task_id] = task
        outstanding = float(len(session.tasks))
        if outstanding > session.demand:
            session.demand = outstanding
            self._new_demand = True

    def end(self, session: ClientSession, task: Task) -> None:
        """A task of this client is answered."""
        del session.tasks[task.client_task_id]

    def share(self, budget: int, now: float) -> None:
        """Shares a budget of so many tasks anew between the clients that want some, if it is time to."""
        past_s = now - self._shared_at
        if past_s < (len(self._sessions) * _SHARING_S if self._new_demand else _SHARED_EVERY_S):
            return
        self._shared_at, self._new_demand = now, False
        kept: float = 0.5 ** (past_s / _DEMAND_HALF_S)
        self._active = 0
        for session in self._sessions.values():
            session.demand = max(float(len(session.tasks)), min(session.demand, self._share) * kept)
            self._active += session.demand >= 0.5
        self._share = budget / max(1, self._active)
        left, greedy = 0.0, 0
        for session in self._sessions.values():
            if self._is_greedy(session):
                greedy += 1
            elif session.demand >= 0.5:
                left += max(0.0, self._share - session.demand)
        self._extra = left / greedy if greedy else 0.0

    def credit(self, session: ClientSession, budget: int) -> int:
        """How many tasks this client may have outstanding, of so many for all."""
        newcomer = session.demand < 0.5
        share = budget / max(1, self._active + newcomer)
        if self._is_greedy(session):
            share += self._extra
        return min(self._limit, max(1, int(share)))

    def _is_greedy(self, session: ClientSession) -> bool:
        """Whether it had nearly all that an equal share allows, of late."""
        return session.demand >= _GREEDY_USE * max(1.0, self._share - 1.0)

    def await_offer(self, session: ClientSession) -> None:
        """A task of this client was rejected for lack of workers; it comes behind those that await an offer."""
        self._awaiting_offer[session.peer] = None

    def pop_awaiting_offer(self) -> PeerId | None:
        """Takes out the client that has awaited an offer of credits for longest; None if there is none."""
        if not self._awaiting_offer:
            return None
        peer = next(iter(self._awaiting_offer))
        del self._awaiting_offer[peer]
        return peer

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
