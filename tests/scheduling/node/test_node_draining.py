"""How a node drains: what waits goes back, what runs ends, and then it stops."""

from __future__ import annotations

from argon.protocol.messages import Drain, Entered, Status
from argon.scheduling.effects import Close, Kill, Stop
from tests.support.drivers import CLUSTER, NodeDriver, quick_node, ready_node


def test_drain_returns_what_waits_finishes_what_runs_and_leaves_when_it_was_heard() -> None:
    node = ready_node()
    node.assign(1)
    node.assign(2)
    node.drain()
    assert node.said(Drain) == [Drain()]
    assert (node.answers()[2].status, node.answers()[2].entered) == (Status.LOST, Entered.NO)
    node.say(Drain())
    assert not node.all(Stop)
    node.answer(1, 1)
    assert node.answers()[1].status == Status.COMPLETED
    assert node.effects[-2:] == [Close(CLUSTER, "the node has drained"), Stop()]


def test_drain_waits_for_the_clusters_word_since_a_task_may_be_on_its_way() -> None:
    node = ready_node()
    node.drain()
    assert not node.all(Stop)
    node.assign(1)
    assert (node.answers()[1].status, node.answers()[1].entered) == (Status.LOST, Entered.NO)
    assert not node.all(Stop)
    node.say(Drain())
    assert node.effects[-1] == Stop()


def test_drain_unheard_ends_with_its_time() -> None:
    node = ready_node()
    node.drain(timeout_s=5.0)
    node.wait(4.9)
    assert not node.all(Stop)
    node.wait(0.2)
    assert node.effects[-1] == Stop()


def test_drain_recalls_what_was_prefetched() -> None:
    node = quick_node()
    for id_ in (1, 2, 3):
        node.assign(id_)
    node.drain()
    node.say(Drain())
    node.recalled(1, unstarted=[3, 4])
    assert all(node.answers()[id_].entered == Entered.NO for id_ in (2, 3))
    node.answer(1, 2)
    assert node.effects[-1] == Stop()


def test_drain_that_takes_too_long_kills_and_answers_what_runs() -> None:
    node = ready_node()
    node.assign(1)
    node.drain(timeout_s=3.0)
    node.say(Drain())
    node.wait(3.1)
    node.recalled(1)
    outcome = node.answers()[1]
    assert (outcome.status, outcome.entered) == (Status.LOST, Entered.YES)
    assert node.all(Kill) == [Kill(1, False)]
    assert node.all(Stop)


def test_second_drain_with_no_time_is_now() -> None:
    node = ready_node()
    node.assign(1)
    node.drain(timeout_s=30.0)
    node.drain(timeout_s=0.0)
    node.wait(0.0)
    node.recalled(1)
    assert node.all(Stop)


def test_drain_without_a_cluster_leaves_at_once() -> None:
    assert NodeDriver(1, connect=False).drain() == [Stop()]


def test_drain_without_a_cluster_that_comes_back_is_said_again() -> None:
    node = ready_node()
    node.assign(1)
    node.drain()
    node.lose()
    assert node.all(Stop), "there is nobody left to answer"


def test_stop_is_said_once() -> None:
    node = ready_node()
    node.drain()
    node.say(Drain(), Drain())
    node.lose()
    node.drain(0.0)
    node.wait(1.0)
    assert len(node.all(Stop)) == 1
