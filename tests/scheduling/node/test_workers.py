"""Which worker takes the next task, and what is assigned to each."""

from __future__ import annotations

from math import inf

from argon.protocol.messages import Assign, Payload
from argon.scheduling.node.node_task import NodeTask
from argon.scheduling.node.worker_slot import WorkerSlot, WorkerState
from argon.scheduling.node.workers import PREFETCH_SHORT_S, Workers
from argon.settings import PREFETCH_S

SHORT, MIDDLING, LONG, UNKNOWN = 1, 2, 3, 4
PREDICTED_S = {SHORT: PREFETCH_SHORT_S / 10.1, MIDDLING: PREFETCH_S, LONG: 1.0, UNKNOWN: 0.0}


class Crew:
    """Workers of a node, and tasks of which it knows how long they take."""

    def __init__(self, wanted: int, max_requests: int | None = None, spare: int = 0) -> None:
        self.workers = Workers(wanted, max_requests)
        self._last_local_task_id = 0
        for _ in range(wanted + spare):
            self.start()

    def start(self) -> WorkerSlot:
        slot = self.workers.get(self.workers.add())
        assert slot is not None
        self.workers.mark_ready(slot)
        return slot

    def task(self, kind: int = LONG, payload: Payload = b"") -> NodeTask:
        self._last_local_task_id += 1
        assign = Assign(self._last_local_task_id, 1, 2, 0.0, kind, payload)
        return NodeTask(assign, self._last_local_task_id, inf, PREDICTED_S[kind])

    def assign(self, kind: int = LONG, payload: Payload = b"", now: float = 0.0) -> int | None:
        """Gives a task to whom it goes; returns the worker."""
        task = self.task(kind, payload)
        slot = self.workers.next_for(task)
        if slot is None:
            return None
        self.workers.assign(slot, task, now)
        return slot.worker

    def finish(self, worker: int) -> bool:
        """A worker finishes its first task; returns whether it must be replaced."""
        slot = self.workers.get(worker)
        assert slot is not None
        self.workers.release(slot, next(iter(slot.tasks)))
        slot.served += 1
        return self.workers.mark_free(slot)

    def kill(self, slot: WorkerSlot) -> None:
        slot.mark_recalled()
        self.workers.mark_dying(slot, kill_at=5.0)


def test_free_workers_take_tasks_the_one_that_rested_longest_first() -> None:
    crew = Crew(3)
    assert [crew.assign(), crew.assign(), crew.assign(), crew.assign()] == [1, 2, 3, None]
    crew.finish(2)
    crew.finish(1)
    assert [crew.assign(), crew.assign()] == [2, 1]


def test_capacity_counts_workers_that_are_up_and_stay() -> None:
    crew = Crew(3, max_requests=1)
    slots = crew.workers.all()
    crew.assign()
    crew.kill(slots[0])
    crew.assign()
    assert crew.finish(2), "it leaves"
    assert crew.workers.capacity() == 1
    crew.workers.remove(slots[2])
    assert crew.workers.capacity() == 0
    crew.workers.add()
    assert crew.workers.capacity() == 0, "it is not up yet"


def test_dying_worker_gets_nothing() -> None:
    crew = Crew(1)
    crew.assign(SHORT)
    crew.kill(crew.workers.all()[0])
    assert crew.workers.next_deadline() == 5.0
    assert crew.assign(SHORT) is None
    assert not crew.finish(1)
    assert not crew.workers.has_free()


def test_short_tasks_are_prefetched_by_the_one_with_the_least_work() -> None:
    crew = Crew(2)
    takers = [crew.assign(SHORT) for _ in range(25)]
    assert takers.count(1) == takers.count(2) == 10
    assert takers[20:] == [None] * 5


def test_nothing_is_prefetched_behind_a_long_task() -> None:
    crew = Crew(1)
    crew.assign(LONG)
    assert crew.assign(SHORT) is None


def test_one_task_of_some_milliseconds_is_prefetched() -> None:
    crew = Crew(2)
    assert [crew.assign(MIDDLING) for _ in range(5)] == [1, 2, 1, 2, None]
    crew.finish(1)
    assert crew.assign(MIDDLING) == 1


def test_task_of_some_milliseconds_is_prefetched_by_the_worker_that_will_be_done_first() -> None:
    crew = Crew(3)
    assert [crew.assign(MIDDLING, now=now) for now in (3.0, 1.0, 2.0)] == [1, 2, 3]
    assert [crew.assign(MIDDLING) for _ in range(4)] == [2, 3, 1, None]


def test_worker_is_recallable_while_a_task_waits_behind_a_long_one_and_another_is_free() -> None:
    crew = Crew(2)
    assert [crew.assign(MIDDLING) for _ in range(4)] == [1, 2, 1, 2]
    first, second = crew.workers.all()
    assert crew.workers.recallable() is None, "nobody is free"
    crew.finish(1)
    crew.finish(1)
    assert crew.workers.recallable() is second
    second.mark_recalled()
    assert crew.workers.recallable() is None, "it has been asked"
    second.move(WorkerState.BUSY)
    crew.finish(2)
    assert crew.workers.recallable() is None
    assert first.tasks == {}


def test_worker_that_has_prefetched_short_tasks_is_not_recallable() -> None:
    crew = Crew(2)
    for _ in range(8):
        crew.assign(SHORT)
    for _ in range(4):
        crew.finish(1)
    assert crew.workers.recallable() is None


def test_large_payload_is_not_prefetched() -> None:
    crew = Crew(1)
    crew.assign(SHORT)
    assert crew.assign(SHORT, b"x" * (17 << 10)) is None
    assert crew.assign(SHORT, b"x" * (16 << 10)) == 1


def test_recalled_worker_prefetches_nothing() -> None:
    crew = Crew(1)
    crew.assign(SHORT)
    crew.workers.all()[0].mark_recalled()
    assert crew.assign(SHORT) is None


def test_work_is_nothing_again_when_the_last_task_is_taken() -> None:
    crew = Crew(1)
    for _ in range(5):
        crew.assign(SHORT)
    slot = crew.workers.all()[0]
    for _ in range(5):
        assert slot.work_s > 0.0
        crew.finish(1)
    assert slot.work_s == 0.0
    assert crew.workers.release(slot, 1) is None


def test_worker_that_has_served_its_time_must_be_replaced() -> None:
    crew = Crew(1, max_requests=2, spare=1)
    assert crew.assign() == 1
    assert not crew.finish(1)
    assert crew.assign() == 2
    assert not crew.finish(2)
    assert crew.assign() == 1
    assert crew.finish(1)
    assert crew.assign() == 2, "the other one takes its place"


def test_spare_worker_stands_by_while_enough_serve() -> None:
    crew = Crew(1, max_requests=5, spare=1)
    assert crew.workers.capacity() == 1
    assert crew.assign() == 1
    assert not crew.workers.has_free()
    assert crew.assign() is None


def test_worker_prefetches_at_most_what_it_may_serve() -> None:
    crew = Crew(1, max_requests=3)
    assert [crew.assign(SHORT) for _ in range(4)] == [1, 1, 1, None]
