"""What the scenarios share: streams of tasks at random moments, how they are submitted, and one line of a table each.

In: rates, clients and samples. Out: rows of figures. Nothing here starts a process.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from random import Random
from statistics import fmean
from typing import Any

from argon import AsyncClient
from argon.cli.bench.load_figures import percentile_ms, phase_figures
from argon.cli.bench.open_loop import Ending, Sample, Submit
from argon.cli.bench.overload import note_answer
from benchmarks.tasks import nap

WORKERS = 8
TASK_S = 0.02
CAPACITY_PER_S = WORKERS / TASK_S
SEED = 20

Cell = float | int | str | None
Row = dict[str, Cell]


@dataclass(frozen=True)
class Plan:
    """How long the parts of a scenario last, in parts of their usual length."""

    share: float = 1.0

    def seconds(self, usual_s: float) -> float:
        return usual_s * self.share


@dataclass(frozen=True)
class Scenario:
    """One scenario: what it shows, and what measures it."""

    title: str
    measure: Callable[[Plan], list[Row]]


def at_random(begin_s: float, per_s: float, for_s: float, task_s: float = TASK_S, seed: int = SEED) -> list[Sample]:
    """Tasks whose moments know nothing of each other, as those of many users do."""
    rng = Random(seed)
    samples: list[Sample] = []
    due_s = begin_s + rng.expovariate(per_s)
    while due_s < begin_s + for_s:
        samples.append(Sample(due_s, task_s))
        due_s += rng.expovariate(per_s)
    return samples


def submits(client: AsyncClient, function: Callable[[float], float] = nap) -> Submit:
    """What submits samples through a client, with whatever options it has."""

    def submit(sample: Sample) -> None:
        note_answer(client.submit(function, sample.task_s), sample)

    return submit


def row(samples: Sequence[Sample], **first: Cell) -> Row:
    """How the tasks of one stream fared."""
    figures = phase_figures(samples)
    answers_s = [sample.answer_s for sample in samples if sample.ending is Ending.COMPLETED]
    return {
        **first,
        "offered": figures.offered,
        "completed": figures.completed,
        "mean_ms": round(fmean(answers_s) * 1000, 1) if answers_s else None,
        "p50_ms": figures.p50_ms,
        "p99_ms": figures.p99_ms,
        "most_ms": percentile_ms(answers_s, 100),
        "rejected": figures.rejected + figures.rejected_by_client,
        "expired": figures.expired,
        "unanswered": figures.unanswered,
        "lag_p99_ms": lag_p99_ms(samples),
    }


def lag_p99_ms(samples: Iterable[Sample]) -> float | None:
    return percentile_ms((sample.lag_s for sample in samples if sample.sent_s), 99)


def cell_text(value: Any) -> str:
    """A figure as text.

    >>> cell_text(None), cell_text(3), cell_text(1234.56), cell_text("one")
    ('–', '3', '1,234.6', 'one')
    """
    if value is None:
        return "–"
    if isinstance(value, float):
        return f"{value:,.1f}" if abs(value) >= 10 else f"{value:.3g}"
    return f"{value:,}" if isinstance(value, int) else str(value)
