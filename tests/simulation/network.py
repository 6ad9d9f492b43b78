"""Connections that are slow, split, clogged, swallowed, cut, or silently dead. What travels is bytes, so the protocol
is tried as well.

As on TCP, the bytes of one direction arrive in order, once, and cut into any pieces; what was under way when the
connection was cut never arrives, and who learns of the cut when is a matter of luck.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from random import Random

from argon.protocol.codec import encode, submits_in
from argon.protocol.fragments import Fragments
from argon.protocol.framing import WHOLE_BYTES, Framing
from argon.protocol.messages import Message, Submit, payload_bytes
from tests.simulation.agenda import Agenda

LATENCY_MIN_S, LATENCY_MAX_S = 0.00005, 0.002
SIP_EVERY_S = 0.05
OUT_BUFFER_BYTES = 200  # as `argon.settings` has it, but for outcomes of a few dozen bytes
FRAGMENT_APART_S = 0.001
PIECES_MAX, SINGLE_BYTES, PIECES_APART_S = 8, 40, 0.00001


class Stream:
    """One direction of a connection: messages in, bytes out at the other end; None is the end of it.

    Args:
        arrive: called with what the receiver is given to read.
        splits: whether everything comes in many small pieces.
        on_full: called when much lies unread, and when that is over.

    Attributes:
        framing: the receiver's, who reads when it is awake.
        unread_bytes: what was flushed and not read.
        read_bytes: what was read.
        full: whether more lies unread than the sender's buffer should have.
        dead: nothing comes out any more.
        swallows: nothing comes out any more, and nobody is told.
        arrivals: some moments at which there were bytes to read, the last ones.
    """

    def __init__(
        self,
        agenda: Agenda,
        rng: Random,
        max_payload_bytes: int,
        arrive: Callable[[bytes | None], None],
        splits: bool,
        on_full: Callable[[bool], None],
    ) -> None:
        self.framing = Framing(max_payload_bytes)
        self.unread_bytes = 0
        self.read_bytes = 0
        self.full = False
        self.dead = False
        self.swallows = False
        self.arrivals: deque[float] = deque([agenda.now], maxlen=100)
        self._agenda = agenda
        self._rng = rng
        self._arrive = arrive
        self._splits = splits
        self._on_full = on_full
        self._under_way: deque[tuple[float, bytes | None]] = deque()
        self._last_arrival = 0.0
        self._unsent: list[bytes] = []
        self._behind = Fragments(WHOLE_BYTES // 2)
        self._writing = False
        self._clogged_at = self._clogged_until = 0.0
        self._swallows_at: float | None = None
        self._broken = False
        self._reset: Callable[[], None] | None = None
        self._appetite: int | None = None
        self._served = b""
        self._ended = False
        self._sips = False

    # ---- the sender ---------------------------------------------------------------------------------------------

    def say(self, message: Message) -> None:
        """Adds a message to what is flushed next; one that is large, or may not pass one, waits behind it."""
        head, payload = encode(message)
        if payload_bytes(payload) >= WHOLE_BYTES or (self._behind.size_bytes and not self._behind.passes(message)):
            self._behind.put(message, head, payload)
        else:
            self._unsent += [head, *(bytes(chunk) for chunk in (payload if isinstance(payload, tuple) else (payload,)))]

    def say_bytes(self, data: bytes) -> None:
        """Adds bytes that may mean nothing."""
        self._unsent.append(data)

    def flush(self) -> None:
        """Sends what was said, and begins with what is large."""
        data, self._unsent = b"".join(self._unsent), []
        self._send(data)
        if self._behind.size_bytes and not self._writing:
            self._write_behind()

    def _write_behind(self) -> None:
        """Sends a piece of what is large, and the next one a little later."""
        data = b"".join(self._behind.take())
        self._send(data)
        self._writing = bool(data) and not self._broken
        if self._writing:
            self._agenda.after(self._rng.uniform(0.0, FRAGMENT_APART_S), self._write_behind)

    def _send(self, data: bytes) -> None:
        if not data or self._broken:
            return
        if self._reset is not None:
            self._broken = True
            data = data[: self._rng.randrange(1, max(2, len(data)))]
        self.unread_bytes += len(data)
        for piece in self._pieces(data):
            self._plan(piece)
        if self._reset is not None:
            self._agenda.at(self._last_arrival, self._reset)
        elif self.unread_bytes > OUT_BUFFER_BYTES and not self.full:
            self.full = True
            self._on_full(True)

    def end(self) -> None:
        """Says that nothing more will come, behind all that was said."""
        self.flush()
        while self._behind.size_bytes:
            self._send(b"".join(self._behind.take()))
        if not self._broken:
            self._plan(None)

    # ---- fault ------------------------------------------------------------------------------------------------

    def clog(self, seconds: float) -> None:
        """Everything stands still for a while, then comes at once."""
        if self._agenda.now >= self._clogged_until:
            self._clogged_at = self._agenda.now
        self._clogged_until = max(self._clogged_until, self._agenda.now + seconds)
        self._agenda.at(self._clogged_until, self._deliver)

    def swallow(self) -> None:
        """From now on nothing comes out any more, and nobody is told."""
        self.swallows = True
        self._swallows_at = self._agenda.now

    def blocked_at(self) -> float | None:
        """Since when it has let nothing through; None if it does."""
        if self._agenda.now < self._clogged_until:
            return self._clogged_at
        return self._swallows_at

    def unsent(self) -> list[int]:
        """The ids of the tasks that were said and have not left completely."""
        large = [message.id for message in self._behind.messages() if isinstance(message, Submit)]
        return [*submits_in(b"".join(self._unsent)), *large]

    def break_off(self, reset: Callable[[], None]) -> None:
        """Of what is flushed next only a part arrives, and then ``reset`` is called."""
        self._reset = reset

    # ---- the receiver -------------------------------------------------------------------------------------------

    def take(self, appetite: int | None) -> None:
        """From now on so many bytes are taken at a time: 0 for none, None for all there are."""
        self._appetite = appetite
        self._agenda.after(0.0, self._serve)

    def read(self, data: bytes) -> Iterator[list[Message]]:
        """The receiver reads what it was given, in steps, as its framing does; raises ProtocolViolation like that."""
        self.unread_bytes -= len(data)
        self.read_bytes += len(data)
        if self.full and self.unread_bytes <= OUT_BUFFER_BYTES // 4:
            self.full = False
            self._on_full(False)
        yield self.framing.feed(data)
        while self.framing.stopped:
            yield self.framing.feed(b"")

    # ---- the way ------------------------------------------------------------------------------------------------

    def _pieces(self, data: bytes) -> Iterator[bytes]:
        """Cuts what is flushed: seldom, or into many pieces, now and then with single bytes among them."""
        rng, size = self._rng, len(data)
        places: set[int] = set()
        if self._splits:
            places.update(rng.randrange(size) for _ in range(rng.randrange(PIECES_MAX)))
            if rng.random() < 0.05:
                begin = rng.randrange(size)
                places.update(range(begin, min(size, begin + SINGLE_BYTES)))
        elif rng.random() < 0.2:
            places.add(rng.randrange(size))
        begin = 0
        for place in sorted(places - {0}):
            yield data[begin:place]
            begin = place
        yield data[begin:]

    def _plan(self, data: bytes | None) -> None:
        latency = self._rng.uniform(LATENCY_MIN_S, LATENCY_MAX_S)
        apart_s = PIECES_APART_S if self._splits else 0.0
        self._last_arrival = max(self._last_arrival + apart_s, self._agenda.now + latency)
        self._under_way.append((self._last_arrival, data))
        self._agenda.at(self._last_arrival, self._deliver)

    def _deliver(self) -> None:
        now = self._agenda.now
        if self.dead or self.swallows or now < self._clogged_until:
            return
        while self._under_way and self._under_way[0][0] <= now:
            data = self._under_way.popleft()[1]
            if data is None:
                self._ended = True
            else:
                self._served += data
        if not self._sips:
            self._serve()

    def _serve(self) -> None:
        """Gives the receiver what it takes at a time."""
        self._sips = False
        if self.dead:
            return
        data = self._served[: self._appetite]
        self._served = self._served[len(data) :]
        if self._served and self._appetite:
            self._sips = True
            self._agenda.after(SIP_EVERY_S, self._serve)
        if data:
            if self._agenda.now - self.arrivals[-1] > 0.1:
                self.arrivals.append(self._agenda.now)
            self._arrive(data)
        if self._ended and not self._served and not self.dead:
            self.dead = True
            self._arrive(None)
