"""What every process of a simulation has: a clock of its own, one timer, and moments at which it does nothing.

In: events. Out: they happen now, later, or never, as the process is awake, paused, or gone.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.simulation.world import World

RATE_MIN, RATE_MAX = 0.98, 1.02
DRIFT = RATE_MAX / RATE_MIN - 1.0
OFFSET_MAX_S = 1e6


class Actor(ABC):
    """A process: it hears, its timer rings, it can be paused.

    Attributes:
        rate: how many seconds its clock counts in one.
        was_paused: whether it ever was.
    """

    def __init__(self, world: World, name: str) -> None:
        self.world = world
        self.name = name
        self.up = False
        self.paused_until = 0.0
        self.was_paused = False
        self.rate = 1.0
        self._offset_s = 0.0
        self._put_off: list[tuple[Callable[..., None], tuple[Any, ...]]] = []
        self._timer = 0
        self._timer_at: float | None = None

    def wind_clock(self) -> None:
        """The process begins; its clock has nothing to do with any other."""
        if self.world.plan.has("skew"):
            self.rate = self.world.rng.uniform(RATE_MIN, RATE_MAX)
            self._offset_s = self.world.rng.uniform(0.0, OFFSET_MAX_S)

    def now(self) -> float:
        """What its clock says."""
        return self._offset_s + self.rate * self.world.agenda.now

    def moment(self, reading: float) -> float:
        """The moment at which its clock says this."""
        return (reading - self._offset_s) / self.rate

    def soon(self, event: Callable[..., None], *arguments: Any) -> bool:
        """Whether the process is awake; if not, the event is put off until it is."""
        if self.world.agenda.now < self.paused_until:
            self._put_off.append((event, arguments))
            return False
        return self.up

    def pause(self, seconds: float) -> None:
        """The process is stopped for a while, as by a busy machine."""
        self.paused_until = max(self.paused_until, self.world.agenda.now + seconds)
        self.was_paused = True
        self.world.agenda.at(self.paused_until, self._wakes)

    def _wakes(self) -> None:
        if self.world.agenda.now >= self.paused_until:
            put_off, self._put_off = self._put_off, []
            for event, arguments in put_off:
                event(*arguments)

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
            late_s = self.world.rng.uniform(0.0, 0.001)
            self.world.agenda.at(self.moment(deadline) + late_s, self._rings, self._timer)

    def disarm(self) -> None:
        self._timer += 1
        self._timer_at = None

    def _rings(self, timer: int) -> None:
        if timer == self._timer and self.soon(self._rings, timer):
            self._timer_at = None
            self.tick()

    @abstractmethod
    def tick(self) -> None: ...
