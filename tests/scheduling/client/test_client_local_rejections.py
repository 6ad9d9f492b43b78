"""Rejections of the client's own: how they are told, and when their callers shall return."""

from __future__ import annotations

from argon.errors import RejectReason
from tests.support.drivers import ClientDriver


def test_rejection_of_its_own_says_that_it_is_local_and_one_of_the_clusters_does_not() -> None:
    client = ClientDriver(credits=1, max_payload_bytes=10)
    sent, hasty, large = client.submit(retries=0), client.submit(retries=0), client.submit(b"x" * 11)
    client.reject(sent, RejectReason.QUEUE_FULL, 1.0)
    client.lose()
    alone = client.submit(retries=0)
    assert [client.settled()[id_].local for id_ in (hasty, large, alone)] == [True, True, True]
    assert not client.settled()[sent].local


def busy_client(gap_s: float) -> ClientDriver:
    """A client whose credits are used up, and that is answered at this pace."""
    client = ClientDriver(credits=4)
    for _ in range(60):
        client.submit()
    for id_ in range(1, 21):
        client.answer(id_, credits=4)
        client.wait(gap_s)
    return client


def rejected_for(client: ClientDriver) -> float:
    id_ = client.submit(retries=0)
    return client.settled()[id_].retry_after_s


def test_caller_without_a_credit_shall_return_when_an_answer_leaves_room() -> None:
    assert 0.5 <= rejected_for(busy_client(1.0)) <= 1.5
    assert 0.05 <= rejected_for(busy_client(0.1)) <= 0.15


def test_callers_without_a_credit_shall_return_at_the_rate_of_the_answers() -> None:
    client = busy_client(0.1)
    waits = [rejected_for(client) for _ in range(30)]
    assert 0.5 * 3.0 <= waits[-1] <= 1.5 * 3.0


def test_crowd_of_callers_without_a_credit_is_forgotten_as_answers_come() -> None:
    client = busy_client(0.1)
    for _ in range(500):
        assert rejected_for(client) <= 1.5 * 5.0
    for id_ in range(21, 41):
        client.answer(id_, credits=4)
        client.wait(0.1)
    assert rejected_for(client) <= 1.5 * 0.1 * 32, "5 s are 50 answers, and 20 of them have come"


def test_caller_shall_stay_away_longer_where_answers_have_ceased() -> None:
    client = busy_client(0.1)
    client.wait(2.9)
    assert 0.5 * 3.0 <= rejected_for(client) <= 1.5 * 3.0


def test_first_caller_after_all_was_answered_finds_none_before_it() -> None:
    client = ClientDriver(credits=1)
    first = client.submit()
    for _ in range(50):
        rejected_for(client)
    client.answer(first, credits=1)
    client.submit()
    assert rejected_for(client) <= 0.03


def test_caller_without_a_connection_shall_wait_for_one() -> None:
    waits = [rejected_for(ClientDriver(credits=None, seed=seed)) for seed in range(20)]
    assert 0.25 <= min(waits) < max(waits) <= 0.75
