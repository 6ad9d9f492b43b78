"""The engine: a whole cluster in virtual time, and each of its circumstances felt."""

from __future__ import annotations

from array import array
from math import inf
from random import Random

import pytest

from argon.planning.course import Course
from argon.planning.engine import Circumstances, Simulation, SimulationStalled, simulate
from argon.planning.node_plan import NodePlan
from argon.planning.result import Summary, summarise
from argon.planning.rules import ARGON, RULES, Oracle, RoundRobin
from argon.planning.service import Constant, Exponential
from argon.planning.workload import Arrival, Mix, Workload, random_workload, traced_workload
from argon.protocol.messages import STATUS_NAMES, Status
from argon.scheduling.cluster.node_session import NodeSession
from argon.scheduling.load import ServiceTimes
from argon.settings import Priority

BARE = Circumstances(latency_s=0.0, overhead_s=0.0, cluster_s=0.0)
FLEET = [NodePlan(4), NodePlan(4)]


def tasks_at(*moments: float, service_s: float = 1.0) -> Workload:
    return traced_workload(Arrival(moment, service_s) for moment in moments)


def ran(rule: str, fleet: list[NodePlan], work: Workload, circumstances: Circumstances) -> Summary:
    return summarise(fleet, work, simulate(rule, fleet, work, circumstances))


def test_task_alone_takes_four_ways_two_readings_its_run_and_the_overhead() -> None:
    course = simulate(ARGON, FLEET, tasks_at(0.0), Circumstances(latency_s=0.01, overhead_s=0.1, cluster_s=0.001))
    assert course.began_s[0] == pytest.approx(0.021)
    assert course.ended_s[0] == pytest.approx(0.021 + 1.1 + 0.021)
    assert course.status[0] == Status.COMPLETED


