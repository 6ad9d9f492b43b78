"""A connection that ends: what is lost, what is sent to the next cluster, and what callers are told."""

from __future__ import annotations

import pytest

from argon.errors import RejectReason
from argon.protocol.messages import Drain, Entered, Outcome, Reject, Status, Welcome
from argon.scheduling.effects import Close
from tests.support.drivers import CLUSTER, ClientDriver, detail

REJECTED = Status.REJECTED


def test_connection_lost_loses_what_was_sent_and_keeps_what_waits() -> None:
    client = ClientDriver(credits=2)
    ids = [client.submit() for _ in range(4)]
    client.lose()
    assert {id_: (o.status, o.entered) for id_, o in client.settled().items()} == {
        ids[0]: (Status.LOST, Entered.UNKNOWN),
        ids[1]: (Status.LOST, Entered.UNKNOWN),
    }
    assert "connection" in detail(client.settled()[ids[0]]).reason
    client.connect(peer=2)
    assert client.submitted() == ids


def test_connection_lost_sends_idempotent_tasks_again_in_their_order() -> None:
    client = ClientDriver(credits=3)
    ids = [client.submit(idempotent=True) for _ in range(5)]
    client.lose()
    assert not client.settled()
    client.connect(credits=10, peer=2)
    assert client.submitted() == [*ids[:3], *ids]


def test_cancelled_task_on_a_lost_connection_is_cancelled() -> None:
    client = ClientDriver()
    id_ = client.submit(idempotent=True)
    client.cancel(id_)
    client.lose()
    outcome = client.settled()[id_]
    assert (outcome.status, outcome.entered) == (Status.CANCELLED, Entered.UNKNOWN)


@pytest.mark.parametrize("end", ["cancelled", "expired", "rejected", "answered no", "closed"])
def test_task_that_was_sent_on_a_lost_connection_is_never_said_not_to_have_run(end: str) -> None:
    client = ClientDriver()
    id_ = client.submit(idempotent=True, timeout_s=5.0, retries=1)
    client.lose()
    if end == "cancelled":
        client.cancel(id_)
    elif end == "expired":
        client.wait(6.0)
    elif end == "closed":
        client.close()
    else:
        client.connect(peer=2)
        rejected = Reject(id_, RejectReason.QUEUE_FULL, 0.1, 5)
        for _ in range(2):
            client.say(rejected if end == "rejected" else Outcome(id_, Status.CANCELLED, Entered.NO, credits=5), peer=2)
            client.wait(2.0)
    outcome = client.settled()[id_]
    assert outcome.entered == Entered.UNKNOWN
    assert outcome.status != REJECTED, "a rejected task never ran"


def test_what_a_cluster_has_not_read_before_it_left_did_not_run_and_is_sent_to_the_next() -> None:
    client = ClientDriver(credits=3)
    answered, unread, again = client.submit(), client.submit(), client.submit(idempotent=True)
    waiting = client.submit()
    client.answer(answered, credits=2)
    assert client.say(Drain()) == [Close(CLUSTER, "the cluster is leaving")]
    assert client.submitted() == [answered, unread, again], "nothing more is sent to it"
    client.lose()
    assert set(client.settled()) == {answered}
    client.connect(peer=2)
    client.wait(1.0)
    assert client.submitted()[3:] == [unread, again, waiting]
    client.lose(peer=2)
    assert client.settled()[unread].entered == Entered.UNKNOWN, "what holds for one cluster does not for the next"


def test_what_a_cluster_has_not_read_before_it_left_is_rejected_where_it_is_not_to_be_tried_again() -> None:
    client = ClientDriver()
    once, cancelled, queued_only = client.submit(retries=0), client.submit(), client.submit()
    client.cancel(cancelled)
    client.cancel(queued_only, queued_only=True)
    client.say(Drain())
    client.lose()
    ends = {id_: (answer.status, answer.entered) for id_, answer in client.settled().items()}
    assert ends == {
        once: (REJECTED, Entered.NO),
        cancelled: (Status.CANCELLED, Entered.NO),
        queued_only: (Status.CANCELLED, Entered.NO),
    }
    assert client.settled()[once].reason is RejectReason.DRAINING


