"""A retry storm in virtual time: 200 clients with default retries offer five times what the cluster can do, and then
0.7 of it. Nothing is lost of what the cluster could do, rejections do not feed the overload, and when it is over it is
over for what comes then, though many still wait."""

from __future__ import annotations

from collections.abc import Callable

from argon.protocol.messages import Status
from argon.scheduling.task_options import TaskOptions
from argon.settings import QUEUE_LIMIT
from tests.support.storm import AnsweredTask, Storm

CLIENTS = 200
WORKERS = 4
RUN_S = 0.01
CALM, STORM = 0.7, 5.0
STORM_S = 4.0
WINDOW_S = 0.25
# After the storm the cluster's queue is full; what is not offered is what drains it.
DRAINED_S = QUEUE_LIMIT * RUN_S / WORKERS / (1.0 - CALM) + WINDOW_S


def make_storm(options: TaskOptions) -> Storm:
    return Storm(clients=CLIENTS, workers=WORKERS, run_s=RUN_S, options=options)


def completed(
    answered: list[AnsweredTask], moment: Callable[[AnsweredTask], float], begin: float, end: float
) -> list[AnsweredTask]:
    return [e for e in answered if begin <= moment(e) < end and e.status == Status.COMPLETED]


def goodput(storm: Storm, begin: float, end: float) -> float:
    """The share of the cluster's capacity that became answers in time."""
    done = completed(storm.answered, lambda task: task.answered_at, begin, end)
    return len(done) / (end - begin) / storm.capacity


def p99_s(storm: Storm, begin: float, end: float) -> float:
    """Of the tasks submitted then and completed."""
    times = sorted(
        task.answered_at - task.submitted_at
        for task in completed(storm.answered, lambda task: task.submitted_at, begin, end)
    )
    return times[int(0.99 * len(times))]


class Weather:
    """A storm that is over, with calm before and after it.

    Attributes:
        calm_s: the 99th percentile of calm times, in their worst window.
        rejected: what the cluster has rejected by the end of the storm.
    """

    def __init__(self, options: TaskOptions, after_s: float = 4.0) -> None:
        self.storm = make_storm(options)
        calm = self.storm.agenda.now
        self.storm.offer(CALM, 5.0)
        self.begun = self.storm.agenda.now
        self.storm.offer(STORM, STORM_S)
        self.ended = self.storm.agenda.now
        self.rejected = self.storm.rejected()
        self.storm.offer(CALM, after_s)
        self.storm.agenda.run(self.storm.agenda.now + 2.0)
        self.calm_s = max(self.windows(calm + 1.0, self.begun))

    def windows(self, begin: float, end: float) -> list[float]:
        """The 99th percentile in each window of the tasks submitted in it."""
        starts = [begin + n * WINDOW_S for n in range(int((end - begin) / WINDOW_S))]
        return [p99_s(self.storm, start, start + WINDOW_S) for start in starts]

    def back_after_s(self) -> float:
        """How long after the storm the 99th percentile is that of calm times for two windows together."""
        calm = [p99 <= 1.5 * self.calm_s for p99 in self.windows(self.ended, self.ended + 4.0)]
        return next(n for n in range(len(calm)) if all(calm[n : n + 2])) * WINDOW_S


def test_storm_of_tasks_with_a_timeout_costs_no_goodput_and_is_over_before_the_timeouts_of_those_who_wait() -> None:
    timeout_s = 1.0
    weather = Weather(TaskOptions(timeout_s=timeout_s))
    assert goodput(weather.storm, weather.begun + 0.5, weather.ended) > 0.97
    assert weather.storm.killed < 10
    assert weather.rejected < STORM * weather.storm.capacity * STORM_S, "less than one for each task that was offered"
    # What still waits when the storm ends is wanted until its timeout, but what comes then goes first.
    assert weather.back_after_s() < timeout_s


def test_storm_of_tasks_that_are_told_at_once_is_over_when_the_queue_has_drained() -> None:
    weather = Weather(TaskOptions(retries=0))
    assert goodput(weather.storm, weather.begun + 0.5, weather.ended) > 0.97
    assert weather.back_after_s() <= DRAINED_S


def test_storm_of_tasks_without_a_timeout_is_worked_off_at_full_speed_and_forgets_nobody() -> None:
    weather = Weather(TaskOptions(), after_s=8.0)
    storm = weather.storm
    assert goodput(storm, weather.begun + 0.5, weather.ended + 8.0) > 0.98
    assert weather.rejected < 1.5 * storm.capacity * STORM_S
    left = storm.waiting()
    backlog = (STORM - 1.0) * storm.capacity * STORM_S
    assert left < 1.1 * (backlog - (1.0 - CALM) * storm.capacity * 8.0 - storm.capacity * 2.0)
    storm.agenda.run(storm.agenda.now + 1.1 * left / storm.capacity + 2.0)
    assert storm.waiting() == 0
    assert all(task.status == Status.COMPLETED for task in storm.answered)


def test_equal_seeds_give_equal_storms() -> None:
    def few() -> list[AnsweredTask]:
        storm = make_storm(TaskOptions(timeout_s=0.5))
        storm.offer(STORM, 0.5)
        return storm.answered

    assert few() == few()
