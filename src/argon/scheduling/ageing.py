"""Which of several priorities has the next turn, so that none starves and none is flooded by what has aged.

In: the priorities of which something waits, since when, and how much work each turn took. Out: the one whose turn it
is. It must never look at a clock, or see a task.

The most urgent goes first. A less urgent one has *aged* when ``priority − floor(wait of its oldest ÷ step)`` is no more
than that of the most urgent which waits. What has aged has one part in ``AGED_SHARE`` of the work, in equal parts where
several have, and at once where it had nothing of late: so nothing is kept out for ever, and a long line of old tasks
takes no more than that part from what is urgent, however old it grows.

Work is counted in what the caller can tell: worker-seconds in the cluster, since a few turns with long tasks would take
every worker, and tasks in a client. The clock of each priority is the work that went by urgency: after a turn by age it
may have the next when that has grown enough.
"""

from __future__ import annotations

from typing import Final

LEVELS: Final = 5
AGED_SHARE: Final = 8


class Ageing:
    """Whose turn it is, of the priorities of one line.

    Args:
        step_s: after this many seconds of waiting a priority counts as one more urgent.
    """

    __slots__ = ("_step_s", "_urgent_work", "_due", "_aged")

    def __init__(self, step_s: float) -> None:
        self._step_s = step_s
        self._urgent_work = 0.0
        self._due = [0.0] * LEVELS
        self._aged = 1

    def turn(self, levels: list[int], since: list[float], now: float) -> int:
        """The priority that has the next turn.

        Args:
            levels: those of which something waits, the most urgent first.
            since: when the oldest of each began to wait.
        """
        urgent, chosen, aged, step_s = levels[0], -1, 0, self._step_s
        for number in range(1, len(levels)):
            level = levels[number]
            if level - (now - since[number]) // step_s > urgent:
                continue
            aged += 1
            due = self._due[level]
            if due <= self._urgent_work and (chosen < 0 or due < self._due[chosen]):
                chosen = level
        self._aged = aged
        return chosen if chosen >= 0 else urgent

    def charge(self, level: int, urgent: int, work: float) -> None:
        """The priority had its turn; ``urgent`` is the most urgent of which something waited. Where that is another,
        ``turn`` has chosen just now."""
        if level == urgent:
            self._urgent_work += work
        else:
            self._due[level] = self._urgent_work + (AGED_SHARE - 1) * self._aged * work
