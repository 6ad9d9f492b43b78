"""Who may say what, which nodes may register, and when a peer counts as gone."""

from __future__ import annotations

from math import inf, nan

import pytest

from argon.errors import RejectReason
from argon.protocol.messages import (
    Announced,
    Assign,
    Cancel,
    Capacity,
    Drain,
    Entered,
    ExplainReply,
    ExplainRequest,
    Goodbye,
    Heartbeat,
    Message,
    Outcome,
    Register,
    Reject,
    Status,
    StatusReply,
    StatusRequest,
    StillRunning,
    Welcome,
)
from argon.scheduling.effects import Close, DiscardPayload
from tests.support.drivers import BusyCluster, ClusterDriver, submit

# --- who may say what -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "message",
    [
        *[Register("n", 1), Capacity(1), Outcome(1, 0), Drain(), Welcome(1, 1, 1, 1.0, 1.0), StillRunning(1)],
        *[StatusReply(b""), ExplainReply(b"")],
    ],
)
def test_client_that_says_what_only_others_may_is_hung_up_on(message: Message) -> None:
    cluster = BusyCluster()
    cluster.say(cluster.first_client, message, submit(1))
    assert cluster.closed(cluster.first_client) == [f"a client may not send {type(message).__name__}"]
    assert cluster.counters()["accepted"] == 1, "nothing behind it was read"


@pytest.mark.parametrize(
    "message",
    [
        *[submit(1), Cancel(1), StatusRequest(), ExplainRequest(1, 1), Register("again", 1), StillRunning(1)],
        *[Capacity(-1), Capacity(10**9), *(Capacity(1, pressure) for pressure in (-0.1, 1.1, inf, nan))],
    ],
)
def test_node_that_says_what_only_others_may_is_hung_up_on(message: Message) -> None:
    cluster = BusyCluster()
    cluster.say(cluster.first_node, message)
    assert cluster.closed(cluster.first_node) == [f"a node may not send {type(message).__name__} now"]
    assert cluster.answers(cluster.first_client)[100].status == Status.LOST


@pytest.mark.parametrize("message", [Capacity(1), Outcome(1, 0), Drain()])
def test_node_that_has_not_registered_may_say_nothing_else(message: Message) -> None:
    cluster = ClusterDriver()
    newcomer = cluster.newcomer()
    cluster.say(newcomer, message)
    assert cluster.closed(newcomer) == [f"a node may not send {type(message).__name__} now"]


@pytest.mark.parametrize("name", ["", "x" * 129, "a b", "a\n", "a/b", "é"])
def test_node_with_a_bad_name_is_rejected(name: str) -> None:
    cluster = ClusterDriver()
    newcomer = cluster.newcomer()
    cluster.say(newcomer, Register(name, 1))
    assert cluster.closed(newcomer) == ["a node name has 1 to 128 of [A-Za-z0-9._:-]"]


@pytest.mark.parametrize("name", ["a", "x" * 128, "Node-1.example_org:8001"])
def test_node_with_a_good_name_is_registered(name: str) -> None:
    cluster = ClusterDriver()
    cluster.node(name=name)
    assert [node.name for node in cluster.snapshot().nodes] == [name]


def test_node_of_a_name_in_use_is_rejected_while_the_other_lives() -> None:
    cluster = ClusterDriver()
    first = cluster.node(name="same", incarnation=1)
    second = cluster.node(workers=0, name="same", incarnation=2)
    assert cluster.closed(second)
    assert not cluster.closed(first)
    cluster.lose(first)
    third = cluster.node(name="same", incarnation=3)
    assert not cluster.closed(third)


def test_node_that_is_back_before_its_old_connection_is_known_to_be_lost_takes_its_own_place() -> None:
    cluster = ClusterDriver()
    old, client = cluster.node(name="same", incarnation=1), cluster.client()
    cluster.say(client, submit(1), submit(2))
    new = cluster.node(name="same", incarnation=1)
    assert cluster.closed(old)
    assert not cluster.closed(new)
    (outcome,) = cluster.answers(client).values()
    assert (outcome.id, outcome.status, outcome.entered) == (1, Status.LOST, Entered.UNKNOWN)
    assert len(cluster.heard(new, Assign)) == 1, "its one worker counts once"
    cluster.lose(old)
    assert len(cluster.answers(client)) == 1


def test_peer_that_is_gone_can_say_nothing_any_more() -> None:
    cluster = BusyCluster()
    cluster.lose(cluster.first_client)
    cluster.lose(cluster.first_node)
    assert cluster.say(cluster.first_client, submit(5)) == []
    assert cluster.say(cluster.first_node, Register("ghost", 1)) == []
    assert cluster.lose(cluster.first_client) == []
    assert cluster.counters()["accepted"] == 1


