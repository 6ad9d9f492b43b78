"""What every process of a simulation has: a clock of its own, one timer, and moments at which it does nothing.

In: events. Out: they happen now, later, or never, as the process is awake, paused, or gone.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.simulation.scenario import Scenario

RATE_MIN, RATE_MAX = 0.98, 1.02
DRIFT = RATE_MAX / RATE_MIN - 1.0
OFFSET_MAX_S = 1e6


class Actor(ABC):
    """A process: it hears, its timer rings, it can be paused.

    Attributes:
        rate: how many seconds its clock counts in one.
        was_paused: whether it ever was.
    """

    def __init__(self, scenario: Scenario, name: str) -> None:
        self.scenario = scenario
        self.name = name
        self.up = False
        self.paused_until = 0.0
        self.was_paused = False
        self.rate = 1.0
        self._offset_s = 0.0
        self._put_off: deque[tuple[Callable[..., None], tuple[Any, ...]]] = deque()
        self._timer = 0
        self._timer_at: float | None = None

    def wind_clock(self) -> None:
        """The process begins; its clock has nothing to do with any other."""
        if self.scenario.plan.has("skew"):
            self.rate = self.scenario.rng.uniform(RATE_MIN, RATE_MAX)
            self._offset_s = self.scenario.rng.uniform(0.0, OFFSET_MAX_S)

    def now(self) -> float:
        """What its clock says."""
        return self._offset_s + self.rate * self.scenario.agenda.now

    def moment(self, reading: float) -> float:
        """The moment at which its clock says this."""
        return (reading - self._offset_s) / self.rate

    def soon(self, event: Callable[..., None], *arguments: Any) -> bool:
        """Whether the process is awake; if not, the event is put off until it is."""
        if self.scenario.agenda.now < self.paused_until:
            self._put_off.append((event, arguments))
            return False
        return self.up

    def pause(self, seconds: float) -> None:
        """The process is stopped for a while, as by a busy machine."""
        self.paused_until = max(self.paused_until, self.scenario.agenda.now + seconds)
        self.was_paused = True
        self.scenario.agenda.at(self.paused_until, self._wakes)

    def _wakes(self) -> None:
        if self.scenario.agenda.now >= self.paused_until:
            for _ in range(len(self._put_off)):
                if self._put_off:  # the process may end meanwhile
                    event, arguments = self._put_off.popleft()
                    event(*arguments)

    def has_waiting(self, event: Callable[..., None], *arguments: Any) -> bool:
        """Whether such an event, whose arguments begin so, was put off and has not happened yet."""
        return any(put_off == event and given[: len(arguments)] == arguments for put_off, given in self._put_off)

    def ends(self) -> None:
        """The process is gone, and with it all that it had not got round to."""
        self.up = False
        self.paused_until = 0.0
        self._put_off.clear()
        self.disarm()

    def arm(self, deadline: float | None) -> None:
        """Sets the one timer."""
        if deadline == self._timer_at:
            return
        self._timer += 1
        self._timer_at = deadline
        if deadline is not None:
            late_s = self.scenario.rng.uniform(0.0, 0.001)
            self.scenario.agenda.at(self.moment(deadline) + late_s, self._rings, self._timer)

    def disarm(self) -> None:
        self._timer += 1
        self._timer_at = None

    def _rings(self, timer: int) -> None:
        if timer == self._timer and self.soon(self._rings, timer):
            self._timer_at = None
            self.tick()

    @abstractmethod
    def tick(self) -> None: ...
