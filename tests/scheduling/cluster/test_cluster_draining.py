"""How a cluster drains: what is here ends, everybody is told, and then it stops."""

from __future__ import annotations

from argon.errors import RejectReason
from argon.protocol.messages import Announced, Cancel, Drain, Entered, Status
from argon.scheduling.cluster.shutdown import CLIENTS_LEAVE_S
from argon.scheduling.effects import Close, Send, Stop
from tests.support.drivers import BusyCluster, ClusterDriver, submit


def test_drain_rejects_what_is_new_and_finishes_what_is_here() -> None:
    cluster = BusyCluster()
    cluster.say(cluster.first_client, submit(1))
    assert not [effect for effect in cluster.drain() if isinstance(effect, Stop)]
    cluster.say(cluster.first_client, submit(2))
    assert cluster.answers(cluster.first_client)[2].reason == RejectReason.DRAINING
    cluster.finish_oldest(cluster.first_node, run_s=1.0)
    effects = cluster.finish_oldest(cluster.first_node, run_s=1.0)
    assert cluster.answers(cluster.first_client)[1].status == Status.COMPLETED
    assert effects[-1] == Send(cluster.first_client, Drain()), "all is answered, and it goes first"
    assert cluster.say(cluster.first_client, submit(3)) != []
    assert cluster.answers(cluster.first_client)[3].reason == RejectReason.DRAINING
    assert cluster.lose(cluster.first_client) == [Close(cluster.first_node, "the cluster is shutting down"), Stop()]


def test_drain_of_an_idle_cluster_stops_at_once() -> None:
    cluster = ClusterDriver()
    client = cluster.client()
    assert cluster.drain() == [Send(client, Drain())]
    assert cluster.lose(client) == [Stop()]
    assert cluster.drain() == []
    assert ClusterDriver().drain() == [Stop()]


def test_drain_does_not_wait_for_a_client_that_stays() -> None:
    cluster = ClusterDriver()
    client = cluster.client()
    cluster.drain(timeout_s=60.0)
    assert cluster.wait(CLIENTS_LEAVE_S - 0.1) == []
    assert cluster.wait(0.2) == [Close(client, "the cluster is shutting down"), Stop()]


def test_client_that_comes_when_the_others_were_told_to_leave_is_told_so_too() -> None:
    cluster = ClusterDriver()
    cluster.client()
    cluster.drain()
    late = cluster.client()
    assert cluster.heard(late, Drain) == [Drain()]
    assert cluster.heard(cluster.node(), Drain) == []


def test_large_task_that_has_not_come_whole_when_the_cluster_stops_is_rejected() -> None:
    cluster = BusyCluster()
    cluster.say(cluster.first_client, Announced(submit(1), 1 << 20))
    cluster.finish_oldest(cluster.first_node, run_s=1.0)
    assert cluster.drain()[-1] == Send(cluster.first_client, Drain())
    cluster.say(cluster.first_client, submit(1, payload=bytes(1 << 20)))
    answer = cluster.answers(cluster.first_client)[1]
    assert (answer.status, answer.entered, answer.reason) == (Status.REJECTED, Entered.NO, RejectReason.DRAINING)


def test_drain_that_takes_too_long_answers_everybody_and_stops() -> None:
    cluster = BusyCluster()
    cluster.say(cluster.first_client, submit(1), submit(2, idempotent=True))
    cluster.drain(timeout_s=10.0)
    cluster.wait(9.9)
    assert not cluster.answers(cluster.first_client)
    effects = cluster.wait(0.2)
    answers = cluster.answers(cluster.first_client)
    assert {id_: (answer.status, answer.entered) for id_, answer in answers.items()} == {
        100: (Status.LOST, Entered.UNKNOWN),
        1: (Status.LOST, Entered.NO),
        2: (Status.LOST, Entered.NO),
    }
    assert cluster.heard(cluster.first_node, Cancel) == [Cancel(1)]
    assert effects[-1] == Send(cluster.first_client, Drain()), "everybody is answered before"
    assert isinstance(cluster.lose(cluster.first_client)[-1], Stop)


def test_second_drain_with_no_time_is_now() -> None:
    cluster = BusyCluster()
    cluster.drain(timeout_s=30.0)
    assert cluster.drain(timeout_s=0.0)[-1] == Send(cluster.first_client, Drain())
    assert cluster.answers(cluster.first_client)[100].status == Status.LOST
    assert isinstance(cluster.drain(timeout_s=0.0)[-1], Stop)


def test_node_lost_during_a_drain_ends_it() -> None:
    cluster = BusyCluster()
    cluster.drain()
    assert cluster.lose(cluster.first_node)[-1] == Send(cluster.first_client, Drain())
    assert cluster.answers(cluster.first_client)[100].status == Status.LOST
