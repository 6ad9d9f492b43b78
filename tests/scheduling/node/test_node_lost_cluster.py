"""A connection that ends: what waits is dropped, what runs is ended, and nothing of it reaches the next."""

from __future__ import annotations

from argon.protocol.messages import Assign, Status
from argon.scheduling.effects import Kill, Recall, Spawn
from tests.support.drivers import CLUSTER, ready_node


def test_words_of_an_old_connection_are_ignored() -> None:
    node = ready_node()
    node.lose()
    node.connect(peer=2)
    assert node.say(Assign(1, 1, 2, 0.0, 7, b""), peer=CLUSTER) == []
    assert node.lose(peer=CLUSTER) == []


def test_cluster_lost_drops_what_waits_and_ends_what_runs_without_a_word() -> None:
    node = ready_node()
    node.assign(1)
    node.assign(2)
    node.lose()
    assert node.all(Recall) == [Recall(1)]
    node.recalled(1)
    assert node.all(Kill) == [Kill(1, False)]
    assert not node.answers()
    node.die(1, signal=15)
    node.ready(2)
    assert node.assigned(2) == []
    assert node.all(Spawn)[-1] == Spawn(2)


def test_task_of_a_lost_cluster_that_finishes_all_the_same_is_dropped() -> None:
    node = ready_node()
    node.assign(1)
    node.lose()
    node.connect(peer=2)
    node.recalled(1, finished=[1])
    assert not node.answers()
    node.say(Assign(1, 1, 2, 0.0, 7, b"new"), peer=2)
    assert node.assigned(1) == [1, 2]


def test_ids_of_a_new_cluster_are_not_those_of_the_old_one() -> None:
    node = ready_node(2)
    node.assign(1)
    node.lose()
    node.connect(peer=2)
    node.say(Assign(1, 1, 2, 0.0, 7, b"new"), peer=2)
    assert node.assigned(2) == [2]
    node.answer(1, 1)  # the old one's
    assert not node.answers()
    node.answer(2, 2)
    assert node.answers()[1].status == Status.COMPLETED
