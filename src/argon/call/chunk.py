"""Several calls of one function as one task, and what each of them has come to.

In, in the worker: a function, and the arguments of each call. Out: what single tasks would have answered, packed one by
one, up to the first failure. In, at the caller: these answers. Out: the values, and the failure in its place. It must
never let one item change what another has given: each is packed before the next one runs.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Sequence
from typing import Any, Final, NamedTuple

from argon.call.callables import find
from argon.call.failure import pack_failure, unpack_failure
from argon.call.invoke import invoke
from argon.call.payload import pack_result, unpack_result
from argon.errors import ResultNotSerializable, TaskError
from argon.settings import MIN_MAX_PAYLOAD_BYTES

FAILURE_SHARE: Final = 16  # so large a part of the answer is kept free of values, for a failure after them
ITEM_BYTES: Final = 16  # what the answer takes for each item beside its payload, and more

Item = tuple[Any, ...]
"""The arguments of one call."""


class Surroundings(NamedTuple):
    """What a worker knows and its tasks do not.

    Attributes:
        wait_for: returns what an awaitable comes to.
        node: name of the node.
        max_payload_bytes: most bytes of an answer.
    """

    wait_for: Callable[[Awaitable[Any]], Any]
    node: str
    max_payload_bytes: int


_surroundings: list[Surroundings] = []


def prepare(surroundings: Surroundings) -> None:
    """Makes this process one that runs chunks."""
    _surroundings[:] = [surroundings]


def run_chunk(function: Callable[..., Any] | str, items: Sequence[Item]) -> list[bytes]:
    """Runs the items one after the other, as single tasks run; the first that fails is the last that runs.

    Returns:
        The payload of the failure, empty if there is none, and those of the values before it.
    """
    wait_for, node, max_payload_bytes = _surroundings[0]
    answers = [b""]
    failure_bytes = max(MIN_MAX_PAYLOAD_BYTES, max_payload_bytes // FAILURE_SHARE)
    room_bytes = max(0, max_payload_bytes - failure_bytes)
    for item in items:
        by_argon = True
        try:
            called = find(function.encode("utf-8", "replace")) if isinstance(function, str) else function
            by_argon = False
            value = invoke(called, item, {}, wait_for)
            by_argon = True
            payload = pack_result(value, max_payload_bytes)
            answer = payload if isinstance(payload, bytes) else b"".join(payload)
            if len(answer) + ITEM_BYTES > room_bytes:
                raise ResultNotSerializable(
                    f"the results of {len(answers)} items of a chunk take more together than the max_payload of "
                    f"{max_payload_bytes} bytes; give a smaller chunksize"
                )
        except BaseException as error:  # noqa: BLE001 - whatever an item raises is its answer, SystemExit and the like too
            answers[0] = pack_failure(error, node, failure_bytes + room_bytes, by_argon=by_argon)
            break
        room_bytes -= len(answer) + ITEM_BYTES
        answers.append(answer)
    return answers


def values_of(answers: list[bytes], facts: dict[str, Any]) -> Iterator[Any]:
    """The values of the items, one after the other, and then the failure, if there is one.

    Args:
        answers: what ``run_chunk`` returned.
        facts: what is known of the task: its ``attempt``, ``queued_s``, ``run_s`` and ``task_id``.

    Raises:
        Exception: what an item raised, in its place.
        ResultNotSerializable: the value of an item could not be pickled or cannot be loaded here, in its place.
    """
    try:
        for answer in answers[1:]:
            yield unpack_result(answer)
        if answers[0]:
            times = {name: facts[name] for name in ("attempt", "queued_s", "run_s")}
            raise unpack_failure(answers[0], **times)
    except TaskError as error:
        error.__dict__.update(facts)
        raise
