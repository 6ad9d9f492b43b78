"""Exceptions there and back, and what comes in place of those that cannot go."""

from __future__ import annotations

import asyncio
import concurrent.futures
import itertools
import pickle
import subprocess
from typing import Any, NoReturn

import numpy as np
import pytest

from argon.call.equality import is_equal
from argon.call.failure import pack_failure, unpack_failure
from argon.errors import MayHaveRun, RemoteError, TaskLost, UnknownFunction
from argon.protocol.messages import Payload, payload_bytes
from tests.support import tasks
from tests.support.exceptions import (
    ByItself,
    ByItselfWrongly,
    ChangedByLoading,
    Evil,
    FromKeywords,
    FromParts,
    MessageFromArguments,
    NewAndInit,
    NotFound,
    RenewsItsLock,
    Several,
    SlottedBelow,
    Unpicklable,
    WithDefaultCode,
)

MAX = 64 << 20
NUMBERS = itertools.count()


def holding(error: Exception, **attributes: object) -> Exception:
    for name, value in attributes.items():
        setattr(error, name, value)
    return error


def failed(error: BaseException, **options: Any) -> BaseException:
    try:
        raise error
    except BaseException as caught:  # noqa: BLE001 - of any kind
        payload = pack_failure(caught, "node-1", options.pop("max_payload_bytes", MAX), **options)
    return unpack_failure(payload, attempt=2, queued_s=0.25, run_s=0.5)


class Closed(Exception):
    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise AttributeError("nobody changes this")


class ChangesItsText(Exception):
    """Something decides about it that is in none of its parts."""

    def __str__(self) -> str:
        return f"number {next(NUMBERS)}"


class ChangedByBeingPickled(Exception):
    """It arrives as what its class says, and as what it is only by chance."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.counter = 0

    def __reduce__(self) -> tuple[Any, ...]:
        self.counter += 1
        return type(self), self.args


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


@pytest.mark.parametrize(
    "raised",
    [
        MessageFromArguments("ann"),
        WithDefaultCode("no stock", 409),
        FromKeywords(code=409),
        NewAndInit(1, 2),
        NotFound("/x"),
        SlottedBelow("x"),
        tasks.Unloadable(1, 2),
        Evil("pickling it ends the process"),
        ByItself("ann", 3),
        ByItselfWrongly("no"),
        Other("its class pickles something else"),
        ChangedByLoading("no"),
        ChangedByBeingPickled("no"),
        Several([MessageFromArguments("ann"), ByItselfWrongly("no"), ByItself("bob", 4)]),
        FromParts({"orig": MessageFromArguments("ann"), "all": [FromKeywords(code=1)]}),
        ExceptionGroup("two", [ValueError(1), ExceptionGroup("inner", [NotFound("/x")])]),
        UnicodeDecodeError("utf-8", b"\xff", 0, 1, "bad"),
        KeyError(object()),
        BlockingIOError(11, "would block", 5),
        subprocess.CalledProcessError(1, ["false"], output=b"out", stderr=b"err"),
        holding(ValueError("array"), array=np.arange(1000.0)[::2]),
        holding(ValueError("cycle"), ends=SystemExit(3)),
    ],
)
def test_exception_arrives_equal_to_what_was_raised(raised: Exception) -> None:
    error = failed(raised)
    assert type(error) is type(raised)
    assert is_equal(raised, error)
    assert "Traceback" in str(error.__cause__)


def test_exception_of_a_class_that_nobody_else_has_arrives_equal() -> None:
    class Local(Exception):
        def __init__(self, n: int) -> None:
            super().__init__(n + 1)
            self.again = lambda: n

    error = failed(Local(4))
    assert (type(error), error.args) == (Local, (5,))
    assert error.again() == 4  # type: ignore[attr-defined]


def test_exception_leaves_behind_what_cannot_be_pickled_if_its_class_says_so() -> None:
    error = failed(RenewsItsLock("no"))
    assert isinstance(error, RenewsItsLock)
    assert error.args == ("no",)
    assert error.lock.acquire(blocking=False)
    noted = RenewsItsLock("no")
    noted.add_note("lost in __reduce__")
    assert isinstance(failed(noted), RemoteError)


def test_notes_arrive() -> None:
    noted = ValueError("no")
    noted.add_note("of task 4")
    assert failed(noted).__notes__ == ["of task 4"]


def test_loading_an_exception_calls_nothing_of_its_class() -> None:
    MessageFromArguments.made.clear()
    payload = pack_failure(MessageFromArguments("ann"), "node-1", MAX)
    unpack_failure(payload, attempt=1, queued_s=0, run_s=0)
    assert MessageFromArguments.made == ["ann"]


def test_remote_error_keeps_the_attributes_that_are_plain() -> None:
    error = failed(holding(Unpicklable(), big=1 << 80, text="x" * 5000, found=None, share=0.5))
    assert isinstance(error, RemoteError)
    attributes = dict(error.remote_attributes)
    assert len(str(attributes.pop("text"))) == 1000
    assert attributes == {"code": 503, "reason": "busy", "found": None, "share": 0.5}


def test_remote_error_keeps_what_c_code_keeps() -> None:
    error = failed(holding(OSError(2, "gone", "/x"), lock=asyncio.Lock))
    assert isinstance(error, FileNotFoundError)
    error = failed(holding(OSError(2, "gone", "/x"), unpicklable=Unpicklable()))
    assert isinstance(error, RemoteError)
    assert (error.remote_attributes["errno"], error.remote_attributes["filename"]) == (2, "/x")


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
        Unpicklable(),
        ChangesItsText("x"),
        ExceptionGroup("one of them cannot", [ValueError(), Unpicklable()]),
        ValueError("x" * (2 << 20)),
        holding(ValueError("array"), array=np.zeros(1 << 18)),
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
