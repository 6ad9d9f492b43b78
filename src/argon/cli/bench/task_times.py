"""How long the tasks of a benchmark sleep: all the same, or drawn from a distribution with the same mean.

In: the name of a distribution, a mean and a seed. Out: an endless row of seconds, the same for the same seed. What it
yields must have that mean: the load of a phase follows from it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from enum import StrEnum
from random import Random

LOGNORMAL_SIGMA = 1.5
PARETO_ALPHA = 1.6
LONG_SHARE, LONG_TIMES = 0.05, 100.0
"""Of bimodal tasks: one in twenty takes a hundred times as long as the others."""
BLOCK = 500
"""Heavy tails have a mean that few draws come near. So each block of so many is scaled to have it exactly."""


class Distribution(StrEnum):
    """How the lengths of tasks are spread."""

    CONSTANT = "constant"
    LOGNORMAL = "lognormal"
    PARETO = "pareto"
    BIMODAL = "bimodal"


def task_times(distribution: Distribution, mean_s: float, seed: int = 1) -> Iterator[float]:
    """Seconds for one task after the other."""
    if distribution is Distribution.CONSTANT:
        while True:
            yield mean_s
    draw = _DRAWS[distribution]
    rng = Random(seed)
    while True:
        block = [draw(rng) for _ in range(BLOCK)]
        scale = mean_s * BLOCK / math.fsum(block)
        yield from [drawn * scale for drawn in block]


def _bimodal(rng: Random) -> float:
    return LONG_TIMES if rng.random() < LONG_SHARE else 1.0


_DRAWS: dict[Distribution, Callable[[Random], float]] = {
    Distribution.LOGNORMAL: lambda rng: rng.lognormvariate(0.0, LOGNORMAL_SIGMA),
    Distribution.PARETO: lambda rng: rng.paretovariate(PARETO_ALPHA),
    Distribution.BIMODAL: _bimodal,
}
