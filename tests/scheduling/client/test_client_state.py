"""The corridor of a client: what is sent, what waits, what each caller is told. `check()` runs after every call."""

from __future__ import annotations

from weakref import ref

import pytest

from argon.errors import RejectReason
from argon.protocol.messages import (
    Assign,
    Cancel,
    Drain,
    Entered,
    Goodbye,
    Heartbeat,
    Message,
    Outcome,
    Register,
    Reject,
    Status,
    StillRunning,
    Submit,
    Welcome,
)
from argon.scheduling.client.client_state import PROBE_TASKS
from argon.scheduling.effects import Close, Refused
from argon.scheduling.task_options import TaskOptions
from tests.support.drivers import CLUSTER, KIND, ClientDriver, detail

REJECTED = Status.REJECTED


# --- submitting -------------------------------------------------------------------------------------------------------


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


def test_task_that_a_leaving_cluster_has_not_read_is_told_when_to_come_back() -> None:
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


def test_payload_over_the_clusters_limit_is_refused_without_a_word_to_it() -> None:
    client = ClientDriver(max_payload_bytes=10)
    fits, large = client.submit(b"x" * 10), client.submit(b"x" * 11)
    assert client.submitted() == [fits]
    outcome = client.settled()[large]
    assert (outcome.status, outcome.entered, outcome.reason) == (REJECTED, Entered.NO, RejectReason.TOO_LARGE)
    assert client.state.max_payload_bytes == 10


# --- credits ----------------------------------------------------------------------------------------------------------


def test_submits_beyond_the_credits_wait_here() -> None:
    client = ClientDriver(credits=2)
    ids = [client.submit() for _ in range(5)]
    assert client.submitted() == ids[:2]
    client.answer(ids[0], credits=2)
    assert client.submitted() == ids[:3]
    client.answer(ids[1], credits=4)
    assert client.submitted() == ids


def test_credits_that_fall_are_heeded() -> None:
    client = ClientDriver(credits=4)
    ids = [client.submit() for _ in range(8)]
    for id_ in ids[:3]:
        client.answer(id_, credits=1)
    assert client.submitted() == ids[:4]
    client.answer(ids[3], credits=1)
    assert client.submitted() == ids[:5]


def test_credits_that_a_heartbeat_brings_are_used_at_once() -> None:
    client = ClientDriver(credits=1)
    ids = [client.submit() for _ in range(5)]
    client.say(Heartbeat(credits=3))
    assert client.submitted() == ids[:3]
    client.say(Heartbeat())
    assert client.state.window(TaskOptions()) == 6
    client.say(Heartbeat(credits=2))
    client.answer(ids[0], credits=2)
    assert client.submitted() == ids[:3]


def test_backlog_is_sent_by_priority_then_by_arrival() -> None:
    client = ClientDriver(credits=1)
    first = client.submit()
    ids = {priority: [client.submit(priority=priority) for _ in range(2)] for priority in (3, 0, 2, 4, 1)}
    sent = [first]
    for _ in range(10):
        client.answer(sent[-1], credits=1)
        sent = client.submitted()
    assert sent[1:] == [*ids[0], *ids[1], *ids[2], *ids[3], *ids[4]]


def test_window_follows_the_credits() -> None:
    client = ClientDriver(credits=None)
    assert client.state.window(TaskOptions()) == 2
    client.connect(credits=50)
    assert client.state.window(TaskOptions()) == 100


def test_window_of_tasks_that_would_be_refused_beyond_the_credits_is_the_credits() -> None:
    client, hasty = ClientDriver(credits=50), TaskOptions(retries=0)
    assert client.state.window(hasty) == 50
    assert ClientDriver(credits=None).state.window(hasty) == 1


# --- rejections and retries -------------------------------------------------------------------------------------------


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


def test_no_retries_is_told_at_once_when_the_credits_are_used_up() -> None:
    client = ClientDriver(credits=1)
    client.submit()
    id_ = client.submit(retries=0)
    assert client.settled()[id_].reason == RejectReason.QUEUE_FULL
    assert client.settled()[id_].retry_after_s > 0.0
    assert client.submitted() == [1]


def test_no_retries_without_a_connection_is_told_at_once() -> None:
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


