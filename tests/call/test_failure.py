"""Exceptions there and back, and what comes in place of those that cannot go."""

from __future__ import annotations

import asyncio
import concurrent.futures
import pickle
from typing import Any, NoReturn

import pytest

from argon.call.failure import pack_failure, unpack_failure
from argon.errors import MayHaveRun, RemoteError, TaskLost, UnknownFunction
from argon.protocol.messages import Payload, payload_bytes
from tests.support import tasks

MAX = 64 << 20


def failed(error: BaseException, **options: Any) -> BaseException:
    try:
        raise error
    except BaseException as caught:  # noqa: BLE001 - of any kind
        payload = pack_failure(caught, "node-1", options.pop("max_payload_bytes", MAX), **options)
    return unpack_failure(payload, attempt=2, queued_s=0.25, run_s=0.5)


class Closed(Exception):
    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise AttributeError("nobody changes this")


class Evil(Exception):
    def __reduce__(self) -> NoReturn:
        raise SystemExit


class Exhausted(StopIteration):
    pass


class Other(Exception):
    def __reduce__(self) -> tuple[Any, ...]:
        return dict, ()


def test_exception_arrives_as_itself_with_its_traceback_as_cause() -> None:
    error = failed(ValueError("no", 1))
    assert type(error) is ValueError
    assert error.args == ("no", 1)
    assert "in failed" in str(error.__cause__)


def test_exception_that_forbids_attributes_arrives_with_its_cause() -> None:
    error = failed(Closed(4))
    assert isinstance(error, Closed)
    assert "Closed" in str(error.__cause__)


@pytest.mark.parametrize(
    "raised",
    [
        SystemExit(3),
        KeyboardInterrupt(),
        GeneratorExit(),
        StopIteration(4),
        StopAsyncIteration(),
        Exhausted(4),
        BaseException("base"),
        BaseExceptionGroup("group", [SystemExit()]),
        asyncio.CancelledError(),
        concurrent.futures.CancelledError(),
        tasks.Unloadable(1, 2),
        Evil("evil"),
        Other("other"),
        ValueError("x" * (2 << 20)),
    ],
)
def test_exception_that_must_not_or_cannot_travel_is_a_remote_error(raised: BaseException) -> None:
    error = failed(raised)
    assert isinstance(error, RemoteError)
    assert type(raised).__qualname__ in error.type_name
    assert "Traceback" in error.traceback_text
    assert (error.node, error.attempt, error.queued_s, error.run_s) == ("node-1", 2, 0.25, 0.5)
    assert error.may_have_run is MayHaveRun.YES
    assert "Traceback" in str(error.__cause__)


@pytest.mark.parametrize("raised", [StopIteration(4), Exhausted(4), StopAsyncIteration(4), ValueError(4)])
def test_every_exception_can_be_awaited_and_is_raised(raised: Exception) -> None:
    async def wait() -> None:
        future = asyncio.get_running_loop().create_future()
        future.set_exception(failed(raised))
        await future

    with pytest.raises((RemoteError, ValueError), match="4"):
        asyncio.run(wait())


@pytest.mark.parametrize("raised", [tasks.Hostile(), tasks.Huge(), ValueError("\ud800"), ValueError("x" * 10_000_000)])
@pytest.mark.parametrize("max_payload_bytes", [MAX, 4096])
def test_failure_keeps_the_limit_whatever_the_exception_says(raised: Exception, max_payload_bytes: int) -> None:
    payload = pack_failure(raised, "node-1", max_payload_bytes)
    assert payload_bytes(payload) <= min(max_payload_bytes, 3 << 20)
    assert isinstance(unpack_failure(payload, attempt=1, queued_s=0, run_s=0), Exception)


def test_error_of_the_worker_itself_is_filled_in() -> None:
    error = failed(UnknownFunction("no f"), by_argon=True)
    assert isinstance(error, UnknownFunction)
    assert (error.node, error.attempt, error.queued_s, error.run_s) == ("node-1", 2, 0.25, 0.5)
    assert error.may_have_run is MayHaveRun.NO
    assert str(error) == "no f"


def test_argon_error_that_a_task_raised_does_not_pass_for_what_became_of_the_task() -> None:
    error = failed(TaskLost("inner", node="inner node", attempt=7))
    assert isinstance(error, RemoteError)
    assert (error.node, error.attempt, error.may_have_run) == ("node-1", 2, MayHaveRun.YES)
    assert error.type_name == "argon.errors.TaskLost"
    assert error.remote_message == "inner"
    assert error.__cause__ is not None


def test_exception_of_a_module_missing_here_is_a_remote_error(monkeypatch: pytest.MonkeyPatch) -> None:
    payload = pack_failure(tasks.Huge(), "node-1", MAX)
    monkeypatch.delattr(tasks, "Huge")
    assert isinstance(unpack_failure(payload, attempt=1, queued_s=0, run_s=0), RemoteError)


@pytest.mark.parametrize("payload", [b"", b"garbage", (b"gar", b"bage")])
def test_failure_that_cannot_be_read_is_still_an_answer(payload: Payload) -> None:
    error = unpack_failure(payload, attempt=1, queued_s=0, run_s=0)
    assert isinstance(error, RemoteError)
    assert error.may_have_run is MayHaveRun.UNKNOWN


def test_failure_arriving_in_chunks_is_joined() -> None:
    payload = pack_failure(ValueError("no"), "node-1", MAX)
    error = unpack_failure((payload[:10], payload[10:]), attempt=1, queued_s=0, run_s=0)
    assert isinstance(error, ValueError)


def test_remote_errors_survive_another_pickling() -> None:
    error = failed(SystemExit(3))
    again = pickle.loads(pickle.dumps(error))
    assert (again.type_name, again.node) == ("SystemExit", "node-1")
