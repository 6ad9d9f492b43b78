"""How a cluster shuts down: it finishes what it has, tells its clients that nothing more will be read, and ends after
them.

In: how long it may take, that all is answered, how many clients are left, the time. Out: the next step, once each. It
must never wait for a client that does not close.

Whoever closes a connection on which something unread has come cuts off what it has said there itself. So the clients
close first, when they have received their last answers.
"""

from __future__ import annotations

from math import inf
from typing import Final

CLIENTS_LEAVE_S: Final = 2.0


class Shutdown:
    """The steps of a shutdown, in this order: draining, clients told, done.

    Attributes:
        draining: nothing new is admitted.
        until: when what is not finished by itself is ended.
        clients_told: the clients know that nothing more is admitted, not even what was announced.
        done: the cluster has stopped.
    """

    def __init__(self) -> None:
        self.draining = False
        self.until = inf
        self.done = False
        self.clients_told = False

    def begin(self, until: float) -> None:
        """Begins to drain; what is not finished ``until`` then is ended."""
        self.draining = True
        self.until = until

    def next_deadline(self) -> float:
        """When time alone brings the next step; infinity for never."""
        return inf if self.done else self.until

    def tell_clients(self, now: float) -> bool:
        """All is answered: returns whether the clients are to be told, which is so once."""
        if self.clients_told:
            return False
        self.clients_told = True
        self.until = now + CLIENTS_LEAVE_S
        return True

    def finish(self, clients: int, now: float) -> bool:
        """All is answered and the clients are told: returns whether the cluster stops, which is so once."""
        if self.done or (clients and now < self.until):
            return False
        self.done = True
        return True
