"""What people are told: the numbers, and what became of a task, as the shell sends it."""

from __future__ import annotations

import json

from argon.protocol.messages import ExplainReply, ExplainRequest, StatusReply, StatusRequest
from tests.support.drivers import ClusterDriver, submit


def test_status_is_the_snapshot_as_json() -> None:
    cluster = ClusterDriver(queue_limit=7)
    client = cluster.client()
    cluster.say(client, StatusRequest())
    (reply,) = cluster.heard(client, StatusReply)
    assert json.loads(reply.text)["queue_limit"] == 7


def test_task_that_is_here_is_explained_before_one_of_the_same_number_that_was() -> None:
    cluster = ClusterDriver()
    client = cluster.client()
    cluster.say(client, submit(1))  # rejected: there is no node
    cluster.node(workers=1)
    cluster.say(client, submit(1, priority=0))
    cluster.say(cluster.client(), ExplainRequest(client, 1))
    reply = json.loads(cluster.heard(client + 2, ExplainReply)[0].text)
    assert (reply["state"], reply["priority"], reply["rejection"]["reason"]) == ("assigned", "MAX", "NO_NODES")
