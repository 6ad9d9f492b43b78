"""What the cluster may say to a node, and when it counts as gone."""

from __future__ import annotations

import pytest

from argon.protocol.messages import Goodbye, Heartbeat, Message, Register, StatusRequest, Welcome
from argon.scheduling.effects import Close
from tests.support.drivers import CLUSTER, NodeDriver, ready_node, submit


def test_task_id_in_use_ends_the_connection() -> None:
    node = ready_node()
    node.assign(1)
    node.assign(1)
    assert node.all(Close) == [Close(CLUSTER, "task id 1 is already here")]


@pytest.mark.parametrize("message", [submit(1), Register("n", 1), StatusRequest(), Welcome(1, 1, 1, 1.0, 1.0)])
def test_cluster_that_says_what_it_may_not_is_hung_up_on(message: Message) -> None:
    node = ready_node()
    node.say(message)
    assert "a cluster may not send" in node.all(Close)[0].reason


def test_goodbye_of_the_cluster_closes() -> None:
    node = ready_node()
    node.say(Goodbye("shutting down"))
    assert node.all(Close) == [Close(CLUSTER, "shutting down")]


def test_heartbeats_go_to_the_cluster_at_its_own_pace() -> None:
    node = NodeDriver(1, connect=False)
    node.connect(heartbeat_s=2.0, dead_after_s=100.0)
    node.wait(9.0)
    assert len(node.said(Heartbeat)) == 4


def test_silent_cluster_is_disconnected() -> None:
    node = NodeDriver(1, connect=False)
    node.connect(heartbeat_s=1.0, dead_after_s=3.0)
    for _ in range(10):
        node.wait(1.0)
        node.say(Heartbeat())
    assert not node.all(Close)
    node.wait(3.1)
    assert [close.peer for close in node.all(Close)] == [CLUSTER]
