"""Nobody starves behind what is urgent, and what is urgent is not flooded by what has grown old: in virtual time, with
the real states of all three roles, and default retries."""

from __future__ import annotations

import pytest

from argon.protocol.messages import Status
from argon.scheduling.task_options import TaskOptions
from argon.settings import AGE_STEP_S
from tests.support.storm import AnsweredTask, Flow, Storm

MAX, LOW, MIN = 0, 3, 4
WORKERS = 4
RUN_S = 0.01
AGED_S = MIN * AGE_STEP_S
TURNS_S = 0.25  # of 8 tasks for 4 workers, and on the way
KNOCK_S = 1.25  # a client that was rejected asks again once a second, and how many wait there is a matter of chance
LONG = 99


def make_storm(clients: int, seed: int = 1) -> Storm:
    return Storm(clients=clients, workers=WORKERS, run_s=RUN_S, options=TaskOptions(), seed=seed)


def hand_over(storm: Storm, client: int, count: int, priority: int, kind: int | None = None) -> None:
    """A client has many tasks, all at once, and nobody else has any until they have aged."""
    for _ in range(count):
        if kind is None:
            storm.clients[client].submit(TaskOptions(priority=priority))
        else:
            storm.clients[client].submit(TaskOptions(priority=priority), kind)
    storm.agenda.run(storm.agenda.now + priority * AGE_STEP_S + 1.0)


def waits(storm: Storm, priority: int) -> list[float]:
    """Of all tasks of a priority, those without an answer included, which have waited until now."""
    answered = [task.answered_at - task.submitted_at for task in storm.answered if task.priority == priority]
    opened = [one for client in storm.clients.values() for one in client.open.values()]
    return [*answered, *(storm.agenda.now - came_at for came_at, level in opened if level == priority)]


def share(storm: Storm, answered: list[AnsweredTask], priority: int, seconds: float, run_s: float = RUN_S) -> float:
    """What a priority had of the workers' time."""
    return sum(task.priority == priority for task in answered) * run_s / seconds / WORKERS


@pytest.mark.parametrize("client", [2, 1], ids=["of another client", "of the same client"])
def test_few_of_the_least_urgent_beside_a_flood_of_the_most_urgent_are_answered_when_they_have_aged(
    client: int,
) -> None:
    storm = make_storm(2)
    storm.flow([Flow(1, MAX, 2.0), Flow(client, MIN, 0.05)], 12.0)
    least = waits(storm, MIN)
    assert len(least) > 200
    assert max(least) < AGED_S + TURNS_S
    assert storm.worked_s > 0.98 * WORKERS * 12.0


def test_few_of_the_least_urgent_of_many_clients_beside_a_flood_from_many_are_answered_when_they_have_aged() -> None:
    storm = make_storm(40)
    floods = [Flow(client, MAX, 0.1) for client in range(1, 21)]
    storm.flow([*floods, *(Flow(client, MIN, 0.0025) for client in range(21, 41))], 20.0)
    least = waits(storm, MIN)
    assert len(least) > 300
    assert max(least) < AGED_S + KNOCK_S


@pytest.mark.parametrize("client", [2, 1], ids=["of another client", "of the same client"])
def test_long_line_of_old_tasks_has_an_eighth_beside_what_is_urgent_and_no_more(client: int) -> None:
    storm = make_storm(2)
    hand_over(storm, client, 100_000, LOW)
    before = len(storm.answered)
    storm.flow([Flow(1, MAX, 2.0)], 5.0)
    late = storm.answered[before:]
    urgent, old = share(storm, late, MAX, 5.0), share(storm, late, LOW, 5.0)
    assert urgent / (urgent + old) >= 7 / 8
    assert urgent + old > 0.99
    assert old > 1 / 8 - 0.01


@pytest.mark.parametrize("client", [2, 1], ids=["of another client", "of the same client"])
def test_long_tasks_that_have_aged_do_not_take_every_worker(client: int) -> None:
    storm = make_storm(2)
    storm.runs_s[LONG] = 1.0
    hand_over(storm, client, 300, LOW, LONG)
    storm.flow([Flow(1, MAX, 2.0)], 2.0)
    before = len(storm.answered)
    storm.flow([Flow(1, MAX, 2.0)], 20.0)
    assert share(storm, storm.answered[before:], MAX, 20.0) > 0.75
    assert share(storm, storm.answered[before:], LOW, 20.0, run_s=1.0) > 0.05


def test_flood_that_is_over_leaves_nobody_behind_and_keeps_the_order_of_each_priority() -> None:
    storm = make_storm(2)
    storm.flow([Flow(1, MAX, 2.0), Flow(1, LOW, 0.2), Flow(2, MIN, 0.5)], 4.0)
    storm.agenda.run(storm.agenda.now + 10.0)
    assert storm.waiting() == 0
    assert all(task.status == Status.COMPLETED for task in storm.answered)
    for priority in (MAX, LOW, MIN):
        came = [task.submitted_at for task in storm.answered if task.priority == priority]
        late = [max(came[: n + 1]) - moment for n, moment in enumerate(came)]
        assert max(late) < 0.1, "they run beside each other, and end out of order by no more than that"