def test_rejected_line_stands_and_only_its_first_task_asks() -> None:
    client = ClientDriver(credits=500)
    ids = [client.submit() for _ in range(300)]
    sent = client.submitted()
    assert sent == ids[:PROBE_TASKS]
    for id_ in sent:
        client.reject(id_, RejectReason.QUEUE_FULL, 1.0, credits=500)
    assert client.submitted() == sent, "the next would find no more room than the last"
    client.wait(1.05)
    assert client.submitted() == [*sent, ids[0]]


def test_rejected_line_keeps_its_order() -> None:
    client = ClientDriver(credits=4)
    ids = [client.submit(timeout_s=timeout_s) for timeout_s in (None, 60.0) * 4]
    for id_ in ids[:4]:
        client.reject(id_, RejectReason.QUEUE_FULL, 0.1, credits=4)
    client.wait(5.0)
    for id_ in ids:
        client.answer(id_, credits=4)
    assert client.submitted()[4:] == ids


def test_line_goes_on_by_two_for_one_while_answers_show_that_there_is_room() -> None:
    client = ClientDriver(credits=500)
    ids = [client.submit() for _ in range(300)]
    for id_ in ids[:PROBE_TASKS]:
        client.reject(id_, RejectReason.QUEUE_FULL, 1.0, credits=500)
    client.wait(1.05)
    counts = []
    for _ in range(5):
        before = len(client.submitted())
        for id_ in client.submitted()[PROBE_TASKS:]:
            if id_ not in client.settled():
                client.answer(id_, credits=500)
        counts.append(len(client.submitted()) - before)
    assert counts == [2, 4, 8, 16, 32]


def test_line_goes_on_when_no_rejection_follows_the_first_task() -> None:
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


def standing_line(**options: object) -> tuple[ClientDriver, list[int]]:
    """A client whose first task is rejected again and again, with three tasks behind it."""
    client = ClientDriver(credits=1)
    return client, [client.submit(**options) for _ in range(4)]  # type: ignore[arg-type]


def knock(client: ClientDriver, wait_s: float = 0.5) -> None:
    client.wait(2.0)
    client.reject(client.submitted()[-1], RejectReason.NO_NODES, wait_s, credits=1)


def test_rejected_knock_is_a_try_of_all_that_wait() -> None:
    client, ids = standing_line(retries=2)
    for settled in (0, 0, 1):
        knock(client)
        assert len(client.settled()) == settled
    knock(client)
    assert sorted(client.settled()) == ids
    outcomes = client.settled().values()
    assert {(m.status, m.entered, m.reason) for m in outcomes} == {(REJECTED, Entered.NO, RejectReason.NO_NODES)}
    assert all(m.retry_after_s == 0.5 for m in outcomes)


def test_timeout_that_passes_in_a_line_that_stands_is_answered_with_the_rejection() -> None:
    client, ids = standing_line(timeout_s=5.0)
    knock(client)
    knock(client, wait_s=10.0)
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


def test_caller_who_wants_to_know_at_once_asks_past_a_line_that_stands() -> None:
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


def test_knocks_that_no_answer_pays_for_slow_down_to_one_a_second() -> None:
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


# --- a line that is too long for its timeouts -------------------------------------------------------------------------


def test_newest_goes_first_where_the_oldest_is_late() -> None:
    client = ClientDriver(credits=1)
    running = client.submit()
    ids = [client.submit(timeout_s=2.0) for _ in range(2)]
    client.wait(0.9)
    ids += [client.submit(timeout_s=2.0) for _ in range(2)]
    client.answer(running, credits=1)
    assert client.submitted() == [running, ids[0]], "all may yet be in time"
    client.wait(0.2)
    client.answer(ids[0], credits=1)
    assert client.submitted()[2:] == [ids[3]]
    client.answer(ids[3], credits=1)
    assert client.submitted()[3:] == [ids[2]]
    client.answer(ids[2], credits=1)
    assert client.submitted()[4:] == [ids[1]]


def late_line() -> tuple[ClientDriver, list[int]]:
    """A client whose line stands until long after the oldest task of it has lost half of its time."""
    client = ClientDriver(credits=10)
    ids = [client.submit(timeout_s=2.0) for _ in range(3)]
    for id_ in ids:
        client.reject(id_, RejectReason.QUEUE_FULL, 1.8, credits=10)
    client.wait(1.1)
    assert client.submitted() == ids
    return client, ids


