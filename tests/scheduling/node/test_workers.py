"""Which worker takes the next task, and what each has been given."""

from __future__ import annotations

from math import inf

from argon.protocol.messages import Assign, Payload
from argon.scheduling.node.node_task import NodeTask
from argon.scheduling.node.workers import GIVE_AHEAD_S, RECALL_AFTER_S, Slot, Workers
from argon.settings import PREFETCH_S

SHORT, MIDDLING, LONG, UNKNOWN = 1, 2, 3, 4
PREDICTED_S = {SHORT: GIVE_AHEAD_S / 10.1, MIDDLING: PREFETCH_S, LONG: 1.0, UNKNOWN: 0.0}


class Crew:
    """Workers of a node, and tasks of which it knows how long they take."""

    def __init__(self, wanted: int, max_requests: int | None = None, spare: int = 0) -> None:
        self.workers = Workers(wanted, max_requests)
        self._sequence = 0
        for _ in range(wanted + spare):
            self.start()

    def start(self) -> Slot:
        slot = self.workers.get(self.workers.add())
        assert slot is not None
        slot.ready = True
        self.workers.rest(slot)
        return slot

    def task(self, kind: int = LONG, payload: Payload = b"") -> NodeTask:
        self._sequence += 1
        assign = Assign(self._sequence, 1, 2, 0.0, kind, payload)
        return NodeTask(self._sequence, 1, self._sequence, assign, inf, predicted_s=PREDICTED_S[kind])

    def give(self, kind: int = LONG, payload: Payload = b"", now: float = 0.0) -> int | None:
        """Gives a task to whom it goes; returns the worker."""
        task = self.task(kind, payload)
        slot = self.workers.next_for(task)
        if slot is None:
            return None
        self.workers.give(slot, task, now)
        return slot.worker

    def finish(self, worker: int) -> bool:
        """A worker finishes its first task; returns whether it must be replaced."""
        slot = self.workers.get(worker)
        assert slot is not None
        self.workers.take(slot, next(iter(slot.tasks)))
        slot.served += 1
        return self.workers.rest(slot)


def test_free_workers_take_tasks_the_one_that_rested_longest_first() -> None:
    crew = Crew(3)
    assert [crew.give(), crew.give(), crew.give(), crew.give()] == [1, 2, 3, None]
    crew.finish(2)
    crew.finish(1)
    assert [crew.give(), crew.give()] == [2, 1]


def test_capacity_counts_workers_that_are_up_and_stay() -> None:
    crew = Crew(3)
    slots = crew.workers.all()
    crew.workers.condemn(slots[0], 5.0)
    slots[1].leaving = True
    assert crew.workers.capacity() == 1
    assert slots[0].kill_at == 5.0
    crew.workers.remove(slots[2])
    assert crew.workers.capacity() == 0


def test_condemned_worker_gets_nothing() -> None:
    crew = Crew(1)
    crew.workers.condemn(crew.workers.all()[0], 5.0)
    assert crew.give() is None


def test_short_tasks_are_given_ahead_to_the_one_with_the_least_work() -> None:
    crew = Crew(2)
    given = [crew.give(SHORT) for _ in range(25)]
    assert given.count(1) == given.count(2) == 10
    assert given[20:] == [None] * 5


def test_nothing_is_given_ahead_behind_a_long_task() -> None:
    crew = Crew(1)
    crew.give(LONG)
    assert crew.give(SHORT) is None


def test_one_task_of_some_milliseconds_is_given_ahead() -> None:
    crew = Crew(2)
    assert [crew.give(MIDDLING) for _ in range(5)] == [1, 2, 1, 2, None]
    crew.finish(1)
    assert crew.give(MIDDLING) == 1


def test_task_of_some_milliseconds_is_given_to_the_worker_that_will_be_done_first() -> None:
    crew = Crew(3)
    assert [crew.give(MIDDLING, now=now) for now in (3.0, 1.0, 2.0)] == [1, 2, 3]
    assert [crew.give(MIDDLING) for _ in range(4)] == [2, 3, 1, None]


def test_worker_is_laden_while_a_task_waits_behind_a_long_one_and_another_is_free() -> None:
    crew = Crew(2)
    assert [crew.give(MIDDLING) for _ in range(4)] == [1, 2, 1, 2]
    first, second = crew.workers.all()
    assert crew.workers.laden() is None, "nobody is free"
    crew.finish(1)
    crew.finish(1)
    assert crew.workers.laden() is second
    second.recalled = True
    assert crew.workers.laden() is None, "it has been asked"
    second.recalled = False
    crew.finish(2)
    assert crew.workers.laden() is None
    assert first.tasks == {}


def test_worker_with_short_tasks_ahead_is_not_laden() -> None:
    crew = Crew(2)
    for _ in range(8):
        crew.give(SHORT)
    for _ in range(4):
        crew.finish(1)
    assert crew.workers.laden() is None


def test_large_payload_is_not_given_ahead() -> None:
    crew = Crew(1)
    crew.give(SHORT)
    assert crew.give(SHORT, b"x" * (17 << 10)) is None
    assert crew.give(SHORT, b"x" * (16 << 10)) == 1


def test_recalled_worker_gets_nothing_ahead() -> None:
    crew = Crew(1)
    crew.give(SHORT)
    crew.workers.all()[0].recalled = True
    assert crew.give(SHORT) is None


def test_silence_counts_only_when_something_waits_behind() -> None:
    crew = Crew(1)
    slot = crew.workers.all()[0]
    assert slot.recall_at() == inf
    crew.give(SHORT)
    assert slot.recall_at() == inf
    crew.give(SHORT)
    assert slot.recall_at() == RECALL_AFTER_S + 2 * PREDICTED_S[SHORT], "what it has may take that long"
    slot.recalled = True
    assert slot.recall_at() == inf


def test_work_is_nothing_again_when_the_last_task_is_taken() -> None:
    crew = Crew(1)
    for _ in range(5):
        crew.give(SHORT)
    slot = crew.workers.all()[0]
    for _ in range(5):
        assert slot.work_s > 0.0
        crew.finish(1)
    assert slot.work_s == 0.0
    assert crew.workers.take(slot, 1) is None


def test_worker_that_has_served_its_time_must_be_replaced() -> None:
    crew = Crew(1, max_requests=2, spare=1)
    assert crew.give() == 1
    assert not crew.finish(1)
    assert crew.give() == 2
    assert not crew.finish(2)
    assert crew.give() == 1
    assert crew.finish(1)
    assert crew.give() == 2, "the other one takes its place"


def test_spare_worker_stands_by_while_enough_serve() -> None:
    crew = Crew(1, max_requests=5, spare=1)
    assert crew.workers.capacity() == 1
    assert crew.give() == 1
    assert not crew.workers.has_free()
    assert crew.give() is None


def test_worker_is_given_ahead_no_more_than_it_may_serve() -> None:
    crew = Crew(1, max_requests=3)
    assert [crew.give(SHORT) for _ in range(4)] == [1, 1, 1, None]
