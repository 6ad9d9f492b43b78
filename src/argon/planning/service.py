"""How long tasks run: distributions of service times, in seconds on a worker of speed 1.

In: parameters, checked here. Out: samples, each with a number for its function. Randomness comes only from
the generator that is given.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from math import exp, inf
from random import Random

from argon.settings import check_seconds

FIRST_KIND = 1


class ServiceTime(ABC):
    """A distribution.

    Attributes:
        mean_s: its mean.
        kinds: the names of the functions whose tasks it makes, numbered from FIRST_KIND on.
    """

    mean_s: float
    kinds: tuple[str, ...] = ("",)

    @abstractmethod
    def sample(self, rng: Random) -> tuple[float, int]:
        """The seconds of one task, and its kind."""


class Constant(ServiceTime):
    """Every task takes the same."""

    def __init__(self, mean_s: float) -> None:
        self.mean_s = check_seconds("the service time", mean_s)

    def sample(self, rng: Random) -> tuple[float, int]:
        return self.mean_s, FIRST_KIND


class Exponential(ServiceTime):
    """Many short ones and some long."""

    def __init__(self, mean_s: float) -> None:
        self.mean_s = check_seconds("the service time", mean_s)

    def sample(self, rng: Random) -> tuple[float, int]:
        return rng.expovariate(1.0 / self.mean_s), FIRST_KIND


class LogNormal(ServiceTime):
    """The logarithm is normal with deviation ``sigma``: the larger, the longer the tail."""

    def __init__(self, mean_s: float, sigma: float) -> None:
        self.mean_s = check_seconds("the service time", mean_s)
        if not 0 <= sigma <= 5:
            raise ValueError(f"sigma must be a number from 0 to 5, not {sigma!r}")
        self._sigma = sigma

    def sample(self, rng: Random) -> tuple[float, int]:
        sigma = self._sigma
        return self.mean_s * exp(rng.gauss(0.0, sigma) - sigma * sigma / 2), FIRST_KIND


class Pareto(ServiceTime):
    """A heavy tail: how many take longer than t falls as t to the power of ``-alpha``."""

    def __init__(self, mean_s: float, alpha: float) -> None:
        self.mean_s = check_seconds("the service time", mean_s)
        if not 1.05 <= alpha <= 100:
            raise ValueError(f"alpha must be a number from 1.05 to 100 (at 1 there is no mean), not {alpha!r}")
        self._alpha = alpha

    def sample(self, rng: Random) -> tuple[float, int]:
        return self.mean_s * (self._alpha - 1) / self._alpha * rng.paretovariate(self._alpha), FIRST_KIND


class Bimodal(ServiceTime):
    """Two functions: one with short tasks, and one with a share of long ones."""

    kinds = ("short", "long")

    def __init__(self, short_s: float, long_s: float, long_share: float) -> None:
        if not 0 <= long_share <= 1:
            raise ValueError(f"the share of long tasks must be a number from 0 to 1, not {long_share!r}")
        self._short_s = check_seconds("the short service time", short_s)
        self._long_s = check_seconds("the long service time", long_s)
        self._long_share = long_share
        self.mean_s = short_s + long_share * (long_s - short_s)

    def sample(self, rng: Random) -> tuple[float, int]:
        if rng.random() < self._long_share:
            return self._long_s, FIRST_KIND + 1
        return self._short_s, FIRST_KIND


def parse_service(text: str, mean_s: float) -> ServiceTime:
    """Reads the name of a distribution and its parameters, divided by colons; ``mean_s`` is its mean, or what the
    short tasks of a bimodal one take.

    >>> parse_service("bimodal:100:0.05", 0.001).mean_s
    0.00595
    """
    name, *texts = text.split(":")
    try:
        numbers = [float(one) for one in texts]
    except ValueError:
        numbers = [inf] * 9
    match name, numbers:
        case "constant", []:
            return Constant(mean_s)
        case "exponential", []:
            return Exponential(mean_s)
        case "lognormal", [sigma]:
            return LogNormal(mean_s, sigma)
        case "pareto", [alpha]:
            return Pareto(mean_s, alpha)
        case "bimodal", [long_ms, long_share]:
            return Bimodal(mean_s, long_ms / 1000, long_share)
    raise ValueError(
        "a distribution must be constant, exponential, lognormal:SIGMA, pareto:ALPHA or bimodal:LONG_MS:SHARE_OF_LONG, "
        f"not {text!r}"
    )
