"""Which of several priorities has the next turn, so that none starves, and what has aged does not flood the others.

In: the priorities of which something waits, since when, and how much work each turn was. Out: the one whose turn it is.
It must never look at a clock, or see a task.

The most urgent goes first. A less urgent one has *aged* when ``priority − floor(wait of its oldest ÷ step)`` is no more
than that of the most urgent which waits. All that has aged has one part in ``AGED_SHARE`` of the work, shared equally
between the priorities, and at once if it had nothing of late. So nothing is kept out for ever, and a long line of old
tasks takes no more than that part from what is urgent, however old it grows.

Work is counted in worker-seconds in the cluster, since a few turns with long tasks would take every worker; and in
tasks in a client, which does not know what they take. The clock of each priority is the work that went by urgency:
after a turn by age a priority may have the next one when that has grown enough.
"""

from __future__ import annotations

from typing import Final

LEVELS: Final = 5
AGED_SHARE: Final = 8


class Ageing:
    """Chooses between the priorities of one queue or one backlog.

    Args:
        step_s: after this many seconds of waiting a priority counts as one more urgent.
    """

    __slots__ = ("_step_s", "_urgent_work", "_due")

    def __init__(self, step_s: float) -> None:
        self._step_s = step_s
        self._urgent_work = 0.0
        self._due = [0.0] * LEVELS

    def turn(self, levels: list[int], since: list[float], now: float) -> tuple[int, int]:
        """The priority that has the next turn, and how many have aged; ``charge`` wants both.

        Args:
            levels: those of which something waits, the most urgent first.
            since: when the oldest of each began to wait.
        """
        urgent, chosen, aged_levels, step_s = levels[0], -1, 0, self._step_s
        for number in range(1, len(levels)):
            level = levels[number]
            if level - (now - since[number]) // step_s > urgent:
                continue
            aged_levels += 1
            due = self._due[level]
            if due <= self._urgent_work and (chosen < 0 or due < self._due[chosen]):
                chosen = level
        return (chosen if chosen >= 0 else urgent), aged_levels

    def charge(self, level: int, urgent: int, work: float, aged_levels: int) -> None:
        """Books the work of a turn.

        Args:
            level: the priority that had it.
            urgent: the most urgent of which something waited.
            aged_levels: how many had aged; makes no difference where ``level`` is ``urgent``.
        """
        if level == urgent:
            self._urgent_work += work
        else:
            self._due[level] = self._urgent_work + (AGED_SHARE - 1) * aged_levels * work
