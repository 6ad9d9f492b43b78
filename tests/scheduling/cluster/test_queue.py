"""The order of the queue: priority with ageing, then fair between clients, then first in, first out.

These are the promises one by one; `test_queue_model.py` compares the queue with a model over random histories.
"""

from __future__ import annotations

from math import inf

from argon.scheduling.cluster.queue import TaskQueue
from argon.scheduling.cluster.task import Task, TaskState
from tests.support.queued_tasks import NOW, a_task, drop, take


def queue_of(*tasks: Task, age_step_s: float = 1000.0) -> TaskQueue:
    queue = TaskQueue(age_step_s)
    for task in tasks:
        queue.push(task)
    return queue


def order(queue: TaskQueue, now: float = NOW) -> list[int]:
    return [take(queue, now).id for _ in range(len(queue))]


def test_queue_when_empty_has_nothing() -> None:
    queue = queue_of()
    assert queue.peek(NOW) is None
    assert len(queue) == queue.size_bytes == 0
    assert queue.oldest(NOW) == 0.0
    assert queue.next_deadline() == inf
    assert queue.waiting() == []


def test_tasks_of_one_client_leave_in_order_of_arrival() -> None:
    assert order(queue_of(*(a_task(id_) for id_ in (5, 3, 9, 1)))) == [5, 3, 9, 1]


def test_arrival_is_by_sequence_and_never_by_clock() -> None:
    assert order(queue_of(a_task(1, at=NOW), a_task(2, at=NOW - 5), a_task(3, at=NOW + 5))) == [1, 2, 3]


def test_more_urgent_priority_leaves_first() -> None:
    tasks = [a_task(priority, priority=priority) for priority in (4, 2, 0, 3, 1)]
    assert order(queue_of(*tasks)) == [0, 1, 2, 3, 4]


def test_task_that_has_waited_age_step_counts_one_priority_more() -> None:
    def first(age_step_s: float) -> int:
        old, new = a_task(1, priority=3, at=NOW), a_task(2, priority=2, at=NOW + 9)
        return take(queue_of(old, new, age_step_s=age_step_s), NOW + 10).id

    assert first(age_step_s=10.0) == 1, "3 − 1 is 2, and nothing went by age of late"
    assert first(age_step_s=11.0) == 2
    assert first(age_step_s=0.5) == 1


def test_choice_made_earlier_is_made_again_when_tasks_have_aged() -> None:
    queue = queue_of(a_task(1, priority=3, at=NOW), a_task(2, priority=2, at=NOW + 9), age_step_s=10.0)
    first = queue.peek(NOW + 9)
    assert first is not None
    assert first.id == 2
    assert take(queue, NOW + 10).id == 1


def test_lowest_priority_under_a_flood_of_the_highest_leaves_within_four_steps() -> None:
    queue = queue_of(a_task(0, client=9, priority=4), age_step_s=1.0)
    for id_ in range(1, 100):
        now = NOW + id_ * 0.1
        queue.push(a_task(id_, priority=0, at=now))
        if take(queue, now).id == 0:
            assert 4.0 <= now - NOW <= 4.2
            return
    raise AssertionError("it starved")


def test_wait_in_its_client_counts_for_its_urgency_and_for_nothing_else() -> None:
    queue = queue_of(a_task(1, priority=0), a_task(2, priority=4, waited_s=4.0), age_step_s=1.0)
    assert queue.oldest(NOW) == 0.0
    assert order(queue) == [2, 1]


def test_task_leaves_by_age_only_where_something_more_urgent_waits() -> None:
    old = [a_task(id_, priority=4, waited_s=9.0) for id_ in (1, 2)]
    queue = queue_of(*old, a_task(3, priority=0), age_step_s=1.0)
    order(queue)
    assert [task.history.by_age for task in old] == [True, False]


def test_long_line_of_old_tasks_takes_an_eighth_of_the_work_from_what_is_urgent() -> None:
    old = (a_task(id_, client=2, priority=3, waited_s=1e5, predicted_s=4.0) for id_ in range(100))
    queue = queue_of(*old, age_step_s=1.0)
    for id_ in range(1000, 1560):
        queue.push(a_task(id_, priority=0, predicted_s=1.0))
    served = [take(queue) for _ in range(580)]
    old_s = sum(task.predicted_s for task in served if task.priority == 3)
    assert 0.12 <= old_s / sum(task.predicted_s for task in served) <= 0.13


