"""What rejections have taught a client: how many tasks it may have outstanding, whatever its credits say.

In: that a task was rejected or answered, when, and how urgent it was. Out: a number of tasks, and when to look again.
It must never see a task.

A rejection says that the cluster has no room for this client's next task either, unless that is more urgent. So the
backlog is blocked: the client has outstanding what was admitted and no more. An answer makes room for one task and
shows that one more may be tried. Where none comes, the client sends one task as a retry probe when its pause is over;
if no rejection follows soon, the cluster has room again. Retry probes are paid for by a budget, to which answers and
time contribute, so that they cannot keep an overload alive. A cluster that has room again and nothing waiting makes a
credit offer to those that it rejected, one at a time: a client that gets one sends one task at once.
"""

from __future__ import annotations

from math import inf
from typing import Final

OPEN: Final = 1 << 30
_BUDGET_MAX: Final = 10.0
_BUDGET_PER_ANSWER: Final = 0.2
_BUDGET_PER_S: Final = 1.0
_PRICE: Final = 1.0 - 1e-6  # sums of seconds are not exact, and a debt of nothing must not be waited for
_SILENCE_S: Final = 0.1
_TRY_EVERY_S: Final = 0.01


class SendWindow:
    """How many tasks a client may have outstanding after rejections, and the budget of its retry probes."""

    __slots__ = ("_window", "_again_at", "_probe_sent", "_budget", "_budget_at", "_try_at", "_most_urgent_rejected")

    def __init__(self) -> None:
        self._window = OPEN
        self._again_at = 0.0
        self._probe_sent = False
        self._budget = _BUDGET_MAX
        self._budget_at = 0.0
        self._try_at = 0.0
        self._most_urgent_rejected = 0

    def rejected(self, outstanding: int, again_at: float, priority: int) -> bool:
        """A task was rejected; ``outstanding`` were not, or not yet. Returns whether that answers a retry
        probe."""
        probed, self._probe_sent = self._probe_sent, False
        if probed or self._window >= OPEN:
            self._again_at = again_at
        self._most_urgent_rejected = min(priority, self._most_urgent_rejected) if self._window < OPEN else priority
        self._window = outstanding
        return probed

    def answered(self, credits: int) -> None:
        """A task was answered otherwise."""
        if self._budget < _BUDGET_MAX:
            self._budget = min(_BUDGET_MAX, self._budget + _BUDGET_PER_ANSWER)
        if self._window < OPEN:
            self._window += 1
            if self._window >= credits:
                self.forget()

    def credit_offered(self, outstanding: int) -> None:
        """The cluster has offered a credit: one task may go at once, whatever pause a rejection asked for."""
        if self._window < OPEN:
            self._window = max(self._window, outstanding + 1)

    def holds(self) -> bool:
        """Whether it holds anything back."""
        return self._window < OPEN

    def forget(self) -> None:
        """There is room again, or nothing is left here to say that there is none: what comes next may be tried."""
        self._window = OPEN
        self._probe_sent = False
        self._most_urgent_rejected = 0

    def limit(self, outstanding: int, now: float) -> int:
        """How many tasks the client may have outstanding now. Asked while one waits that its credits allow."""
        if self._window >= OPEN or now < self._again_at:
            return self._window
        if self._probe_sent:
            self.forget()
            return OPEN
        if self._window > outstanding:  # an answer has come meanwhile
            return self._window
        self._budget = min(_BUDGET_MAX, self._budget + (now - self._budget_at) * _BUDGET_PER_S)
        self._budget_at = now
        if self._budget >= _PRICE:
            self._budget -= 1.0
            self._window = outstanding + 1
            self._probe_sent = True
            self._again_at = now + _SILENCE_S
        return self._window

    def lets_pass(self, priority: int) -> bool:
        """Whether a task may go past the blocked backlog since it is more urgent than all that was rejected: there may
        be room for it."""
        return priority < self._most_urgent_rejected

    def allows_try(self, now: float) -> bool:
        """Whether a new task may be tried at once, past the blocked backlog: it is no retry, so it costs none of the
        budget, but there is one in ``_TRY_EVERY_S`` at most. Asked only for a task that is then sent."""
        if now < self._try_at:
            return False
        self._try_at = now + _TRY_EVERY_S
        return True

    def next_deadline(self) -> float:
        """When ``limit`` allows more, though nothing is answered; infinity if it holds nothing back."""
        if self._window >= OPEN:
            return inf
        if self._probe_sent:
            return self._again_at
        return max(self._again_at, self._budget_at + max(0.0, 1.0 - self._budget) / _BUDGET_PER_S)
