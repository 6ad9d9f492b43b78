"""What goes into the modules. In: how many small tasks. Out: messages about them, or the bytes of such messages."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeAlias

import pytest

from argon.protocol.codec import encode
from argon.protocol.messages import Assign, Entered, Message, Outcome, Status, Submit
from argon.settings import Priority

Measure: TypeAlias = Callable[[Callable[[], object]], object]
"""The fixture of pytest-benchmark: calls a function many times, and returns what it returned."""

in_batches = pytest.mark.parametrize("batch", [1, 64])

KIND = 7
RUN_S = 2e-6
TASK = bytes(64)
RESULT = bytes(16)


def submits(count: int, first: int = 1) -> list[Message]:
    """What a client says."""
    return [Submit(id_, Priority.NORMAL, False, 0.0, KIND, 0, TASK) for id_ in range(first, first + count)]


def assigns(count: int) -> list[Message]:
    """What a node hears."""
    return [Assign(id_, 1, Priority.NORMAL, 0.0, KIND, TASK) for id_ in range(1, 1 + count)]


def completed(tasks: Iterable[tuple[int, int]]) -> list[Outcome]:
    """What is said of tasks that ran, by their numbers and attempts."""
    return [Outcome(id_, Status.COMPLETED, Entered.YES, attempt, RUN_S, payload=RESULT) for id_, attempt in tasks]


def frames(messages: Iterable[Message]) -> bytes:
    """Messages as they travel."""
    found = []
    for message in messages:
        header, payload = encode(message)
        assert isinstance(payload, bytes)
        found += [header, payload]
    return b"".join(found)
