"""The door of the corridor: reads off the rooms what admission decides by, for a task that has come.

In: a Submit and who says it. Out: whether it may enter, when it may come back, how many tasks a client may have, and
whom to tell of room; that list of clients is all that it changes, the corridor does the rest.
"""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING

from argon.errors import RejectReason
from argon.protocol.messages import Oversized, Submit
from argon.scheduling.cluster.admission import BURST, Door, Rejection, Returns, queue_target_s, refusal
from argon.scheduling.cluster.clients import Clients, ClientSession
from argon.scheduling.cluster.membership import Membership
from argon.scheduling.cluster.queue import TaskQueue
from argon.scheduling.cluster.standing_queue import Standing
from argon.scheduling.cluster.task import Admission
from argon.scheduling.load import ServiceTimes
from argon.settings import ClusterSettings

if TYPE_CHECKING:
    from random import Random


class DoorState:
    """One cluster's. ``shut`` is whether nothing more may enter."""

    def __init__(
        self,
        settings: ClusterSettings,
        rng: Random,
        clients: Clients,
        queue: TaskQueue,
        membership: Membership,
        fleet: ServiceTimes,
    ) -> None:
        self._settings = settings
        self._clients = clients
        self._queue = queue
        self._membership = membership
        self._fleet = fleet
        self._standing = Standing()
        self._returns = Returns(rng)
        self._ahead_s = 0.0
        self._allowed_s = inf
        self.shut = False

    def refusal(self, client: ClientSession, m: Submit, size_bytes: int, free: bool, now: float) -> RejectReason | None:
        """Why this task may not enter, or None. ``free`` is whether a worker is free for it."""
        queue, wait_s, may_wait_s = self._queue, 0.0, inf
        if not free:
            wait_s = self.wait_s(client, m)
            may_wait_s = self._may_wait_s(wait_s, now)
        self._allowed_s = may_wait_s
        door = Door(
            self.shut,
            free,
            self._membership.open,
            queue.length + self._clients.announced,
            queue.size_bytes + self._clients.announced_bytes,
            client.outstanding(),
            client.allowance,
            wait_s,
            may_wait_s,
            queue.waiting_at(m.priority) < self._places(m),
        )
        reason = refusal(self._settings, door, size_bytes, m.timeout_s)
        if reason is None and m.timeout_s and self._fleet.too_long(m.kind, m.timeout_s - wait_s):
            return None if self._fleet.admit_trial(m.kind, now, waits=not free) else RejectReason.DEADLINE
        return reason

    def rejection(
        self, client: ClientSession, m: Submit, size_bytes: int, reason: RejectReason, now: float
    ) -> Rejection:
        """When a task that was refused may come back, and the numbers of the moment."""
        workers = self._membership.workers
        run_s = self.expected_s(m.kind)
        if reason is not RejectReason.TOO_LARGE and not self._has_room():  # else it is not room that it wants
            self._clients.turn_away(client)
        wait_s = self.wait_s(client, m)
        after_s = self._returns.retry_after_s(reason, wait_s, run_s / max(1, workers), now)
        return Rejection(
            client.peer,
            m.id,
            reason,
            after_s,
            size_bytes,
            m.timeout_s,
            run_s,
            wait_s,
            self._allowed_s,
            self._queue.length + self._clients.announced,
            self._queue.size_bytes + self._clients.announced_bytes,
            self._ahead_s,
            workers,
            self._membership.open,
            client.outstanding(),
            client.allowance,
        )

    def guest(self) -> int | None:
        """The client to be told that there is room: of those that were refused the one that was so longest ago.

        One at a time, when nothing waits and a worker is free: so those who were told to come back later do not wait
        while workers idle, and do not all come at once. Nobody is told so by a cluster that is leaving.
        """
        return None if self.shut or not self._has_room() else self._clients.next_turned_away()

    def oversized(self, client: ClientSession, m: Oversized) -> Rejection:
        """The same for a task of which only the size was read: there will never be room."""
        submit = Submit(m.id, 0, False, 0.0, 0, 0, b"")
        return self.rejection(client, submit, m.size_bytes, RejectReason.TOO_LARGE, 0.0)

    def admission(self, client: ClientSession, m: Submit, asked: bool) -> Admission:
        """What is ahead of a task that must wait: of the one that was ``asked`` about last, or of another."""
        if not asked:
            self.wait_s(client, m)
        members = self._membership
        return Admission(len(self._queue), self._ahead_s, members.in_flight, members.workers)

    def expected_s(self, kind: int) -> float:
        """What a task of this kind is expected to take anywhere, 0 if nothing was ever measured."""
        return self._fleet.of(kind) or self._fleet.mean_s()

    def wait_s(self, client: ClientSession, m: Submit) -> float:
        """How long a task is predicted to wait: what would go before it, what nodes have prefetched, and the rest of
        what the first worker to become free is running, by the workers."""
        workers = self._membership.workers
        ahead_s = self._ahead_s = self._queue.ahead_s(m.priority, client.peer, self.expected_s(m.kind))
        begun = self._membership.in_flight - workers
        if begun >= 0:
            ahead_s += (begun + 1) * self._fleet.mean_s()
        return ahead_s / max(1, workers)

    def room(self) -> int:
        """How many tasks all clients may have here together."""
        workers, mean_s = self._membership.workers, self._fleet.mean_s()
        waiting = self._settings.queue_limit
        target_s = queue_target_s(self._settings, mean_s)
        if mean_s and workers and target_s != inf:
            waiting = min(waiting, int(target_s * workers / mean_s))
        return waiting + max(workers, self._membership.in_flight)

    def _places(self, m: Submit) -> int:
        """How many of its priority may always wait: one for each worker; as many more are for those whose turn may come
        soon, so that others, which must first grow as old here, do not keep them out."""
        aged = m.priority and m.waited_s >= m.priority * self._settings.age_step_s
        return self._membership.workers * (2 if aged else 1)

    def _has_room(self) -> bool:
        """Whether nothing waits and a worker is free."""
        return not len(self._queue) and self._membership.in_flight < self._membership.workers

    def _may_wait_s(self, wait_s: float, now: float) -> float:
        target_s = queue_target_s(self._settings, self._fleet.mean_s())
        if wait_s <= target_s or not self._membership.workers:
            return inf  # and whether the queue stands is not asked
        stands = self._standing.look(self._queue.oldest(now), target_s, now)
        return target_s if stands else BURST * target_s