def test_fresh_task_of_another_client_at_the_head_does_not_hide_an_old_one() -> None:
    fresh, urgent = a_task(1, client=1, priority=4), [a_task(3, priority=0), a_task(4, priority=0)]
    queue = queue_of(fresh, a_task(2, client=2, priority=4, waited_s=4.0), *urgent, age_step_s=1.0)
    assert order(queue) == [1, 3, 4, 2], "the level has aged, and inside it clients are fair"


def test_old_task_that_is_gone_leaves_a_level_as_old_as_its_next() -> None:
    old, fresh = a_task(1, priority=4, waited_s=4.0), a_task(2, priority=4)
    for tasks in ((old, fresh), (fresh, old)):
        queue = queue_of(*tasks, a_task(3, priority=0), age_step_s=1.0)
        first = queue.peek(NOW)
        assert first is not None
        assert first.priority == 4
        drop(queue, old)
        assert queue.peek(NOW) is not fresh
        old.state = TaskState.QUEUED


def test_clients_share_by_predicted_seconds() -> None:
    tasks = [a_task(id_, client=1, predicted_s=3.0) for id_ in range(10)]
    tasks += [a_task(100 + id_, client=2, predicted_s=1.0) for id_ in range(20)]
    served = order(queue_of(*tasks))[:16]
    assert sum(id_ < 100 for id_ in served) == 4
    assert sum(id_ >= 100 for id_ in served) == 12


def test_client_with_one_task_does_not_wait_behind_a_client_with_many() -> None:
    queue = queue_of(*(a_task(id_, client=1) for id_ in range(50)))
    for _ in range(10):
        take(queue)
    queue.push(a_task(99, client=2))
    assert 99 in [take(queue).id for _ in range(2)]


def test_client_that_was_away_has_saved_nothing_up() -> None:
    queue = queue_of(a_task(99, client=2))
    take(queue)
    for id_ in range(40):
        queue.push(a_task(id_, client=1))
    for _ in range(20):
        take(queue)
    for id_ in range(100, 120):
        queue.push(a_task(id_, client=2))
    served = [take(queue).id for _ in range(10)]
    assert 4 <= sum(id_ >= 100 for id_ in served) <= 6


def test_newcomer_to_a_priority_starts_level_there_whatever_was_used_at_others() -> None:
    queue = queue_of(*(a_task(id_, client=1, priority=0, predicted_s=100.0) for id_ in range(10)))
    for id_ in range(20, 40):
        queue.push(a_task(id_, client=2, priority=2))
    for _ in range(9):
        assert take(queue).client == 1
    queue.push(a_task(99, client=3, priority=2))
    assert 99 in order(queue)[1:3], "behind the last of client 1, and no 900 s of client 2"


def test_client_that_has_used_much_at_one_priority_is_a_newcomer_at_another() -> None:
    queue = queue_of(*(a_task(id_, client=1, priority=0, predicted_s=100.0) for id_ in range(10)))
    for id_ in range(20, 40):
        queue.push(a_task(id_, client=2, priority=2))
    queue.push(a_task(99, client=1, priority=2))
    assert 99 in order(queue)[10:12]


def test_client_charged_too_much_and_paid_back_is_served_again() -> None:
    queue = queue_of(*(a_task(id_, client=1, predicted_s=10.0) for id_ in range(5)))
    for id_ in range(100, 120):
        queue.push(a_task(id_, client=2, predicted_s=1.0))
    first = take(queue)
    assert first.client == 1
    for _ in range(3):
        assert take(queue).client == 2
    queue.charge(1, 2, 0.5 - first.charged_s)  # it took half a second, not ten
    assert take(queue).client == 1


def test_charge_of_a_client_that_never_queued_is_ignored() -> None:
    queue = queue_of(a_task(1))
    queue.charge(77, 2, 5.0)
    assert take(queue).id == 1


def test_task_remembers_what_was_charged_for_it() -> None:
    queue = queue_of(a_task(1, predicted_s=2.5))
    assert take(queue).charged_s == 2.5


def test_forgotten_client_starts_level() -> None:
    queue = queue_of(a_task(1, client=1, predicted_s=100.0))
    take(queue)
    queue.forget_client(1)
    queue.push(a_task(2, client=1))
    queue.push(a_task(3, client=2))
    assert [take(queue).id, take(queue).id] == [2, 3]


