"""The state machine of a client: what is sent, and what each caller gets. `check()` runs after every call.

What else a client does is in the files beside this one, one for each subject: `test_client_SUBJECT.py`.
"""

from __future__ import annotations

from weakref import ref

from argon.errors import RejectReason
from argon.protocol.messages import Drain, Entered, Status, Submit
from tests.support.drivers import KIND, ClientDriver

REJECTED = Status.REJECTED


def test_submit_is_sent_at_once_with_every_option() -> None:
    client = ClientDriver()
    id_ = client.submit(b"payload", priority=1, timeout_s=2.5, idempotent=True, key=9)
    assert client.sent(Submit) == [Submit(id_, 1, True, 2.5, KIND, 9, b"payload")]


def test_submit_without_options_asks_for_nothing() -> None:
    client = ClientDriver()
    client.submit()
    assert client.sent(Submit) == [Submit(1, 2, False, 0.0, KIND, 0, b"work")]


def test_submit_says_how_long_its_caller_has_waited() -> None:
    client = ClientDriver(credits=1)
    client.submit()
    client.wait(1.0)
    client.submit()
    client.wait(2.5)
    client.answer(1, credits=1)
    assert [submit.waited_s for submit in client.sent(Submit)] == [0.0, 2.5]


def test_outcome_is_given_to_its_caller_once() -> None:
    client = ClientDriver()
    one, two = client.submit(), client.submit()
    client.answer(two, payload=b"value")
    assert client.settled()[two].payload == b"value"
    assert one not in client.settled()
    client.answer(two, payload=b"again")
    assert len(client.settled()) == 1


def test_payload_of_an_answered_task_is_let_go_though_its_deadline_is_far() -> None:
    client = ClientDriver()
    payload = memoryview(b"large")
    id_, held = client.submit((payload,), timeout_s=3600.0), ref(payload)
    client.answer(id_)
    client.effects.clear()
    del payload
    assert held() is None


def test_task_that_a_leaving_cluster_has_not_read_gets_the_time_to_come_back() -> None:
    client = ClientDriver()
    id_ = client.submit(retries=0)
    client.say(Drain())
    client.lose()
    outcome = client.settled()[id_]
    assert (outcome.status, outcome.reason) == (REJECTED, RejectReason.DRAINING)
    assert outcome.retry_after_s > 0.0, "callers that wait for retry_after would spin"


def test_submit_before_the_connection_waits_for_it() -> None:
    client = ClientDriver(credits=None)
    ids = [client.submit() for _ in range(3)]
    assert not client.effects
    client.connect()
    assert client.submitted() == ids


def test_payload_over_the_clusters_limit_is_rejected_without_a_message_to_it() -> None:
    client = ClientDriver(max_payload_bytes=10)
    fits, large = client.submit(b"x" * 10), client.submit(b"x" * 11)
    assert client.submitted() == [fits]
    outcome = client.settled()[large]
    assert (outcome.status, outcome.entered, outcome.reason) == (REJECTED, Entered.NO, RejectReason.TOO_LARGE)
    assert client.state.max_payload_bytes == 10


def test_next_deadline_without_anything_to_wait_for_is_none() -> None:
    assert ClientDriver(credits=None).state.next_deadline() is None
