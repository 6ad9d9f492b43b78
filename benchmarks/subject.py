"""What all parts of the suite share: what a measured system can be asked, and how a measured number is kept.

A Subject goes in, Figures come out. A Subject never decides whether a number is good, and a Figure never measures.
"""

from __future__ import annotations

import statistics
from typing import Protocol

import msgspec

MEGABYTE = 1 << 20
"""What MB means in this suite: the payloads are 2**20 bytes and multiples of it."""


class Subject(Protocol):
    """A system that runs Python functions in two worker processes.

    Every method but `close` may be called any number of times between `start` and `close`, and raises when a result is
    wrong. `close` may be called at any time, also after a failed `start`, and ends every process that was started.
    """

    name: str

    def start(self) -> None:
        """Starts the system, and returns when it has run its first task."""
        ...

    def throughput(self, tasks: int) -> float:
        """No-op tasks a second: all submitted at once by one client, then all results; checks the results."""
        ...

    def round_trips(self, count: int) -> list[float]:
        """The seconds of each of `count` no-op tasks, run one after the other."""
        ...

    def efficiency(self, task_s: float, count: int) -> float:
        """`count` tasks that take `task_s` each on two workers: the ideal seconds ÷ the actual ones."""
        ...

    def echo(self, size_bytes: int, count: int) -> float:
        """MB/s (see MEGABYTE), both directions counted, of `count` echoes of such a payload, one after the other."""
        ...

    def cpu_s(self) -> dict[str, float]:
        """CPU seconds used so far, by role of the process (cluster, node, client, workers); {} where unknown."""
        ...

    def close(self) -> None:
        """Ends the system."""
        ...


class Figure(msgspec.Struct, frozen=True):
    """One measured number: the median of its samples."""

    area: str  # "throughput", "round trip", "efficiency", "payload", "rejects", "scale", "memory", "start-up", ...
    what: str  # "AsyncClient, no-op"
    unit: str  # "tasks/s", "us", "MB/s", "KB", "ms", "ratio"; plain ASCII
    samples: tuple[float, ...]  # one a round
    bar: str = ""  # ">= 0.60 of the relay"; "" where none is asked
    met: bool | None = None

    @property
    def value(self) -> float:
        return statistics.median(self.samples)