def test_messages_of_an_old_connection_are_ignored() -> None:
    client = ClientDriver()
    id_ = client.submit(idempotent=True)
    client.lose()
    client.connect(peer=2)
    assert client.say(Outcome(id_, Status.COMPLETED), peer=CLUSTER) == []
    assert client.lose(peer=CLUSTER) == []


def test_answer_to_a_task_that_waits_here_is_ignored() -> None:
    client = ClientDriver(credits=1)
    client.submit()
    second = client.submit()
    client.answer(second, credits=1)
    assert not client.settled()


def test_close_answers_every_caller() -> None:
    client = ClientDriver(credits=1)
    sent, waiting = client.submit(), client.submit()
    client.close()
    assert {id_: (o.status, o.entered) for id_, o in client.settled().items()} == {
        sent: (Status.LOST, Entered.UNKNOWN),
        waiting: (Status.LOST, Entered.NO),
    }
    assert client.close() == []


# --- what has certainly not been read ---------------------------------------------------------------------------------


@pytest.mark.parametrize("idempotent", [False, True])
def test_task_that_never_left_is_sent_to_the_next_cluster_and_was_never_tried(idempotent: bool) -> None:
    client = ClientDriver()
    sent, unsent = client.submit(), client.submit(idempotent=idempotent)
    client.lose(unread={unsent})
    assert list(client.settled()) == [sent]
    client.connect(peer=2)
    assert client.submitted() == [sent, unsent, unsent]
    client.cancel(unsent)
    client.say(Outcome(unsent, Status.CANCELLED, Entered.NO, credits=5), peer=2)
    assert client.settled()[unsent].entered == Entered.NO, "no other cluster can have run it"


@pytest.mark.parametrize("queued_only", [False, True])
def test_cancelled_task_that_never_left_did_not_run(queued_only: bool) -> None:
    client = ClientDriver()
    id_ = client.submit()
    client.cancel(id_, queued_only)
    client.lose(unread={id_})
    outcome = client.settled()[id_]
    assert (outcome.status, outcome.entered) == (Status.CANCELLED, Entered.NO)


def test_task_without_retries_that_never_left_is_rejected() -> None:
    client = ClientDriver()
    id_ = client.submit(retries=0)
    client.lose(unread={id_})
    answer = client.settled()[id_]
    assert isinstance(answer, Reject)
    assert (answer.reason, answer.local) == (RejectReason.NO_NODES, True)


# --- an end that has come and was not read yet ------------------------------------------------------------------------


def test_nothing_is_sent_on_a_connection_that_is_cut_off_and_what_has_come_on_it_counts() -> None:
    client = ClientDriver()
    sent = client.submit()
    client.state.cut_off(CLUSTER)
    waiting = client.submit()
    client.answer(sent)
    client.wait(20.0)
    assert client.submitted() == [sent]
    client.lose()
    assert {id_: answer.status for id_, answer in client.settled().items()} == {sent: Status.COMPLETED}
    client.connect(peer=2)
    assert client.submitted() == [sent, waiting]


def test_task_without_retries_is_rejected_while_the_connection_is_cut_off() -> None:
    client = ClientDriver()
    client.state.cut_off(CLUSTER)
    id_ = client.submit(retries=0)
    answer = client.settled()[id_]
    assert isinstance(answer, Reject)
    assert answer.reason is RejectReason.NO_NODES


def test_end_of_an_older_connection_says_nothing_of_this_one() -> None:
    client = ClientDriver()
    client.lose()
    client.connect(peer=2)
    client.state.cut_off(CLUSTER)
    id_ = client.submit()
    assert client.submitted() == [id_]


def test_connection_that_is_cut_off_when_the_welcome_is_read_is_not_sent_on() -> None:
    client = ClientDriver(credits=None)
    waiting = client.submit()
    client.did(client.state.connected(CLUSTER, Welcome(CLUSTER, 10, 1 << 20, 5.0, 15.0), client.now, True))
    assert client.submitted() == []
    client.lose()
    client.connect(peer=2)
    assert client.submitted() == [waiting]
