"""The outcomes that a node sends: what a worker has answered, that a worker has died, or the node's own word.

In: a task, and what has become of it. Out: an Outcome under the cluster's number and attempt. It must never change the
task, nor write into the worker's message.
"""

from __future__ import annotations

from argon.protocol.codec import encode_diagnosis
from argon.protocol.diagnosis import Diagnosis
from argon.protocol.messages import FailureKind, Outcome, Status
from argon.scheduling.node.node_task import NodeTask
from argon.scheduling.node.worker_slot import WorkerExit


def answered(task: NodeTask, outcome: Outcome) -> Outcome:
    """What its worker has answered, who knows the task by another number."""
    assign = task.assign
    return Outcome(
        assign.id,
        outcome.status,
        outcome.entered,
        assign.attempt,
        outcome.run_s,
        failure_kind=outcome.failure_kind,
        payload=outcome.payload,
    )


def worker_died(task: NodeTask, entered: int, run_s: float, exit_: WorkerExit, node: str) -> Outcome:
    """Its worker has ended with it."""
    diagnosis = Diagnosis(exit_.reason, node, exit_.signal, exit_.exit_code, exit_.oom)
    return Outcome(
        task.id,
        Status.FAILED,
        entered,
        task.assign.attempt,
        run_s,
        failure_kind=FailureKind.WORKER_DIED,
        payload=encode_diagnosis(diagnosis),
    )


def ended(task: NodeTask, status: int, entered: int, run_s: float, reason: str, node: str) -> Outcome:
    """The node has ended it, or returns it, for this reason."""
    return Outcome(
        task.id, status, entered, task.assign.attempt, run_s, payload=encode_diagnosis(Diagnosis(reason, node))
    )
