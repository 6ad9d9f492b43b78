"""When a client sends again after a rejection, and how many tasks it may have outstanding until then.

In: that a task was rejected or answered, when, and how urgent it was. Out: whether one more may be sent, and when to
look again. It must never see a task.

A rejection says that the cluster has no room for this client's next task either, unless that is more urgent. So the
backlog is blocked: the client has outstanding what was admitted and no more. An answer makes room for one task and
shows that one more may be tried. Where none comes, the client sends one task as a retry probe when its pause is over;
if no rejection follows soon, the cluster has room again. Retry probes are paid for by a budget, to which answers and
time contribute, so that they cannot keep an overload alive. A cluster that has room again and nothing waiting makes a
credit offer to those that it rejected, one at a time: a client that gets one sends one task at once.
"""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from random import Random

BACKOFF_MIN_S: Final = 0.02
_BACKOFF_MAX_S: Final = 1.0
_OPEN: Final = 1 << 30
_BUDGET_MAX: Final = 10.0
_BUDGET_PER_ANSWER: Final = 0.2
_BUDGET_PER_S: Final = 1.0
_PRICE: Final = 1.0 - 1e-6  # sums of seconds are not exact, and a debt of nothing must not be waited for
_SILENCE_S: Final = 0.1
_TRY_EVERY_S: Final = 0.01


def backoff_s(rejections: int, rng: Random) -> float:
    """The client's own pause after so many rejections of a task: exponential, with full jitter."""
    return rng.uniform(0.0, min(_BACKOFF_MAX_S, BACKOFF_MIN_S * 2.0 ** min(rejections, 20)))


class SendWindow:
    """How many tasks a client may have outstanding after rejections, and the budget of its retry probes.

    It is open until a task is rejected. Questions change nothing; what spends or books is called ``take_…``, and its
    task must then be sent.
    """

    __slots__ = ("_limit", "_again_at", "_probe_sent", "_budget", "_budget_at", "_try_at", "_most_urgent_rejected")

    def __init__(self) -> None:
        self._limit = _OPEN
        self._again_at = 0.0
        self._probe_sent = False
        self._budget = _BUDGET_MAX
        self._budget_at = 0.0
        self._try_at = 0.0
        self._most_urgent_rejected = 0

    # ---- what happens -------------------------------------------------------------------------------------------

    def rejected(self, outstanding: int, again_at: float, priority: int) -> bool:
        """A task was rejected; ``outstanding`` were not, or not yet. Returns whether it was a retry probe."""
        was_probe, self._probe_sent = self._probe_sent, False
        if was_probe or not self.is_blocked():
            self._again_at = again_at
        self._most_urgent_rejected = min(priority, self._most_urgent_rejected) if self.is_blocked() else priority
        self._limit = outstanding
        return was_probe

    def answered(self, credits: int) -> None:
        """A task was answered otherwise."""
        if self._budget < _BUDGET_MAX:
            self._budget = min(_BUDGET_MAX, self._budget + _BUDGET_PER_ANSWER)
        if self._limit < _OPEN:
            self._limit += 1
            if self._limit >= credits:
                self.open()

    def credit_offered(self, outstanding: int) -> None:
        """The cluster has offered a credit: one task may go at once, whatever pause a rejection asked for."""
        if self._limit < _OPEN:
            self._limit = max(self._limit, outstanding + 1)

    def open(self) -> None:
        """There is room again, or nothing is left here to say that there is none: what comes next may be tried."""
        self._limit = _OPEN
        self._probe_sent = False
        self._most_urgent_rejected = 0

    def open_if_silent(self, now: float) -> None:
        """Opens where a retry probe was sent and no rejection has followed for ``_SILENCE_S``."""
        if self._probe_sent and now >= self._again_at:
            self.open()

    # ---- what may be sent ---------------------------------------------------------------------------------------

    def is_blocked(self) -> bool:
        """Whether anything is held back."""
        return self._limit < _OPEN

    def may_send(self, outstanding: int) -> bool:
        """Whether one more task may be sent while so many are outstanding."""
        return outstanding < self._limit

    def lets_pass(self, priority: int) -> bool:
        """Whether a task may go past the blocked backlog since it is more urgent than all that was rejected: there may
        be room for it."""
        return priority < self._most_urgent_rejected

    def take_probe(self, outstanding: int, now: float) -> bool:
        """Takes a retry probe out of the budget; False while its pause lasts, another is under way, or the budget is
        empty. Called where ``may_send`` does not allow one more."""
        if self._probe_sent or now < self._again_at:
            return False
        self._budget = min(_BUDGET_MAX, self._budget + (now - self._budget_at) * _BUDGET_PER_S)
        self._budget_at = now
        if self._budget < _PRICE:
            return False
        self._budget -= 1.0
        self._limit = outstanding + 1
        self._probe_sent = True
        self._again_at = now + _SILENCE_S
        return True

    def take_try(self, now: float) -> bool:
        """Books the try of a new task, past the blocked backlog: it is no retry, so it costs none of the budget.
        False if there was one in the last ``_TRY_EVERY_S``."""
        if now < self._try_at:
            return False
        self._try_at = now + _TRY_EVERY_S
        return True

    def next_deadline(self) -> float:
        """When more may be sent though nothing is answered; infinity while it is open."""
        if self._limit >= _OPEN:
            return inf
        if self._probe_sent:
            return self._again_at
        return max(self._again_at, self._budget_at + max(0.0, 1.0 - self._budget) / _BUDGET_PER_S)
