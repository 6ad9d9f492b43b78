"""A line of tasks, compared with a list from which tasks are really removed."""

from __future__ import annotations

from random import Random

from argon.scheduling.task_line import _SWEEP_MIN, TaskLine


class Waiter:
    """A task that knows whether it waits."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.waits = True


def waits(task: Waiter) -> bool:
    return task.waits


def number(task: Waiter) -> int:
    return task.number


def line_of(count: int) -> tuple[TaskLine[Waiter], list[Waiter]]:
    line: TaskLine[Waiter] = TaskLine(waits)
    tasks = [Waiter(n) for n in range(count)]
    for task in tasks:
        line.append(task)
    return line, tasks


def leave(line: TaskLine[Waiter], task: Waiter) -> None:
    task.waits = False
    line.remove(task)


def test_empty_line_has_no_first_and_no_last() -> None:
    line, _ = line_of(0)
    assert (len(line), line.first(), line.last(), line.waiting()) == (0, None, None, [])


def test_tasks_leave_in_the_order_in_which_they_came() -> None:
    line, tasks = line_of(3)
    for left, task in zip((2, 1, 0), tasks, strict=True):
        assert line.first() is task
        leave(line, task)
        assert len(line) == left
    assert line.first() is None


def test_tombstones_are_skipped_at_both_ends() -> None:
    line, tasks = line_of(5)
    for task in (tasks[1], tasks[3]):
        leave(line, task)
    assert line.waiting() == [tasks[0], tasks[2], tasks[4]]
    for task in (tasks[0], tasks[4]):
        leave(line, task)
    assert line.first() is line.last() is tasks[2]
    assert len(line) == 1
    leave(line, tasks[2])
    assert line.first() is line.last() is None


def test_task_that_still_seems_to_wait_when_it_is_removed_is_swept_with_the_others() -> None:
    """Whoever removes a task may change its state afterwards."""
    line, tasks = line_of(2 * _SWEEP_MIN + 1)
    for task in tasks[1 : _SWEEP_MIN + 1]:
        leave(line, task)
    late = tasks[_SWEEP_MIN + 1]
    line.remove(late)
    assert late not in line.waiting()
    assert len(line) == len(line.waiting())


def test_task_is_put_back_to_its_place() -> None:
    line, tasks = line_of(6)
    leave(line, tasks[0])
    leave(line, tasks[2])
    leave(line, tasks[1])
    for task in (tasks[1], tasks[0]):
        task.waits = True
        line.put_back(task, number)
    assert line.waiting() == [tasks[0], tasks[1], tasks[3], tasks[4], tasks[5]]


def test_line_equals_a_list_and_keeps_no_more_tombstones_than_tasks() -> None:
    rng, (line, tasks) = Random(1), line_of(0)
    for count in range(20_000):
        if rng.random() < 0.5 or not tasks:
            tasks.append(Waiter(count))
            line.append(tasks[-1])
        else:
            task = rng.choice([tasks[0], tasks[-1], rng.choice(tasks)])
            tasks.remove(task)
            leave(line, task)
        assert len(line) == len(tasks)
        if rng.random() < 0.3:
            assert line.first() is (tasks[0] if tasks else None)
            assert line.last() is (tasks[-1] if tasks else None)
        assert len(line._tasks) <= 2 * len(tasks) + 2 * _SWEEP_MIN + 1
    assert line.waiting() == tasks