def test_new_task_is_tried_at_once_where_the_newest_goes_first_though_the_line_stands() -> None:
    client, ids = late_line()
    new = client.submit(timeout_s=2.0)
    assert client.submitted() == [*ids, new]
    client.answer(new, credits=10)
    assert client.submitted()[4:] == [ids[2]], "its answer has made room for one of those that wait"


def test_new_task_is_not_tried_at_once_without_a_timeout_or_behind_a_more_urgent_one() -> None:
    client, ids = late_line()
    client.submit()
    client.submit(timeout_s=2.0, priority=3)
    assert client.submitted() == ids


def test_more_urgent_task_passes_a_line_that_stands() -> None:
    client = ClientDriver(credits=3)
    low, _, _, waits = (client.submit(priority=priority) for priority in (3, 3, 1, 1))
    sent = client.submitted()
    client.reject(low, RejectReason.QUEUE_FULL, 10.0, credits=5)
    assert client.submitted() == [*sent, waits], "it had no credit before"
    high = client.submit(priority=0)
    client.submit(priority=3)
    assert client.submitted() == [*sent, waits, high]
    client.reject(high, RejectReason.QUEUE_FULL, 10.0, credits=9)
    client.submit(priority=1)
    assert client.submitted() == [*sent, waits, high], "none is more urgent than that"


def test_task_that_has_aged_does_not_pass_the_line_with_those_that_are_more_urgent() -> None:
    client = ClientDriver(credits=1)
    lows = [client.submit(priority=3) for _ in range(3)]
    client.wait(5.0)
    for _ in range(20):
        client.submit(priority=1)
    client.reject(lows[0], RejectReason.QUEUE_FULL, 10.0, credits=30)
    sent = client.submitted()[1:]
    assert len(sent) == 20
    assert not set(sent) & set(lows)


def test_new_tasks_are_tried_at_once_only_now_and_then() -> None:
    client, ids = late_line()
    for _ in range(100):
        client.wait(0.001)
        new = client.submit(timeout_s=2.0)
        if new in client.submitted():
            client.reject(new, RejectReason.QUEUE_FULL, 0.01, credits=10)
    assert 9 <= len(client.submitted()) - len(ids) <= 11


def test_idle_client_begins_with_a_few_tasks_and_goes_on_when_an_answer_tells_what_it_may() -> None:
    client = ClientDriver(credits=100)
    ids = [client.submit() for _ in range(50)]
    assert len(client.submitted()) == PROBE_TASKS
    client.answer(ids[0], credits=40)
    assert len(client.submitted()) == 41


def test_idle_client_of_long_tasks_goes_on_when_a_heartbeat_tells_what_it_may() -> None:
    client = ClientDriver(credits=100)
    for _ in range(50):
        client.submit()
    client.say(Heartbeat())
    assert len(client.submitted()) == PROBE_TASKS
    client.say(Heartbeat(credits=40))
    assert len(client.submitted()) == 40


def test_caller_who_wants_to_know_at_once_may_use_all_credits() -> None:
    client = ClientDriver(credits=30)
    for _ in range(35):
        client.submit(retries=0)
    assert len(client.submitted()) == 30
    assert len(client.settled()) == 5


# --- timeouts ---------------------------------------------------------------------------------------------------------


def test_timeout_that_passes_in_the_backlog_expires_the_task_unsent() -> None:
    client = ClientDriver(credits=1)
    first, second = client.submit(), client.submit(timeout_s=1.0)
    client.wait(1.1)
    outcome = client.settled()[second]
    assert (outcome.status, outcome.entered) == (Status.EXPIRED, Entered.NO)
    client.answer(first)
    assert client.submitted() == [first]


@pytest.mark.parametrize("retries", [0, None])
def test_task_that_comes_too_late_is_never_sent(retries: int | None) -> None:
    client = ClientDriver()
    id_ = client.submit(timeout_s=-0.1, retries=retries)
    outcome = client.settled()[id_]
    assert (outcome.status, outcome.entered) == (Status.EXPIRED, Entered.NO)
    assert not client.submitted()


def test_timeout_sent_is_what_remains() -> None:
    client = ClientDriver(credits=1)
    first, _ = client.submit(), client.submit(timeout_s=5.0)
    client.wait(2.0)
    client.answer(first)
    assert client.sent(Submit)[1].timeout_s == pytest.approx(3.0)


