"""The state machine of the cluster, whatever it does: messages come to no harm, and what is said can be encoded.

What each event makes it say is in the files beside this one, one for each subject: `test_cluster_SUBJECT.py`.
"""

from __future__ import annotations

from argon.protocol.codec import encode
from argon.protocol.messages import Cancel, Entered, Outcome, Status, StatusRequest, Submit
from argon.scheduling.effects import Send
from tests.support.drivers import BusyCluster, submit


def test_everything_said_can_be_encoded() -> None:
    cluster = BusyCluster(queue_limit=2)
    cluster.say(cluster.first_client, submit(1), submit(2), submit(3), Cancel(1), StatusRequest())
    cluster.lose(cluster.first_node)
    cluster.wait(20.0)
    for effect in cluster.effects:
        if isinstance(effect, Send):
            encode(effect.message)


def test_submit_is_a_record_of_the_options() -> None:
    assert submit(1).idempotent is False
    assert isinstance(submit(1), Submit)


def test_message_that_has_come_is_never_written_into() -> None:
    cluster = BusyCluster()
    came = [submit(50), Cancel(50), submit(51), submit(52, idempotent=True)]
    before = [message.fields() for message in came]
    cluster.say(cluster.first_client, *came)
    assert [message.fields() for message in came] == before
    (assign,) = cluster.unanswered(cluster.first_node)
    cluster.say(cluster.first_client, Cancel(100))
    outcome = Outcome(assign.id, Status.LOST, Entered.NO, assign.attempt, run_s=0.5)
    before = [outcome.fields()]
    cluster.say(cluster.first_node, outcome)
    assert [outcome.fields()] == before
    assert cluster.answers(cluster.first_client)[100].status == Status.CANCELLED
