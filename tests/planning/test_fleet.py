"""A virtual node: production's decisions, and workers that take the time they should."""

from __future__ import annotations

from array import array

import pytest

from argon.planning.agenda import Agenda
from argon.planning.course import Course
from argon.planning.fleet import WORKER_START_S, VirtualNode, node_name
from argon.planning.node_plan import NodePlan
from argon.protocol.messages import Assign, Capacity, Entered, Message, Outcome, Register, Status, Welcome
from argon.settings import DEAD_AFTER_S, HEARTBEAT_S, MAX_PAYLOAD_BYTES

PEER, OVERHEAD_S = 7, 0.001
WELCOME = Welcome(PEER, 10, MAX_PAYLOAD_BYTES, HEARTBEAT_S, DEAD_AFTER_S)


class Stage:
    """One node, its tasks by number, and what it says with the moment."""

    def __init__(self, plan: NodePlan, *service_s: float) -> None:
        self.agenda = Agenda()
        self.course = Course(len(service_s))
        self.sent: list[tuple[float, Message]] = []
        self.node = VirtualNode(
            PEER,
            plan,
            service_s=array("d", service_s),
            overhead_s=OVERHEAD_S,
            course=self.course,
            agenda=self.agenda,
            send=self.note,
        )
        self.first = self.node.start(WELCOME, 0.0)

    def note(self, peer: int, messages: list[Message]) -> None:
        assert peer == PEER
        self.sent += [(self.agenda.now, message) for message in messages]

    def assign(self, *tasks: int, timeout_s: float = 0.0, at_s: float = 0.0) -> None:
        messages: list[Message] = [Assign(100 + task, 1, 2, timeout_s, 1, task.to_bytes(8, "little")) for task in tasks]
        self.agenda.at(at_s, self.node.receive, messages)

    def outcomes(self, count: int) -> list[tuple[float, int, int]]:
        """Lets time pass until there are so many outcomes: when, of which task, and how."""
        found: list[tuple[float, int, int]] = []

        def going() -> bool:
            found[:] = [(now, m.id - 100, m.status) for now, m in self.sent if isinstance(m, Outcome)]
            return len(found) < count

        self.agenda.run(going)
        return found


def test_node_registers_under_its_name_with_all_its_workers_ready() -> None:
    assert Stage(NodePlan(3)).first == [Register(node_name(PEER), 1), Capacity(3)]


def test_task_takes_its_service_time_and_the_overhead() -> None:
    stage = Stage(NodePlan(1), 0.5)
    stage.assign(0, at_s=2.0)
    assert stage.outcomes(1) == [(pytest.approx(2.501), 0, Status.COMPLETED)]
    assert stage.course.began_s[0] == 2.0
    assert stage.course.busy_s == pytest.approx(0.501)


def test_outcome_tells_the_run_time_without_the_overhead() -> None:
    stage = Stage(NodePlan(1, 0.5), 0.5)
    stage.assign(0)
    stage.outcomes(1)
    (outcome,) = [message for _, message in stage.sent if isinstance(message, Outcome)]
    assert (outcome.run_s, outcome.entered) == (1.0, Entered.YES)


def test_workers_run_at_once_and_what_is_more_waits() -> None:
    stage = Stage(NodePlan(2), 0.02, 0.02, 0.02)
    stage.assign(0, 1, 2)
    assert [now for now, *_ in stage.outcomes(3)] == [pytest.approx(t) for t in (0.021, 0.021, 0.042)]


def test_task_that_no_worker_takes_goes_back_to_the_cluster_as_at_a_real_node() -> None:
    stage = Stage(NodePlan(1), 0.5, 0.5)
    stage.assign(0, 1)
    assert [(task, status) for _, task, status in stage.outcomes(2)] == [(1, Status.LOST), (0, Status.COMPLETED)]


def test_slow_node_takes_longer_and_one_that_turns_from_then_on() -> None:
    stage = Stage(NodePlan(1, 0.5, 0.1, 1.0), 0.4, 0.4)
    stage.assign(0)
    stage.assign(1, at_s=2.0)
    assert [now for now, *_ in stage.outcomes(2)] == [pytest.approx(0.801), pytest.approx(6.001)]


def test_prefetched_short_tasks_run_one_after_the_other_and_are_recalled_for_a_free_worker() -> None:
    stage = Stage(NodePlan(2), 0.01, 0.01, 0.3, 0.02)
    stage.assign(0, 1)  # now the node knows the kind, as short
    stage.assign(2, 3, 0, at_s=1.0)
    outcomes = stage.outcomes(5)
    assert [task for _, task, _ in outcomes[2:]] == [3, 0, 2]
    assert outcomes[3][0] == pytest.approx(1.032)  # it had been given to the worker that turned out to be busy


def test_task_that_overruns_is_ended_and_its_worker_replaced() -> None:
    stage = Stage(NodePlan(1), 10.0, 0.5)
    stage.assign(0, timeout_s=1.0)
    stage.assign(1, at_s=1.05)
    assert stage.outcomes(2) == [
        (pytest.approx(1.0), 0, Status.EXPIRED),
        (pytest.approx(1.0 + WORKER_START_S + 0.501), 1, Status.COMPLETED),
    ]
    assert stage.course.busy_s == pytest.approx(1.0 + 0.501)
    capacities = [m.workers for _, m in stage.sent if isinstance(m, Capacity)]
    assert capacities == [0, 1]