@pytest.mark.parametrize("role", ["client", "node"])
def test_goodbye_is_like_a_loss_at_once(role: str) -> None:
    cluster = BusyCluster()
    peer = cluster.first_client if role == "client" else cluster.first_node
    effects = cluster.say(peer, Goodbye("I must go"))
    assert effects[0] == Close(peer, "goodbye")
    assert cluster.snapshot().clients == (0 if role == "client" else 1)


# --- heartbeats -------------------------------------------------------------------------------------------------------


def test_heartbeats_go_to_every_peer_each_period() -> None:
    cluster = ClusterDriver(heartbeat_s=2.0, dead_after_s=100.0)
    node, client = cluster.node(), cluster.client()
    cluster.wait(9.0)
    assert len(cluster.heard(node, Heartbeat)) == 4
    assert len(cluster.heard(client, Heartbeat)) == 4


def test_peer_silent_for_too_long_is_dropped_and_its_tasks_are_lost() -> None:
    cluster = BusyCluster(heartbeat_s=1.0, dead_after_s=3.0)
    for _ in range(6):
        cluster.wait(1.0)
        cluster.say(cluster.first_client, Heartbeat())
    assert cluster.closed(cluster.first_node) == ["nothing was heard for 3 s"]
    assert cluster.answers(cluster.first_client)[100].status == Status.LOST
    assert not cluster.closed(cluster.first_client)


def test_any_bytes_count_as_life() -> None:
    cluster = ClusterDriver(heartbeat_s=1.0, dead_after_s=3.0)
    client = cluster.client()
    for _ in range(10):
        cluster.wait(1.0)
        cluster.say(client, StatusRequest())
    for _ in range(10):  # it is in the middle of a large message
        cluster.wait(1.0)
        cluster.say(client)
    assert not cluster.closed(client)


def test_peer_held_back_by_this_side_is_not_taken_for_dead() -> None:
    cluster = ClusterDriver(heartbeat_s=1.0, dead_after_s=3.0)
    client = cluster.client()
    for _ in range(10):
        cluster.wait(1.0)
        cluster.state.liveness.stands(client, cluster.now)
    assert not cluster.closed(client)
    cluster.state.liveness.stands(999, cluster.now)
    assert cluster.state.liveness.peers() == [client]


def test_silent_client_whose_connection_stands_keeps_its_tasks_and_is_told_that_nothing_comes() -> None:
    cluster = BusyCluster(heartbeat_s=1.0, dead_after_s=3.0)
    client = cluster.first_client
    for _ in range(5):
        cluster.wait(2.9)
        cluster.say(cluster.first_node, Heartbeat())
        cluster.did(cluster.state.stands(client, cluster.now, cluster.now))
    assert not cluster.closed(client)
    assert not cluster.answers(client)
    assert sum(heartbeat.unheard for heartbeat in cluster.heard(client, Heartbeat)) == 5


def test_client_whose_kernel_has_owed_an_answer_for_too_long_is_dropped() -> None:
    cluster = BusyCluster(heartbeat_s=1.0, dead_after_s=3.0)
    client = cluster.first_client
    cluster.wait(2.9)
    cluster.say(cluster.first_node, Heartbeat())
    cluster.did(cluster.state.stands(client, cluster.now - 1.0, cluster.now))
    assert not any(heartbeat.unheard for heartbeat in cluster.heard(client, Heartbeat)), "the wire may be slow"
    cluster.wait(1.9)
    assert not cluster.closed(client)
    cluster.wait(0.2)
    assert cluster.closed(client) == ["nothing was heard for 3 s"]


def test_silent_client_keeps_no_place_for_a_payload_that_has_stopped_coming() -> None:
    cluster = ClusterDriver(heartbeat_s=1.0, dead_after_s=3.0, queue_limit=1)
    cluster.node(workers=1)
    client, other = cluster.client(), cluster.client()
    cluster.say(other, submit(1))
    cluster.say(client, Announced(submit(7), 100_000))
    cluster.say(other, submit(2))
    assert cluster.answers(other)[2].status == Status.REJECTED, "the one place is kept"
    effects = cluster.did(cluster.state.stands(client, cluster.now, cluster.now))
    assert DiscardPayload(client) in effects
    rejected = cluster.answers(client)[7]
    assert isinstance(rejected, Reject)
    assert (rejected.reason, rejected.retry_after_s > 0.0) == (RejectReason.QUEUE_FULL, True)
    cluster.say(other, submit(3))
    assert 3 not in cluster.answers(other)


def test_cluster_that_slept_itself_forgives_the_silence() -> None:
    cluster = ClusterDriver(heartbeat_s=1.0, dead_after_s=3.0)
    client = cluster.client()
    cluster.now += 60.0
    cluster.did(cluster.state.tick(cluster.now))
    assert not cluster.closed(client)
    cluster.wait(6.0)
    assert cluster.closed(client)