def test_timeout_that_passes_in_a_pause_expires_the_task() -> None:
    client = ClientDriver()
    id_ = client.submit(timeout_s=3.0)
    client.reject(id_, RejectReason.QUEUE_FULL, 1.0)
    client.lose()
    client.wait(3.1)
    assert client.settled()[id_].status == Status.EXPIRED


def test_timeout_of_a_sent_task_is_answered_by_the_cluster_or_a_second_later_here() -> None:
    client = ClientDriver()
    answered, silent = client.submit(timeout_s=2.0), client.submit(timeout_s=2.0)
    client.wait(2.5)
    assert not client.settled()
    client.answer(answered, Status.EXPIRED)
    client.wait(0.6)
    assert client.settled()[silent].entered == Entered.UNKNOWN
    assert client.sent(Cancel) == [Cancel(silent)]
    client.answer(silent)
    assert client.settled()[silent].status == Status.EXPIRED
    assert client.state.next_deadline() == client.now + 5.0 - 3.1 % 5.0


def test_leftovers_of_tasks_that_never_were_sent_are_swept() -> None:
    client = ClientDriver(credits=None)
    waiting = client.submit()
    for _ in range(3000):
        client.cancel(client.submit(b"x" * 100, timeout_s=1000.0))
    assert sum(len(line.timed) for line in client.state._backlog._lines) < 200
    assert len(client.state._deadlines) < 200
    client.connect()
    assert client.submitted() == [waiting]


# --- cancelling -------------------------------------------------------------------------------------------------------


def test_cancel_of_a_waiting_task_is_answered_here() -> None:
    client = ClientDriver(credits=1)
    first, second = client.submit(), client.submit()
    client.cancel(second)
    outcome = client.settled()[second]
    assert (outcome.status, outcome.entered) == (Status.CANCELLED, Entered.NO)
    client.answer(first)
    assert client.submitted() == [first]
    assert not client.sent(Cancel)


def test_cancel_of_a_task_in_a_pause_is_answered_here() -> None:
    client = ClientDriver()
    id_ = client.submit()
    client.reject(id_, RejectReason.QUEUE_FULL, 1.0)
    client.cancel(id_)
    assert client.settled()[id_].status == Status.CANCELLED
    client.wait(5.0)
    assert len(client.submitted()) == 1


def test_cancel_of_a_sent_task_asks_the_cluster_once_and_waits() -> None:
    client = ClientDriver()
    id_ = client.submit()
    client.cancel(id_)
    client.cancel(id_)
    assert client.sent(Cancel) == [Cancel(id_, False)]
    assert not client.settled()
    client.answer(id_)
    assert client.settled()[id_].status == Status.COMPLETED, "the outcome that arrives first wins"


def test_cancel_of_an_unknown_task_is_ignored() -> None:
    assert ClientDriver().cancel(99) == []


def test_cancelled_task_that_is_rejected_is_not_tried_again() -> None:
    client = ClientDriver()
    id_ = client.submit()
    client.cancel(id_)
    client.reject(id_, RejectReason.QUEUE_FULL, 0.1)
    assert (client.settled()[id_].status, client.settled()[id_].entered) == (Status.CANCELLED, Entered.NO)
    client.wait(5.0)
    assert len(client.submitted()) == 1


def test_cancel_queued_only_that_crosses_a_rejection_has_its_way() -> None:
    client = ClientDriver()
    id_ = client.submit()
    client.cancel(id_, queued_only=True)
    client.reject(id_, RejectReason.QUEUE_FULL, 1.0)
    assert client.settled()[id_].status == Status.CANCELLED


def test_cancel_queued_only_that_was_refused_is_forgotten() -> None:
    client = ClientDriver()
    id_ = client.submit()
    client.cancel(id_, queued_only=True)
    client.say(StillRunning(id_))
    client.reject(id_, RejectReason.QUEUE_FULL, 1.0)  # its node was lost in between
    assert id_ not in client.settled()


def test_cancel_queued_only_that_comes_too_late_is_refused_and_the_task_goes_on() -> None:
    client = ClientDriver()
    id_ = client.submit()
    client.cancel(id_, queued_only=True)
    assert client.sent(Cancel) == [Cancel(id_, True)]
    assert client.say(StillRunning(id_)) == [Refused(id_)]
    client.cancel(id_)
    assert client.sent(Cancel)[-1] == Cancel(id_, False), "it may still be cancelled for good"
    client.answer(id_)
    assert client.settled()[id_].status == Status.COMPLETED
    assert client.say(StillRunning(id_)) == [], "nothing more is said of a task that has its answer"


