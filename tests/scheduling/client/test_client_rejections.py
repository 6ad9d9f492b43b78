"""Tasks that the cluster rejects: when they are tried again, and what waits behind them until then."""

from __future__ import annotations

import pytest

from argon.errors import RejectReason
from argon.protocol.messages import Entered, Status
from argon.scheduling.client.credits import INITIAL_WINDOW_TASKS
from tests.support.drivers import ClientDriver

REJECTED = Status.REJECTED


def test_rejected_task_is_sent_again_after_the_pause_that_the_cluster_named() -> None:
    client = ClientDriver()
    id_ = client.submit()
    client.reject(id_, RejectReason.QUEUE_FULL, 2.0)
    assert not client.settled()
    client.wait(1.99)
    assert client.submitted() == [id_]
    client.wait(0.1)
    assert client.submitted() == [id_, id_]
    client.answer(id_)
    assert client.settled()[id_].status == Status.COMPLETED


def test_retries_without_a_limit_go_on() -> None:
    client = ClientDriver()
    id_ = client.submit()
    for turn in range(1, 60):
        assert len(client.submitted()) == turn
        client.reject(id_, RejectReason.NO_NODES, 0.1)
        client.wait(10.0)
    assert not client.settled()


@pytest.mark.parametrize("retries", [0, 1, 3])
def test_retries_used_up_give_the_last_rejection_to_the_caller(retries: int) -> None:
    client = ClientDriver()
    id_ = client.submit(retries=retries)
    for turn in range(retries + 1):
        assert not client.settled()
        client.reject(id_, RejectReason.QUEUE_FULL, 0.25 + turn)
        client.wait(10.0)
    assert len(client.submitted()) == retries + 1
    outcome = client.settled()[id_]
    assert (outcome.status, outcome.reason, outcome.retry_after_s) == (
        REJECTED,
        RejectReason.QUEUE_FULL,
        0.25 + retries,
    )


def test_no_retries_is_rejected_at_once_when_the_credits_are_used_up() -> None:
    client = ClientDriver(credits=1)
    client.submit()
    id_ = client.submit(retries=0)
    assert client.settled()[id_].reason == RejectReason.QUEUE_FULL
    assert client.settled()[id_].retry_after_s > 0.0
    assert client.submitted() == [1]


def test_no_retries_without_a_connection_is_rejected_at_once() -> None:
    client = ClientDriver(credits=None)
    id_ = client.submit(retries=0)
    assert client.settled()[id_].reason == RejectReason.NO_NODES


def test_too_large_is_never_tried_again() -> None:
    client = ClientDriver()
    id_ = client.submit()
    client.reject(id_, RejectReason.TOO_LARGE)
    assert client.settled()[id_].reason == RejectReason.TOO_LARGE


def test_rejection_that_outlasts_the_timeout_is_given_to_the_caller_at_once() -> None:
    client = ClientDriver()
    id_ = client.submit(timeout_s=1.0)
    client.reject(id_, RejectReason.QUEUE_FULL, 2.0)
    assert client.settled()[id_].reason == RejectReason.QUEUE_FULL


def test_retries_are_spread_and_grow_apart() -> None:
    def pauses(seed: int) -> list[float]:
        client = ClientDriver(seed=seed)
        id_, found = client.submit(), []
        for turn in range(1, 8):
            since = client.now
            client.reject(id_, RejectReason.QUEUE_FULL, 0.0)
            while len(client.submitted()) == turn:
                client.wait(0.01)
            found.append(client.now - since)
        return found

    runs = [pauses(seed) for seed in range(10)]
    assert len({tuple(run) for run in runs}) > 5
    assert max(run[6] for run in runs) > 5 * max(run[0] for run in runs)


def test_rejection_blocks_the_backlog_and_only_its_first_task_is_sent_again() -> None:
    client = ClientDriver(credits=500)
    ids = [client.submit() for _ in range(300)]
    sent = client.submitted()
    assert sent == ids[:INITIAL_WINDOW_TASKS]
    for id_ in sent:
        client.reject(id_, RejectReason.QUEUE_FULL, 1.0, credits=500)
    assert client.submitted() == sent, "the next would find no more room than the last"
    client.wait(1.05)
    assert client.submitted() == [*sent, ids[0]]


def test_blocked_backlog_keeps_its_order() -> None:
    client = ClientDriver(credits=4)
    ids = [client.submit(timeout_s=timeout_s) for timeout_s in (None, 60.0) * 4]
    for id_ in ids[:4]:
        client.reject(id_, RejectReason.QUEUE_FULL, 0.1, credits=4)
    client.wait(5.0)
    for id_ in ids:
        client.answer(id_, credits=4)
    assert client.submitted()[4:] == ids


def test_backlog_goes_on_by_two_for_one_while_answers_show_that_there_is_room() -> None:
    client = ClientDriver(credits=500)
    ids = [client.submit() for _ in range(300)]
    for id_ in ids[:INITIAL_WINDOW_TASKS]:
        client.reject(id_, RejectReason.QUEUE_FULL, 1.0, credits=500)
    client.wait(1.05)
    counts = []
    for _ in range(5):
        before = len(client.submitted())
        for id_ in client.submitted()[INITIAL_WINDOW_TASKS:]:
            if id_ not in client.settled():
                client.answer(id_, credits=500)
        counts.append(len(client.submitted()) - before)
    assert counts == [2, 4, 8, 16, 32]


