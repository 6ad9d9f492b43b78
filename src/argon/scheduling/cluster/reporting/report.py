"""What people are told about a cluster: its numbers, and what became of a task.

In: questions. Out: answers, read off the rooms. It must never change a room.
"""

from __future__ import annotations

import msgspec

from argon.protocol.messages import ExplainReply, ExplainRequest, StatusReply
from argon.scheduling.cluster.clients import Clients
from argon.scheduling.cluster.counters import TaskCounters
from argon.scheduling.cluster.decision_log import DecisionLog
from argon.scheduling.cluster.membership import Membership
from argon.scheduling.cluster.queue import TaskQueue
from argon.scheduling.cluster.reporting.explanation import explanation
from argon.scheduling.cluster.reporting.snapshot import ClusterSnapshot, cluster_snapshot
from argon.scheduling.cluster.shutdown import Shutdown
from argon.settings import ClusterSettings


class ReportState:
    """One cluster's."""

    def __init__(
        self,
        settings: ClusterSettings,
        queue: TaskQueue,
        membership: Membership,
        clients: Clients,
        counters: TaskCounters,
        decision_log: DecisionLog,
        shutdown: Shutdown,
    ) -> None:
        self._settings = settings
        self._queue = queue
        self._membership = membership
        self._clients = clients
        self._counters = counters
        self._decision_log = decision_log
        self._shutdown = shutdown

    def snapshot(self, now: float) -> ClusterSnapshot:
        """The numbers of this moment."""
        counters, decisions, draining = self._counters.counters(), self._decision_log.decisions, self._shutdown.draining
        return cluster_snapshot(
            self._settings, self._queue, self._membership, len(self._clients), counters, decisions, draining, now
        )

    def status(self, now: float) -> StatusReply:
        """The same, as it is sent."""
        return StatusReply(msgspec.json.encode(self.snapshot(now)))

    def explained(self, m: ExplainRequest, now: float) -> ExplainReply:
        """What became of one task."""
        client = self._clients.get(m.session)
        here = client.tasks.get(m.sequence) if client is not None else None
        task = self._decision_log.task(m.session, m.sequence) if here is None else here
        rejections = self._decision_log.rejections(m.session, m.sequence)
        return ExplainReply(msgspec.json.encode(explanation(m, task, rejections, self._queue, now)))