def test_returned_task_goes_first_and_counts_against_no_limit() -> None:
    queue = queue_of(a_task(1), a_task(2, priority=0), a_task(3))
    returned = take(queue)
    returned.state = TaskState.QUEUED
    queue.push_returned(returned)
    assert (queue.length, queue.size_bytes, len(queue)) == (2, 20, 3)
    assert order(queue) == [2, 1, 3]


def test_returned_task_is_not_found_again_where_it_first_waited() -> None:
    # Client 2 goes first although client 1 came first, so its task leaves from the middle of the line of arrivals.
    queue = queue_of(a_task(1, client=1), a_task(2, client=2), a_task(3, client=1), a_task(4, client=2))
    queue.charge(1, 2, 5.0)
    returned = take(queue)
    assert returned.id == 2
    returned.state = TaskState.QUEUED
    queue.push_returned(returned)
    assert [task.id for task in queue.waiting()] == [2, 1, 3, 4]
    assert len(queue) == 4
    assert order(queue)[0] == 2


def test_removed_task_is_gone_from_the_counters_at_once() -> None:
    tasks = [a_task(id_, size_bytes=100 * id_, predicted_s=id_) for id_ in (1, 2, 3)]
    queue = queue_of(*tasks)
    drop(queue, tasks[1])
    assert (len(queue), queue.size_bytes, queue.ahead_s(4, 0, 0.0)) == (2, 400, 4.0)
    assert order(queue) == [1, 3]
    assert queue.ahead_s(4, 0, 0.0) == 0.0


def test_removed_returned_task_is_gone() -> None:
    queue = queue_of(a_task(1), a_task(2))
    returned = take(queue)
    returned.state = TaskState.QUEUED
    queue.push_returned(returned)
    drop(queue, returned)
    assert order(queue) == [2]


def test_deadline_passed_is_reported_once() -> None:
    tasks = [a_task(1, deadline=NOW + 5), a_task(2, deadline=NOW + 3), a_task(3)]
    queue = queue_of(*tasks)
    assert queue.next_deadline() == NOW + 3
    assert queue.expire(NOW + 2.9) == []
    assert queue.expire(NOW + 3) == [tasks[1]]
    drop(queue, tasks[1])
    assert queue.expire(NOW + 10) == [tasks[0]]
    assert queue.expire(NOW + 11) == []


def test_deadline_of_a_task_that_came_back_is_reported_once() -> None:
    queue = queue_of(a_task(1, deadline=NOW + 5))
    returned = take(queue)
    returned.state = TaskState.QUEUED
    queue.push_returned(returned)
    assert queue.expire(NOW + 6) == [returned]


def test_deadline_of_a_task_that_has_left_is_not_reported() -> None:
    queue = queue_of(a_task(1, deadline=NOW + 5), a_task(2, deadline=NOW + 6))
    take(queue)
    assert [task.id for task in queue.expire(NOW + 10)] == [2]


def test_oldest_is_the_longest_wait_of_all_priorities() -> None:
    tasks = [a_task(1, at=NOW), a_task(2, priority=4, at=NOW - 3), a_task(3, priority=0, at=NOW + 1)]
    queue = queue_of(*tasks)
    assert queue.oldest(NOW + 2) == 5.0
    drop(queue, tasks[1])
    assert queue.oldest(NOW + 2) == 2.0


def test_tombstones_of_removed_tasks_are_swept() -> None:
    queue = queue_of(a_task(0, client=7), a_task(1, client=8, priority=4))
    for id_ in range(2, 5000):
        task = a_task(id_, client=id_ % 3, deadline=NOW + id_, waited_s=float(id_))
        queue.push(task)
        drop(queue, task)
    level = queue._levels[2]
    assert len(level.arrivals._tasks) < 100
    assert len(level.turns) < 200
    assert len(level.elders) < 200
    assert len(queue._deadlines) < 100
    assert order(queue) == [0, 1]


def test_client_that_comes_and_goes_in_the_queue_leaves_nothing_behind() -> None:
    queue = queue_of(a_task(0, client=1), a_task(-1, client=1))
    for id_ in range(1, 5000):
        queue.push(a_task(id_, client=2))
        queue.push(a_task(10_000 + id_, client=1))
        take(queue)
        take(queue)
        queue.charge(2, 2, -0.5)
        queue.charge(1, 2, -0.5)
    assert len(queue._levels[2].turns) < 200
