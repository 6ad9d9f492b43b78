"""The records of one decision: what was foreseen for a task that has come, and why it was not admitted.

In: counters of the moment, and the decision (``admission.py``). Out: records, for the answer and for who asks. They
must never keep a task or its payload.
"""

from __future__ import annotations

from mypy_extensions import mypyc_attr

from argon.errors import RejectReason
from argon.protocol.ids import ClientTaskId, PeerId
from argon.record import Record


@mypyc_attr(acyclic=True)
class Forecast(Record):
    """What is foreseen for one task, and the counters of the moment by which it is.

    Attributes:
        draining: nothing new may enter.
        free: a node takes it at once, with a free worker or as a prefetched task.
        size_bytes: of its payload.
        timeout_s: what remains until its deadline, 0 for none.
        run_s: what it is predicted to run, 0 if nothing was ever measured.
        work_s: the predicted work in the queue that goes before it.
        wait_s: how long it is predicted to wait: for that, and for what the nodes have; by one worker if there is none.
        may_wait_s: how long it may wait; infinity where that was not asked, since it need not wait for long.
        few: of its priority fewer wait than always may.
        queue_length, queue_bytes: what waits, announced payloads included.
        in_flight: tasks that nodes have.
        workers, nodes: those that take new tasks.
        outstanding, allowance: how many tasks its client has here, and how many it may have.
    """

    __slots__ = (
        *("draining", "free", "size_bytes", "timeout_s", "run_s", "work_s", "wait_s", "may_wait_s", "few"),
        *("queue_length", "queue_bytes", "in_flight", "workers", "nodes", "outstanding", "allowance"),
    )

    def __init__(
        self,
        *,
        draining: bool,
        free: bool,
        size_bytes: int,
        timeout_s: float,
        run_s: float,
        work_s: float,
        wait_s: float,
        may_wait_s: float,
        few: bool,
        queue_length: int,
        queue_bytes: int,
        in_flight: int,
        workers: int,
        nodes: int,
        outstanding: int,
        allowance: int,
    ) -> None:
        self.draining = draining
        self.free = free
        self.size_bytes = size_bytes
        self.timeout_s = timeout_s
        self.run_s = run_s
        self.work_s = work_s
        self.wait_s = wait_s
        self.may_wait_s = may_wait_s
        self.few = few
        self.queue_length = queue_length
        self.queue_bytes = queue_bytes
        self.in_flight = in_flight
        self.workers = workers
        self.nodes = nodes
        self.outstanding = outstanding
        self.allowance = allowance


@mypyc_attr(acyclic=True)
class Rejection(Record):
    """Why a task was not admitted: the answer to its client, and the forecast by which that was decided.

    ``client`` is the peer that has sent it, ``client_task_id`` its number there.
    """

    __slots__ = ("client", "client_task_id", "reason", "retry_after_s", "forecast")

    def __init__(
        self,
        client: PeerId,
        client_task_id: ClientTaskId,
        reason: RejectReason,
        retry_after_s: float,
        forecast: Forecast,
    ) -> None:
        self.client = client
        self.client_task_id = client_task_id
        self.reason = reason
        self.retry_after_s = retry_after_s
        self.forecast = forecast
