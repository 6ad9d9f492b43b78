"""What a node answers: under the cluster's number and attempt, and nothing that came in is written into."""

from __future__ import annotations

from math import inf

from argon.protocol.codec import decode_diagnosis
from argon.protocol.diagnosis import Diagnosis
from argon.protocol.messages import Assign, Entered, FailureKind, Outcome, Status
from argon.scheduling.node.node_task import NodeTask
from argon.scheduling.node.outcomes import answered, ended, worker_died
from argon.scheduling.node.worker_slot import WorkerExit

TASK = NodeTask(Assign(500, 3, 2, 0.0, 7, b"work"), 1, inf)


def test_answer_of_a_worker_travels_under_the_clusters_number_and_attempt() -> None:
    outcome = Outcome(1, Status.FAILED, Entered.YES, run_s=0.5, failure_kind=FailureKind.RAISED, payload=b"oh")
    before = outcome.fields()
    assert answered(TASK, outcome) == Outcome(500, Status.FAILED, Entered.YES, 3, 0.5, payload=b"oh")
    assert outcome.fields() == before


def test_death_of_a_worker_is_reported_with_all_that_is_known_of_it() -> None:
    exit_ = WorkerExit(
        4, signal=9, exit_code=0, unstarted=[], outcomes=[], entered=1, oom=True, reason="wrote to Argon's channel"
    )
    outcome = worker_died(TASK, Entered.YES, 0.5, exit_, "here")
    assert (outcome.id, outcome.status, outcome.entered, outcome.attempt) == (500, Status.FAILED, Entered.YES, 3)
    assert (outcome.run_s, outcome.failure_kind) == (0.5, FailureKind.WORKER_DIED)
    assert decode_diagnosis(outcome.payload) == Diagnosis("wrote to Argon's channel", "here", 9, 0, True)


def test_end_that_the_node_has_decided_says_why() -> None:
    outcome = ended(TASK, Status.EXPIRED, Entered.NO, 0.0, "it was ended before it started", "here")
    assert (outcome.id, outcome.status, outcome.entered, outcome.attempt) == (500, Status.EXPIRED, Entered.NO, 3)
    assert decode_diagnosis(outcome.payload) == Diagnosis("it was ended before it started", "here")
