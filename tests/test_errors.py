"""Every exception keeps its data through pickling and copying, says one sentence, and tells what to do."""

from __future__ import annotations

import copy
import inspect
import pickle
from concurrent.futures import TimeoutError as FuturesTimeout

import pytest

from argon import errors
from argon.errors import (
    ArgonError,
    MayHaveRun,
    Rejected,
    RejectReason,
    TaskError,
    TaskExpired,
    TaskLost,
    WorkerDied,
    caused_by,
)

ALL = [cls for _, cls in inspect.getmembers(errors, inspect.isclass) if issubclass(cls, ArgonError)]
OF_TASKS = [cls for cls in ALL if issubclass(cls, TaskError)]


@pytest.mark.parametrize("cls", ALL)
@pytest.mark.parametrize("protocol", [2, pickle.HIGHEST_PROTOCOL])
def test_exception_through_pickle_keeps_its_class_sentence_and_data(cls: type[ArgonError], protocol: int) -> None:
    error = cls("it went wrong", node="node-1", extra=[1, 2])
    error.add_note("a note")
    again = pickle.loads(pickle.dumps(error, protocol))
    assert type(again) is cls
    assert str(again) == "it went wrong"
    assert again.args == ("it went wrong",)
    assert vars(again) == vars(error)
    assert vars(copy.copy(error)) == vars(error)


@pytest.mark.parametrize("cls", ALL)
def test_exception_without_data_can_be_made_and_pickled(cls: type[ArgonError]) -> None:
    again = pickle.loads(pickle.dumps(cls()))
    assert str(again) == ""


@pytest.mark.parametrize("cls", ALL)
def test_exception_says_what_it_means(cls: type[ArgonError]) -> None:
    assert cls.__doc__
    assert len(cls.__doc__) > 40


@pytest.mark.parametrize("cls", OF_TASKS)
def test_task_error_carries_where_and_when(cls: type[TaskError]) -> None:
    error = cls("x", node="node-1", attempt=2, may_have_run=MayHaveRun.YES, queued_s=0.5, run_s=1.5)
    assert (error.node, error.attempt, error.queued_s, error.run_s) == ("node-1", 2, 0.5, 1.5)
    assert error.may_have_run is MayHaveRun.YES
    assert pickle.loads(pickle.dumps(error)).may_have_run is MayHaveRun.YES


@pytest.mark.parametrize(
    ("cls", "may_have_run"),
    [
        (Rejected, MayHaveRun.NO),
        (errors.UnknownFunction, MayHaveRun.NO),
        (WorkerDied, MayHaveRun.YES),
        (errors.RemoteError, MayHaveRun.YES),
        (errors.ResultNotSerializable, MayHaveRun.YES),
        (TaskLost, MayHaveRun.UNKNOWN),
        (TaskExpired, MayHaveRun.UNKNOWN),
    ],
)
def test_may_have_run_when_not_said_is_what_the_class_implies(cls: type[TaskError], may_have_run: MayHaveRun) -> None:
    assert cls().may_have_run is may_have_run


def test_rejected_carries_reason_and_retry_after() -> None:
    error = pickle.loads(pickle.dumps(Rejected("full", reason=RejectReason.QUEUE_BYTES, retry_after=1.5)))
    assert error.reason is RejectReason.QUEUE_BYTES
    assert error.retry_after == 1.5
    assert error.local is False


def test_rejected_says_whether_the_client_refused_it_by_itself() -> None:
    assert pickle.loads(pickle.dumps(Rejected("full", local=True))).local is True


def test_worker_died_carries_how() -> None:
    error = pickle.loads(pickle.dumps(WorkerDied("killed", signal=9, oom=True)))
    assert (error.signal, error.exit_code, error.oom) == (9, 0, True)


@pytest.mark.parametrize(
    ("cls", "builtin"),
    [
        (TaskExpired, TimeoutError),
        (TaskExpired, FuturesTimeout),
        (errors.AddressInvalid, ValueError),
        (errors.ConnectionFailed, ConnectionError),
        (errors.AuthenticationFailed, PermissionError),
        (errors.ArgumentNotSerializable, TypeError),
    ],
)
def test_exception_is_also_what_the_standard_library_would_raise(
    cls: type[ArgonError], builtin: type[Exception]
) -> None:
    assert issubclass(cls, builtin)


def test_words_are_plain_strings_for_logs_and_json() -> None:
    assert f"{MayHaveRun.NO} {RejectReason.TOO_LARGE}" == "no TOO_LARGE"


def test_an_error_is_raised_with_its_cause_or_with_nothing_that_led_to_it() -> None:
    cause = KeyError("a")
    assert caused_by(cause, ValueError()).__cause__ is cause
    hiding = caused_by(None, ValueError())
    assert (hiding.__cause__, hiding.__suppress_context__) == (None, True)