def test_oracle_is_asked_about_each_task_by_its_number(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: set[int] = set()
    choose = Oracle.choose

    def noted(self: Oracle, kind: int, key: int, fleet: ServiceTimes) -> NodeSession | None:
        asked.add(key)
        return choose(self, kind, key, fleet)

    monkeypatch.setattr(Oracle, "choose", noted)
    simulate("oracle", FLEET, tasks_at(0.0, 0.0, 0.0), BARE)
    assert asked == {1, 2, 3}


def test_tasks_beyond_the_workers_wait_their_turn() -> None:
    course = simulate(ARGON, [NodePlan(1)], tasks_at(0.0, 0.0, 0.5), BARE)
    assert list(course.began_s) == [pytest.approx(t) for t in (0.0, 1.0, 2.0)]


def test_cluster_that_is_slow_to_read_makes_tasks_wait_before_it() -> None:
    work = tasks_at(0.0, 0.0, 0.0)
    course = simulate(ARGON, FLEET, work, Circumstances(latency_s=0.0, overhead_s=0.0, cluster_s=0.1))
    assert [round(began, 6) for began in course.began_s] == [0.1, 0.2, 0.3]


def test_timeout_ends_tasks() -> None:
    work = tasks_at(*[0.0] * 9)
    summary = ran(ARGON, FLEET, work, Circumstances(timeout_s=0.5))
    assert (summary.completed, summary.expired) == (0, 9)


def test_full_queue_rejects_those_who_do_not_retry_and_delays_those_who_do() -> None:
    work = random_workload(500, 2000.0, Mix(Constant(0.01), clients=50), Random(1))
    impatient = Circumstances(queue_limit=5, retries=0)
    assert ran(ARGON, FLEET, work, impatient).rejected > 50
    assert ran(ARGON, FLEET, work, Circumstances(queue_limit=50_000, queue_target_s=inf, retries=0)).rejected == 0
    assert ran(ARGON, FLEET, work, Circumstances(queue_limit=5)).completed == 500


def test_queue_may_stand_for_its_target_and_a_client_has_no_more_than_its_limit() -> None:
    work = random_workload(500, 2000.0, Mix(Constant(0.01), clients=10), Random(1))
    rejected = [
        ran(ARGON, FLEET, work, Circumstances(queue_limit=50_000, retries=0, **options)).rejected
        for options in (
            {"queue_target_s": 0.01},
            {"queue_target_s": 0.1},
            {"queue_target_s": inf},
            {"queue_target_s": inf, "client_limit": 1},
        )
    ]
    assert rejected[0] > rejected[1] > rejected[2] == 0
    assert rejected[3] > rejected[2]


def test_more_urgent_tasks_overtake() -> None:
    work = traced_workload(
        Arrival(number / 1000, 0.1, priority=Priority.LOW if number < 6 else Priority.HIGH) for number in range(8)
    )
    course = simulate(ARGON, [NodePlan(1)], work, BARE)
    assert sorted(range(8), key=course.began_s.__getitem__)[1:3] == [6, 7]


def test_client_with_a_flood_does_not_starve_another() -> None:
    work = random_workload(200, 100.0, Mix(Exponential(0.01), clients=1, flood=2000), Random(1))
    summary = ran(ARGON, FLEET, work, Circumstances())
    assert summary.flood is not None
    assert summary.flood[0] == 2000
    assert summary.wait is not None
    assert summary.wait.p99 < 0.1 * summary.flood[1]


@pytest.mark.parametrize("rule", RULES)
def test_every_task_has_one_end_under_every_rule_and_equal_seeds_give_equal_courses(rule: str) -> None:
    fleet = [NodePlan(2), NodePlan(3, 0.5), NodePlan(2, 1.0, 0.2, 0.3)]
    work = random_workload(400, 400.0, Mix(Exponential(0.01), clients=3), Random(1))
    first, again = (simulate(rule, fleet, work, Circumstances(timeout_s=2.0), seed=5) for _ in range(2))
    assert first.answered == 400
    assert all(0 <= status < len(STATUS_NAMES) for status in first.status)
    assert (first.ended_s, first.busy_s) == (again.ended_s, again.busy_s)
    capacity_s = 7 * max(first.ended_s)
    assert 0 < first.busy_s <= capacity_s


def test_oracle_and_argon_beat_round_robin_on_a_mixed_fleet_and_the_oracle_is_not_far() -> None:
    fleet = [NodePlan(8), NodePlan(8, 0.25), NodePlan(1), NodePlan(8)]
    work = random_workload(4000, 1200.0, Mix(Exponential(0.01), clients=4), Random(1))
    found = {rule: ran(rule, fleet, work, Circumstances()).total for rule in ("round robin", "oracle", ARGON)}
    means = {rule: total.mean for rule, total in found.items() if total is not None}
    assert means[ARGON] < 0.95 * means["round robin"]
    assert means["oracle"] < 0.95 * means["round robin"]
    assert means[ARGON] < 1.1 * means["oracle"]


def test_oracle_knows_that_a_node_turns() -> None:
    fleet = [NodePlan(4, 2.0, 0.1, 1.0), NodePlan(4)]
    work = tasks_at(0.0, 3.0, service_s=0.1)
    course = simulate("oracle", fleet, work, BARE)
    assert course.ended_s[0] == pytest.approx(0.05)
    assert course.ended_s[1] == pytest.approx(3.1)


def test_heartbeats_keep_everybody_alive_through_hours_of_nothing() -> None:
    course = simulate(ARGON, FLEET, tasks_at(0.0, 7200.0), BARE)
    assert list(course.status) == [Status.COMPLETED] * 2


class ChoosesNone(RoundRobin):
    """Never finds a node."""

    def choose(self, kind: int, key: int, fleet: ServiceTimes) -> NodeSession | None:
        return None


def test_run_in_which_nothing_more_is_answered_ends_with_an_error() -> None:
    simulation = Simulation(FLEET, tasks_at(0.0), ChoosesNone(), BARE, Random(1))
    with pytest.raises(SimulationStalled, match="1 tasks wait"):
        simulation.run()


def test_course_has_room_for_every_task() -> None:
    assert Course(3).began_s == array("d", [float("inf")] * 3)
