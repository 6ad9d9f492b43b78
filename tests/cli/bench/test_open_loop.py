"""An open loop submits when a task is due, whatever became of the ones before."""

from __future__ import annotations

import asyncio
from itertools import count, repeat
from time import monotonic

from argon.cli.bench.open_loop import BURST, Ending, Sample, answered, drive, schedule


def test_schedule_is_evenly_spaced_and_takes_the_task_times_in_turn() -> None:
    samples = schedule(100.0, 4.0, 1.0, (number / 10 for number in count(1)))
    assert [sample.due_s for sample in samples] == [100.0, 100.25, 100.5, 100.75]
    assert [sample.task_s for sample in samples] == [0.1, 0.2, 0.3, 0.4]


def test_schedule_has_one_task_at_least() -> None:
    assert [sample.due_s for sample in schedule(100.0, 0.25, 1.0, repeat(0.0))] == [100.0]


def test_no_task_is_submitted_before_it_is_due() -> None:
    samples = schedule(monotonic() + 0.01, 200.0, 0.1, repeat(0.0))
    submitted: list[Sample] = []
    asyncio.run(drive(samples, submitted.append))
    assert submitted == samples
    assert all(sample.lag_s >= 0 for sample in samples)
    assert samples[-1].sent_s - samples[0].sent_s >= 0.09


def test_answers_are_not_waited_for() -> None:
    samples = schedule(monotonic(), 1000.0, 0.05, repeat(0.0))
    asyncio.run(drive(samples, lambda sample: None))
    assert all(sample.sent_s for sample in samples)
    assert {sample.ending for sample in samples} == {Ending.UNANSWERED}


def test_driver_that_is_behind_lets_answers_in() -> None:
    samples = schedule(monotonic() - 10.0, 3.0 * BURST, 1.0, repeat(0.0))
    unread: list[int] = []

    def submit(sample: Sample) -> None:
        unread.append(sum(other.ending is Ending.UNANSWERED for other in samples[: len(unread) + 1]))
        asyncio.get_running_loop().call_soon(sample.end, Ending.COMPLETED)

    asyncio.run(drive(samples, submit))
    assert max(unread) == BURST


def test_lag_and_answer_time_count_from_when_it_was_due_and_sent() -> None:
    sample = Sample(5.0, 0.02)
    sample.sent_s, sample.answered_s = 5.25, 6.25
    assert (sample.lag_s, sample.answer_s) == (0.25, 1.0)


def test_end_says_how_when_and_why() -> None:
    sample = Sample(0.0, 0.0)
    before = monotonic()
    sample.end(Ending.REJECTED, "QUEUE_FULL")
    assert (sample.ending, sample.reason) == (Ending.REJECTED, "QUEUE_FULL")
    assert before <= sample.answered_s <= monotonic()


def test_last_answers_are_waited_for() -> None:
    samples = [Sample(0.0, 0.0), Sample(0.0, 0.0)]

    async def wait() -> None:
        asyncio.get_running_loop().call_later(0.02, samples[0].end, Ending.COMPLETED)
        asyncio.get_running_loop().call_later(0.04, samples[1].end, Ending.FAILED)
        await answered(samples, 30.0)

    asyncio.run(wait())
    assert [sample.ending for sample in samples] == [Ending.COMPLETED, Ending.FAILED]


def test_answer_that_never_comes_is_given_up() -> None:
    samples = [Sample(0.0, 0.0)]
    asyncio.run(answered(samples, 0.02))
    assert samples[0].ending is Ending.UNANSWERED
