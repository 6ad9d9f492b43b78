"""An open loop: tasks that are submitted when they are due, whether or not earlier ones have been answered.

In: a rate, and how to submit one task. Out: a sample of each task: when it was due, sent and answered, and how it
ended. It must never wait for an answer: a generator that does is slowed down by the very overload that it measures.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from enum import StrEnum
from time import monotonic

TICK_S = 0.001
"""The driver sleeps at least so long: event loops round shorter sleeps down to none, and would spin."""
BURST = 64
"""So many that are late are submitted before answers are read again."""


class Ending(StrEnum):
    """How a task ended, as its caller saw it."""

    COMPLETED = "completed"
    REJECTED = "rejected"
    REJECTED_BY_CLIENT = "rejected by the client"  # without a question to the cluster
    EXPIRED = "expired"
    FAILED = "failed"
    UNANSWERED = "unanswered"


class Sample:
    """One task.

    Attributes:
        due_s, sent_s, answered_s: moments of the monotonic clock; 0.0 until they have come.
        task_s: how long it sleeps in its worker.
        reason: of a reject; of an expired task, whether it ran; of a failed one, the name of the exception.
    """

    __slots__ = ("due_s", "task_s", "sent_s", "answered_s", "ending", "reason")

    def __init__(self, due_s: float, task_s: float) -> None:
        self.due_s = due_s
        self.task_s = task_s
        self.sent_s = 0.0
        self.answered_s = 0.0
        self.ending = Ending.UNANSWERED
        self.reason = ""

    def end(self, ending: Ending, reason: str = "") -> None:
        """It has its answer. May be called from any thread."""
        self.answered_s = monotonic()
        self.reason = reason
        self.ending = ending  # the last, since whoever reads it reads the others then

    @property
    def answer_s(self) -> float:
        """How long its caller waited."""
        return self.answered_s - self.sent_s

    @property
    def lag_s(self) -> float:
        """How late it was submitted."""
        return self.sent_s - self.due_s


Submit = Callable[[Sample], None]
"""Hands a task over without waiting, and sees to it that `Sample.end` is called once it has its answer."""


def schedule(begin_s: float, per_s: float, for_s: float, task_times: Iterator[float]) -> list[Sample]:
    """The tasks of a phase, evenly spaced: one at least, since a phase without any would show nothing."""
    return [Sample(begin_s + number / per_s, next(task_times)) for number in range(max(1, round(per_s * for_s)))]


async def drive(samples: Sequence[Sample], submit: Submit) -> None:
    """Submits each task when it is due."""
    for number, sample in enumerate(samples):
        now = monotonic()
        if sample.due_s > now:
            await asyncio.sleep(max(TICK_S, sample.due_s - now))
        elif number % BURST == 0:
            await asyncio.sleep(0)
        sample.sent_s = monotonic()
        submit(sample)


async def answered(samples: Sequence[Sample], within_s: float) -> None:
    """Waits until all have their answer, but no longer than that."""
    end_s = monotonic() + within_s
    left = [sample for sample in samples if sample.ending is Ending.UNANSWERED]
    while left and monotonic() < end_s:
        await asyncio.sleep(0.01)
        left = [sample for sample in left if sample.ending is Ending.UNANSWERED]
