"""Answers to what people ask about a cluster: its numbers, and what became of a task.

In: the state, and a question that a peer has asked. Out: the reply to send. It must never change the state.
"""

from __future__ import annotations

import msgspec

from argon.protocol.messages import ExplainReply, ExplainRequest, StatusReply, StatusRequest
from argon.scheduling.cluster.cluster_state import ClusterState
from argon.scheduling.cluster.reporting.explanation import explanation
from argon.scheduling.cluster.reporting.snapshot import cluster_snapshot


def reply(state: ClusterState, asked: StatusRequest | ExplainRequest, now: float) -> StatusReply | ExplainReply:
    """The reply to a question, as JSON."""
    if isinstance(asked, StatusRequest):
        return StatusReply(msgspec.json.encode(cluster_snapshot(state, now)))
    return ExplainReply(msgspec.json.encode(explanation(state, asked, now)))