def test_backlog_goes_on_when_no_rejection_follows_the_first_task() -> None:
    client = ClientDriver(credits=10)
    ids = [client.submit() for _ in range(30)]
    client.reject(ids[0], RejectReason.QUEUE_FULL, 1.0, credits=10)
    assert len(client.submitted()) == 10, "nine were not rejected"
    client.wait(1.05)
    assert client.submitted()[10:] == [ids[0]]
    client.wait(0.2)
    client.answer(ids[1], credits=20)
    assert len(client.submitted()) == 22


def test_one_task_too_late_for_its_timeout_does_not_make_the_others_wait() -> None:
    client = ClientDriver(credits=1)
    late, next_ = client.submit(timeout_s=1.0), client.submit()
    client.reject(late, RejectReason.DEADLINE, 2.0, credits=1)
    assert client.settled()[late].reason == RejectReason.DEADLINE
    assert client.submitted() == [late, next_]


def test_overload_that_is_over_is_forgotten_when_all_is_answered() -> None:
    client = ClientDriver(credits=10)
    id_ = client.submit(retries=1)
    client.reject(id_, RejectReason.QUEUE_FULL, 0.1, credits=10)
    client.wait(1.0)
    client.reject(id_, RejectReason.QUEUE_FULL, 30.0, credits=10)
    ids = [client.submit() for _ in range(5)]
    assert client.submitted()[2:] == ids


def blocked_backlog(**options: object) -> tuple[ClientDriver, list[int]]:
    """A client whose first task is rejected again and again, with three tasks behind it."""
    client = ClientDriver(credits=1)
    return client, [client.submit(**options) for _ in range(4)]  # type: ignore[arg-type]


def reject_probe(client: ClientDriver, wait_s: float = 0.5) -> None:
    client.wait(2.0)
    client.reject(client.submitted()[-1], RejectReason.NO_NODES, wait_s, credits=1)


def test_rejected_retry_probe_is_a_try_of_all_that_wait() -> None:
    client, ids = blocked_backlog(retries=2)
    for settled in (0, 0, 1):
        reject_probe(client)
        assert len(client.settled()) == settled
    reject_probe(client)
    assert sorted(client.settled()) == ids
    outcomes = client.settled().values()
    assert {(m.status, m.entered, m.reason) for m in outcomes} == {(REJECTED, Entered.NO, RejectReason.NO_NODES)}
    assert all(m.retry_after_s == 0.5 for m in outcomes)


def test_timeout_that_passes_in_a_blocked_backlog_is_answered_with_the_rejection() -> None:
    client, ids = blocked_backlog(timeout_s=5.0)
    reject_probe(client)
    reject_probe(client, wait_s=10.0)
    assert len(client.settled()) == 1, "its next try would come too late"
    client.wait(2.0)
    assert sorted(client.settled()) == ids
    assert {m.reason for m in client.settled().values()} == {RejectReason.NO_NODES}
    assert {m.status for m in client.settled().values()} == {REJECTED}


def test_overload_is_forgotten_when_nobody_waits_any_more() -> None:
    client = ClientDriver(credits=10)
    rejected = client.submit()
    client.reject(rejected, RejectReason.QUEUE_FULL, 30.0, credits=10)
    client.cancel(rejected)
    next_ = client.submit()
    assert client.submitted() == [rejected, next_]


def test_caller_who_wants_to_know_at_once_is_sent_past_a_blocked_backlog() -> None:
    client = ClientDriver(credits=10)
    patient = client.submit()
    client.reject(patient, RejectReason.QUEUE_FULL, 30.0, credits=10)
    hasty = client.submit(retries=0)
    assert client.submitted() == [patient, hasty]


def test_answered_task_lets_a_rejected_one_go_at_once() -> None:
    client = ClientDriver(credits=100)
    first, second = client.submit(), client.submit()
    client.reject(first, RejectReason.QUEUE_FULL, 30.0, credits=100)
    assert len(client.submitted()) == 2
    client.answer(second, credits=100)
    assert client.submitted() == [first, second, first]


def test_retry_probes_that_no_answer_pays_for_slow_down_to_one_a_second() -> None:
    client = ClientDriver(credits=500)
    handled = 0

    def reject_all() -> None:
        nonlocal handled
        while handled < len(client.submitted()):
            id_ = client.submitted()[handled]
            handled += 1
            client.reject(id_, RejectReason.QUEUE_FULL, 0.01, credits=500)

    for _ in range(300):
        client.submit()
    reject_all()
    seconds = []
    for _ in range(60):
        before = len(client.submitted())
        for _ in range(100):
            client.wait(0.01)
            reject_all()
        seconds.append(len(client.submitted()) - before)
    assert sum(seconds[:10]) > 15, "the budget"
    assert 8 <= sum(seconds[-10:]) <= 12