# --- losing the connection --------------------------------------------------------------------------------------------


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


def test_words_of_an_old_connection_are_ignored() -> None:
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


# --- heartbeats and manners -------------------------------------------------------------------------------------------


def test_heartbeats_are_sent_at_the_clusters_pace() -> None:
    client = ClientDriver(heartbeat_s=2.0)
    client.wait(5.0)
    assert len(client.sent(Heartbeat)) == 2


def test_silent_cluster_is_given_up() -> None:
    client = ClientDriver(heartbeat_s=1.0)
    for _ in range(10):
        client.wait(1.0)
        client.say(Heartbeat())
    closes = [effect for effect in client.effects if isinstance(effect, Close)]
    assert not closes
    client.wait(3.1)
    closes = [effect for effect in client.effects if isinstance(effect, Close)]
    assert closes == [Close(CLUSTER, "nothing was heard from the cluster for 3 s")]


def test_client_that_slept_itself_forgives_the_silence() -> None:
    client = ClientDriver(heartbeat_s=1.0)
    client.now += 60.0
    client.did(client.state.tick(client.now))
    assert not [effect for effect in client.effects if isinstance(effect, Close)]


def test_goodbye_of_the_cluster_closes() -> None:
    client = ClientDriver()
    assert client.say(Goodbye("shutting down")) == [Close(CLUSTER, "shutting down")]


@pytest.mark.parametrize(
    "message", [Assign(1, 1, 2, 0.0, 7, b""), Register("n", 1), Welcome(1, 1, 1, 1.0, 1.0), Cancel(1)]
)
def test_cluster_that_says_what_it_may_not_is_hung_up_on(message: Message) -> None:
    client = ClientDriver()
    (effect,) = client.say(message)
    assert isinstance(effect, Close)
    assert type(message).__name__ in effect.reason


def test_next_deadline_without_anything_to_wait_for_is_none() -> None:
    assert ClientDriver(credits=None).state.next_deadline() is None


def test_caller_who_wants_to_know_at_once_is_told_behind_a_backlog_that_was_not_sent_yet() -> None:
    client = ClientDriver(credits=100)
    for _ in range(300):
        client.submit()
    hasty = client.submit(retries=0)
    assert client.settled()[hasty].reason == RejectReason.QUEUE_FULL


# --- refusals of the client's own -------------------------------------------------------------------------------------


def test_refusal_of_its_own_says_that_it_is_local_and_one_of_the_clusters_does_not() -> None:
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


def refused_for(client: ClientDriver) -> float:
    id_ = client.submit(retries=0)
    return client.settled()[id_].retry_after_s


def test_caller_without_a_credit_is_told_to_return_when_an_answer_leaves_room() -> None:
    assert 0.5 <= refused_for(busy_client(1.0)) <= 1.5
    assert 0.05 <= refused_for(busy_client(0.1)) <= 0.15


def test_callers_without_a_credit_are_told_to_return_at_the_pace_of_the_answers() -> None:
    client = busy_client(0.1)
    waits = [refused_for(client) for _ in range(30)]
    assert 0.5 * 3.0 <= waits[-1] <= 1.5 * 3.0


def test_crowd_of_callers_without_a_credit_is_forgotten_as_answers_come() -> None:
    client = busy_client(0.1)
    for _ in range(500):
        assert refused_for(client) <= 1.5 * 5.0
    for id_ in range(21, 41):
        client.answer(id_, credits=4)
        client.wait(0.1)
    assert refused_for(client) <= 1.5 * 0.1 * 32, "5 s are 50 answers, and 20 of them have come"


def test_caller_is_told_to_stay_away_longer_where_answers_have_ceased() -> None:
    client = busy_client(0.1)
    client.wait(2.9)
    assert 0.5 * 3.0 <= refused_for(client) <= 1.5 * 3.0


def test_first_caller_after_all_was_answered_finds_none_before_it() -> None:
    client = ClientDriver(credits=1)
    first = client.submit()
    for _ in range(50):
        refused_for(client)
    client.answer(first, credits=1)
    client.submit()
    assert refused_for(client) <= 0.03


def test_caller_without_a_connection_is_told_to_wait_for_one() -> None:
    waits = [refused_for(ClientDriver(credits=None, seed=seed)) for seed in range(20)]
    assert 0.25 <= min(waits) < max(waits) <= 0.75
