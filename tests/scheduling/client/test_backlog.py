"""The order in which a client's tasks leave its backlog."""

from __future__ import annotations

from math import inf

from argon.scheduling.client.backlog import Backlog
from argon.scheduling.client.client_task import ClientTask, ClientTaskState
from argon.scheduling.task_options import TaskOptions

PLACES = 100


def waiting(backlog: Backlog, id_: int, priority: int = 2, timeout_s: float = inf, at: float = 0.0) -> ClientTask:
    """A task that has come at a moment."""
    options = TaskOptions(priority=priority)
    task = ClientTask(id_, 0, b"", options, at, at + timeout_s)
    backlog.add(task)
    return task


def remove(backlog: Backlog, task: ClientTask) -> None:
    """A task ends while it waits."""
    backlog.remove(task)
    task.move(ClientTaskState.SETTLED)


def order(backlog: Backlog, now: float = 0.0) -> list[int]:
    return [backlog.take(now, PLACES).client_task_id for _ in range(len(backlog))]


def test_most_urgent_first_then_the_oldest_with_a_timeout_or_without() -> None:
    backlog = Backlog()
    for id_, (priority, timeout_s) in enumerate([(3, inf), (2, 9.0), (2, inf), (0, inf), (2, 9.0), (2, inf)], 1):
        waiting(backlog, id_, priority, timeout_s)
    assert len(backlog) == 6
    assert order(backlog) == [4, 2, 3, 5, 6, 1]
    assert len(backlog) == 0


def test_task_that_comes_back_has_its_place_again() -> None:
    for timeout_s in (inf, 9.0):
        backlog = Backlog()
        for id_ in range(1, 7):
            waiting(backlog, id_, timeout_s=timeout_s)
        taken = [backlog.take(0.0, PLACES) for _ in range(4)]
        for number in (1, 0, 3):
            backlog.put_back(taken[number])
        assert order(backlog) == [1, 2, 4, 5, 6]


def test_newest_first_where_the_oldest_has_lost_half_of_its_time() -> None:
    backlog = Backlog()
    for id_ in range(1, 5):
        waiting(backlog, id_, timeout_s=2.0, at=0.3 * id_)
    assert order(backlog, now=1.29) == [1, 2, 3, 4]
    for id_ in range(1, 5):
        waiting(backlog, id_, timeout_s=2.0, at=0.3 * id_)
    assert order(backlog, now=1.31) == [4, 3, 2, 1]


def test_newest_goes_first_only_where_its_own_line_is_late_and_no_more_urgent_one_waits() -> None:
    backlog = Backlog()
    old = waiting(backlog, 1, timeout_s=2.0)
    assert not backlog.is_newest_first(2, 0.99)
    assert backlog.is_newest_first(2, 1.0)
    assert not backlog.is_newest_first(1, 1.0)
    urgent = waiting(backlog, 2, priority=1)
    assert not backlog.is_newest_first(2, 1.0)
    remove(backlog, urgent)
    assert backlog.is_newest_first(2, 1.0)
    remove(backlog, old)
    assert not backlog.is_newest_first(2, 1.0)


def test_oldest_first_again_when_those_that_were_too_old_are_gone() -> None:
    backlog = Backlog()
    old = waiting(backlog, 1, timeout_s=2.0)
    waiting(backlog, 2, timeout_s=2.0, at=1.0)
    waiting(backlog, 3, timeout_s=2.0, at=1.0)
    remove(backlog, old)
    assert order(backlog, now=1.5) == [2, 3]


def test_tasks_without_a_timeout_keep_their_order_and_every_second_turn() -> None:
    backlog = Backlog()
    for id_ in (1, 3, 5):
        waiting(backlog, id_)
    for id_ in (2, 4, 6):
        waiting(backlog, id_, timeout_s=2.0)
    assert order(backlog, now=1.5) == [1, 6, 3, 4, 5, 2]


def test_task_removed_is_not_taken_wherever_it_is() -> None:
    for now in (0.0, 1.5):
        backlog = Backlog()
        tasks = [waiting(backlog, id_, timeout_s=2.0) for id_ in range(1, 7)]
        for number in (0, 3, 5):
            remove(backlog, tasks[number])
        assert len(backlog) == 3
        assert sorted(order(backlog, now)) == [2, 3, 5]


def test_leftovers_are_swept() -> None:
    backlog = Backlog()
    kept = waiting(backlog, 1)
    for id_ in range(2, 3000):
        remove(backlog, waiting(backlog, id_, timeout_s=inf if id_ % 2 else 9.0))
    assert sum(len(line._tasks) for tasks in backlog._priorities for line in (tasks.patient, tasks.timed)) < 200
    assert backlog.take(0.0, PLACES) is kept


def test_line_that_has_aged_has_12_5_percent_of_the_turns_beside_what_is_more_urgent() -> None:
    backlog = Backlog()
    for id_ in (1, 2, 3):
        waiting(backlog, id_, priority=4, at=0.0)
    for id_ in range(4, 20):
        waiting(backlog, id_, priority=2, at=1.0)
    assert [backlog.take(1.9, PLACES).client_task_id for _ in range(4)] == [4, 5, 6, 7], (
        "nearly two steps, and two priorities"
    )
    assert order(backlog, now=2.0) == [1, *range(8, 15), 2, *range(15, 20), 3]


def test_leftovers_of_a_line_have_no_turn() -> None:
    backlog = Backlog()
    gone = waiting(backlog, 1, priority=4)
    waiting(backlog, 2, priority=0, at=9.0)
    waiting(backlog, 3, priority=3, at=8.0)
    remove(backlog, gone)
    assert order(backlog, now=9.0) == [2, 3]


def test_what_goes_by_age_has_12_5_percent_of_the_places_or_one() -> None:
    for places, most in ((1, 1), (15, 1), (16, 2), (40, 5)):
        backlog, by_age = Backlog(), []
        for id_ in range(1, 200):
            waiting(backlog, id_, priority=4, at=-9.0)
            waiting(backlog, 1000 + id_, priority=0)
        for _ in range(100):
            task = backlog.take(0.0, places)
            task.move(ClientTaskState.SENT)
            by_age += [task] if task.options.priority == 4 else []
        assert len(by_age) == most
        by_age[0].move(ClientTaskState.SETTLED)  # it is answered
        assert [backlog.take(0.0, places).options.priority for _ in range(3)] == [4, 0, 0]
