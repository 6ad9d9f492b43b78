"""Connections that are slow, split, cut, or silently dead. What travels is bytes, so the protocol is tried as well.

As on TCP, the bytes of one direction arrive in order, once, and cut into any pieces; what was under way when the
connection was cut never arrives, and who learns of the cut when is a matter of luck.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from random import Random

from argon.protocol.codec import encode
from argon.protocol.framing import Framing
from argon.protocol.messages import Message
from tests.simulation.agenda import Agenda

LATENCY_MIN_S, LATENCY_MAX_S = 0.00005, 0.002


class Stream:
    """One direction of a connection: messages in, bytes out at the other end; None is the end of it.

    ``framing`` is the receiver's, who feeds it when it is awake.
    """

    def __init__(
        self, agenda: Agenda, rng: Random, max_payload_bytes: int, arrive: Callable[[bytes | None], None]
    ) -> None:
        self.framing = Framing(max_payload_bytes)
        self._agenda = agenda
        self._rng = rng
        self._arrive = arrive
        self._under_way: deque[bytes | None] = deque()
        self._last_arrival = 0.0
        self._unsent: list[bytes] = []
        self.dead = False

    def say(self, message: Message) -> None:
        """Adds a message to what is flushed next."""
        head, payload = encode(message)
        self._unsent += [head, *(bytes(chunk) for chunk in (payload if isinstance(payload, tuple) else (payload,)))]

    def flush(self) -> None:
        """Sends what was said, in one piece or in two."""
        data = b"".join(self._unsent)
        self._unsent = []
        if not data:
            return
        if self._rng.random() < 0.2:
            place = self._rng.randrange(len(data))
            self._plan(data[:place])
            self._plan(data[place:])
        else:
            self._plan(data)

    def end(self) -> None:
        """Says that nothing more will come."""
        self.flush()
        self._plan(None)

    def _plan(self, data: bytes | None) -> None:
        self._under_way.append(data)
        latency = self._rng.uniform(LATENCY_MIN_S, LATENCY_MAX_S)
        self._last_arrival = max(self._last_arrival, self._agenda.now + latency)
        self._agenda.at(self._last_arrival, self._deliver)

    def _deliver(self) -> None:
        if self.dead:
            return
        data = self._under_way.popleft()
        self.dead = data is None
        self._arrive(data)
