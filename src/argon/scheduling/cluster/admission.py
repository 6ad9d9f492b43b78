"""Whether a task may enter: forecasts its wait from the other parts, and decides once (``admission_rule.py``).

In: a Submit and its client. Out: the forecast of a task that may enter, or its rejection; how many tasks clients may
have, and whom to offer credits. It must never keep a task, send anything, or change a part but for two things: the
clients to offer credits to, and the trials of functions that take too long.
"""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING, Final

from argon.errors import RejectReason
from argon.protocol.ids import PeerId
from argon.protocol.messages import Announced, Oversized, Submit
from argon.scheduling.cluster.admission_rule import BURST, queue_target_s, reject_reason
from argon.scheduling.cluster.clients import Clients, ClientSession
from argon.scheduling.cluster.forecast import Forecast, Rejection
from argon.scheduling.cluster.membership import Membership
from argon.scheduling.cluster.queue import TaskQueue
from argon.scheduling.cluster.retry_pacing import RetryPacing
from argon.scheduling.cluster.shutdown import Shutdown
from argon.scheduling.cluster.standing_queue import StandingQueue
from argon.scheduling.load import ServiceTimes
from argon.settings import ClusterSettings

if TYPE_CHECKING:
    from random import Random

STALLED_RETRY_S: Final = 0.05


class AdmissionControl:
    """Decides who may enter a cluster; see the arguments for what it reads."""

    def __init__(
        self,
        *,
        settings: ClusterSettings,
        rng: Random,
        clients: Clients,
        queue: TaskQueue,
        membership: Membership,
        shutdown: Shutdown,
        fleet: ServiceTimes,
    ) -> None:
        self._settings = settings
        self._clients = clients
        self._queue = queue
        self._membership = membership
        self._shutdown = shutdown
        self._fleet = fleet
        self._standing_queue = StandingQueue()
        self._retry_pacing = RetryPacing(rng)

    def decide(self, client: ClientSession, m: Submit, size_bytes: int, free: bool, now: float) -> Forecast | Rejection:
        """Decides about a task that has come, and books when it is to come back if it may not enter.

        Args:
            client: who has sent it.
            m: its header.
            size_bytes: of its payload.
            free: whether a node takes it at once.
            now: the time.

        Returns:
            Its forecast if it may enter, else the rejection to answer with.
        """
        forecast = self.forecast(client, m, size_bytes, free)
        if not free:
            forecast.may_wait_s = self._may_wait_s(forecast.wait_s, now)
        reason = reject_reason(self._settings, forecast)
        if reason is None and m.timeout_s:
            left_s = m.timeout_s if free else m.timeout_s - forecast.wait_s
            if self._fleet.too_long(m.kind, left_s) and not self._fleet.admit_trial(m.kind, now, waits=not free):
                reason = RejectReason.DEADLINE
        if reason is None:
            return forecast
        work_s = forecast.run_s / max(1, forecast.workers)
        retry_after_s = self._retry_pacing.book(reason, forecast.wait_s, work_s, now)
        if retry_after_s and not self._has_free_worker():  # else a free worker would not help it
            self._clients.await_offer(client)
        return Rejection(client.peer, m.id, reason, retry_after_s, forecast)

    def oversized(self, client: ClientSession, m: Oversized) -> Rejection:
        """The rejection of a task of which only the size was read: the queue can never hold it."""
        submit = Submit(m.id, 0, False, 0.0, 0, 0, b"")
        forecast = self.forecast(client, submit, m.size_bytes, False)
        return Rejection(client.peer, m.id, RejectReason.TOO_LARGE, 0.0, forecast)

    def stalled(self, client: ClientSession, m: Announced) -> Rejection:
        """The rejection of a task whose payload has stopped coming: others can use its place."""
        forecast = self.forecast(client, m.submit, m.size_bytes, False)
        return Rejection(client.peer, m.submit.id, RejectReason.QUEUE_FULL, STALLED_RETRY_S, forecast)

    def forecast(self, client: ClientSession, m: Submit, size_bytes: int, free: bool) -> Forecast:
        """What is foreseen for a task, but for how long it may wait; ``free`` is whether a node takes it at once."""
        queue, clients, membership = self._queue, self._clients, self._membership
        workers, in_flight = membership.workers, membership.in_flight
        run_s = self.expected_s(m.kind)
        work_s = ahead_s = queue.ahead_s(m.priority, client.peer, run_s)
        if in_flight >= workers:  # it waits for the first worker to become free, and for what is prefetched
            ahead_s += (in_flight - workers + 1) * self._fleet.mean_s()
        return Forecast(
            draining=self._shutdown.draining,
            free=free,
            size_bytes=size_bytes,
            timeout_s=m.timeout_s,
            run_s=run_s,
            work_s=work_s,
            wait_s=ahead_s / max(1, workers),
            may_wait_s=inf,
            few=queue.waiting_at(m.priority) < self._places(m),
            queue_length=queue.length + clients.announced,
            queue_bytes=queue.size_bytes + clients.announced_bytes,
            in_flight=in_flight,
            workers=workers,
            nodes=membership.open,
            outstanding=client.outstanding(),
            allowance=client.allowance,
        )

    def expected_s(self, kind: int) -> float:
        """What a task of this kind is expected to take anywhere, 0 if nothing was ever measured."""
        return self._fleet.of(kind) or self._fleet.mean_s()

    def budget(self) -> int:
        """How many tasks all clients may have here together."""
        workers, mean_s = self._membership.workers, self._fleet.mean_s()
        waiting = self._settings.queue_limit
        target_s = queue_target_s(self._settings, mean_s)
        if mean_s and workers and target_s != inf:
            waiting = min(waiting, int(target_s * workers / mean_s))
        return waiting + max(workers, self._membership.in_flight)

    def pop_client_to_offer(self) -> PeerId | None:
        """Takes out the client to offer credits to: of those with a rejected task the one that waits longest, if any.

        One at a time, when nothing waits and a worker is free: so those who were told to come back later do not wait
        while workers idle, and do not all come at once. A cluster that drains offers nothing.
        """
        return None if self._shutdown.draining or not self._has_free_worker() else self._clients.pop_awaiting_offer()

    def _places(self, m: Submit) -> int:
        """How many of its priority may always wait: one for each worker; as many more are for those whose turn may come
        soon, so that others, which must first grow as old here, do not keep them out."""
        aged = m.priority and m.waited_s >= m.priority * self._settings.age_step_s
        return self._membership.workers * (2 if aged else 1)

    def _has_free_worker(self) -> bool:
        """Whether nothing waits and a worker is free."""
        return not len(self._queue) and self._membership.in_flight < self._membership.workers

    def _may_wait_s(self, wait_s: float, now: float) -> float:
        target_s = queue_target_s(self._settings, self._fleet.mean_s())
        if wait_s <= target_s or not self._membership.workers:
            return inf  # a queue is not standing while tasks that come need not wait for long
        standing = self._standing_queue.update(self._queue.oldest(now), target_s, now)
        return target_s if standing else BURST * target_s
