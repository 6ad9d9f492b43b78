"""What a node reports of its capacity, and when: ready workers at once, a busy machine when that matters.

In: how many workers are ready, and how busy the machine is. Out: whether a report is due, and the report.
It must never repeat itself, nor follow every flicker of the machine: that would be a message a second from each node.
"""

from __future__ import annotations

from typing import Final

from argon.protocol.messages import Capacity

PRESSURE_STEP: Final = 0.1


class CapacityReport:
    """The last report to the cluster, and the next. ``pressure`` is how busy the machine is now, from 0 to 1."""

    def __init__(self) -> None:
        self.pressure = 0.0
        self._workers = 0
        self._reported_workers = 0
        self._reported_pressure = 0.0

    def forget(self) -> None:
        """The cluster knows nothing: it is another, or the node is new there."""
        self._reported_workers = 0
        self._reported_pressure = 0.0

    def is_due(self, workers: int) -> bool:
        """Whether this number of ready workers, or the pressure on them, is to be reported."""
        self._workers = workers
        return workers != self._reported_workers or (
            workers > 0 and abs(self.pressure - self._reported_pressure) > PRESSURE_STEP
        )

    def made(self) -> Capacity:
        """Makes the report; it is due again when something has changed."""
        self._reported_workers = self._workers
        self._reported_pressure = self.pressure
        return Capacity(self._workers, self.pressure)
