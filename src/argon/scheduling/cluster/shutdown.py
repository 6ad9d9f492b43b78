"""How a cluster leaves: it finishes what it has, tells its clients that nothing more will be read, and goes after them.

In: how long it may take, that all is answered, how many clients are left, the time. Out: the next step, once each. It
must never wait for a client that does not go.

Whoever closes a connection on which something unread has come cuts off what it has said there itself. So the clients
close first, when they have taken their last answers.
"""

from __future__ import annotations

from math import inf
from typing import Final

CLIENTS_LEAVE_S: Final = 2.0


class Departure:
    """One cluster's.

    Attributes:
        begun: nothing new is admitted.
        until: when what is not finished by itself is ended.
        told: the clients know that nothing more is admitted, not even what was announced.
        over: it has left.
    """

    def __init__(self) -> None:
        self.begun = False
        self.until = inf
        self.over = False
        self.told = False

    def begin(self, until: float) -> None:
        """It is to leave, by then at the latest."""
        self.begun = True
        self.until = until

    def next_deadline(self) -> float:
        """When time alone brings the next step."""
        return inf if self.over else self.until

    def tell(self, now: float) -> bool:
        """All is answered: returns whether the clients are to be told so, now and only now."""
        if self.told:
            return False
        self.told = True
        self.until = now + CLIENTS_LEAVE_S
        return True

    def leave(self, clients: int, now: float) -> bool:
        """All is answered and told: returns whether it goes, now and only now."""
        if self.over or (clients and now < self.until):
            return False
        self.over = True
        return True
