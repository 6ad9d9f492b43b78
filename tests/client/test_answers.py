"""Outcomes to values and exceptions: every one has all the data there is, and none raises instead of answering."""

from __future__ import annotations

import pickle
from concurrent.futures import CancelledError

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from argon.call.failure import pack_failure
from argon.call.payload import pack_result
from argon.client.answers import error_of, value_of
from argon.errors import (
    MayHaveRun,
    Rejected,
    RejectReason,
    RemoteError,
    ResultNotSerializable,
    TaskError,
    TaskExpired,
    TaskLost,
    WorkerDied,
)
from argon.protocol.codec import encode_diagnosis
from argon.protocol.diagnosis import Diagnosis
from argon.protocol.messages import Entered, FailureKind, Outcome, Reject, Status


def travelled(error: BaseException) -> BaseException:
    """The exception, after a journey to another process."""
    copy: BaseException = pickle.loads(pickle.dumps(error))
    assert type(copy) is type(error)
    assert str(copy) == str(error)
    assert vars(copy) == vars(error)
    return copy


def said(status: int, entered: int, about: Diagnosis, detail: int = 0) -> BaseException:
    outcome = Outcome(1, status, entered, 2, 0.5, 0.25, 0, detail, encode_diagnosis(about))
    return travelled(error_of(outcome))


def test_completed_is_the_value() -> None:
    assert value_of(Outcome(1, Status.COMPLETED, payload=pack_result([1, "two"], 1000)), 3) == ([1, "two"], None)


def test_value_none_is_a_value() -> None:
    assert value_of(Outcome(1, Status.COMPLETED, payload=pack_result(None, 1000)), 3) == (None, None)


def test_value_that_cannot_be_read_here_says_so_with_the_data() -> None:
    value, error = value_of(Outcome(1, Status.COMPLETED, Entered.YES, 3, 0.5, 0.25, payload=b"garbage"), 3)
    assert value is None
    assert isinstance(error, ResultNotSerializable)
    assert (error.attempt, error.queued_s, error.run_s) == (3, 0.25, 0.5)
    assert error.may_have_run is MayHaveRun.YES


def test_failed_is_the_tasks_own_exception() -> None:
    payload = pack_failure(KeyError("what"), "anvil", 100_000)
    value, error = value_of(Outcome(1, Status.FAILED, failure_kind=FailureKind.RAISED, payload=payload), 3)
    assert value is None
    assert type(error) is KeyError
    assert error.args == ("what",)


def test_failure_that_cannot_be_read_is_a_remote_error_that_says_so() -> None:
    error = error_of(Outcome(1, Status.FAILED, Entered.YES, 3, 0.5, 0.25, payload=b"garbage"))
    assert isinstance(error, RemoteError)
    assert (error.attempt, error.queued_s, error.run_s) == (3, 0.25, 0.5)


def rejected(reject: Reject) -> Rejected:
    value, error = value_of(reject, 3)
    assert value is None
    error = travelled(error)
    assert isinstance(error, Rejected)
    return error


@pytest.mark.parametrize("reason", list(RejectReason))
def test_rejected_has_its_reason_in_words_and_when_to_come_back_and_never_ran(reason: RejectReason) -> None:
    error = rejected(Reject(1, reason, 1.5))
    assert error.reason is reason
    assert error.retry_after == 1.5
    assert error.may_have_run is MayHaveRun.NO
    assert reason.name in str(error)
    assert reason.meaning in str(error)
    assert "1.50 s" in str(error)


def test_rejected_without_a_time_does_not_speak_of_one() -> None:
    assert "try again" not in str(rejected(Reject(1, RejectReason.TOO_LARGE)))


def test_rejected_says_why_in_the_words_of_who_rejected() -> None:
    assert "there is no connection" in str(rejected(Reject(1, RejectReason.NO_NODES, why="there is no connection")))


@pytest.mark.parametrize("local", [True, False])
def test_rejected_says_whether_it_was_this_client_that_rejected(local: bool) -> None:
    assert rejected(Reject(1, RejectReason.QUEUE_FULL, local=local)).local is local


@pytest.mark.parametrize(
    ("entered", "node", "says", "may_have_run"),
    [
        (Entered.NO, "", "had not been started", MayHaveRun.NO),
        (Entered.YES, "anvil", "killed on node anvil", MayHaveRun.YES),
        (Entered.UNKNOWN, "", "may be running", MayHaveRun.UNKNOWN),
    ],
)
def test_expired_is_a_timeout_that_says_whether_it_ran(
    entered: int, node: str, says: str, may_have_run: MayHaveRun
) -> None:
    error = said(Status.EXPIRED, entered, Diagnosis("its deadline passed", node))
    assert isinstance(error, TaskExpired)
    assert isinstance(error, TimeoutError)
    assert says in str(error)
    assert (error.may_have_run, error.node, error.attempt) == (may_have_run, node, 2)
    assert (error.queued_s, error.run_s) == (0.25, 0.5)


@pytest.mark.parametrize(("entered", "may_have_run"), list(enumerate(MayHaveRun)))
def test_lost_says_why_and_where(entered: int, may_have_run: MayHaveRun) -> None:
    error = said(Status.LOST, entered, Diagnosis("the connection broke", "anvil"))
    assert isinstance(error, TaskLost)
    assert "the connection broke" in str(error)
    assert "anvil" in str(error)
    assert (error.may_have_run, error.node, error.attempt) == (may_have_run, "anvil", 2)
    assert (error.queued_s, error.run_s) == (0.25, 0.5)


def test_lost_without_a_word_says_that_its_state_is_unknown() -> None:
    assert "its state is unknown" in str(error_of(Outcome(1, Status.LOST)))


@pytest.mark.parametrize(
    ("detail", "says"),
    [
        (Diagnosis(node="anvil", signal=11), "signal 11"),
        (Diagnosis(node="anvil", exit_code=3), "exit code 3"),
        (Diagnosis(node="anvil", signal=9, oom=True), "out of memory"),
        (Diagnosis("closed Argon's channel", "anvil", signal=9), "closed Argon's channel, signal 9"),
    ],
)
def test_death_of_a_worker_has_how_it_died(detail: Diagnosis, says: str) -> None:
    error = said(Status.FAILED, Entered.YES, detail, FailureKind.WORKER_DIED)
    assert isinstance(error, WorkerDied)
    assert says in str(error)
    assert (error.signal, error.exit_code, error.oom) == (detail.signal, detail.exit_code, detail.oom)
    assert (error.node, error.attempt, error.may_have_run) == ("anvil", 2, MayHaveRun.YES)
    assert (error.queued_s, error.run_s) == (0.25, 0.5)


def test_cancelled_is_the_standard_librarys() -> None:
    assert isinstance(error_of(Outcome(1, Status.CANCELLED)), CancelledError)


def test_detail_in_chunks_is_read_as_one() -> None:
    data = encode_diagnosis(Diagnosis("the connection broke"))
    assert "the connection broke" in str(error_of(Outcome(1, Status.LOST, payload=(data[:3], data[3:]))))


@settings(max_examples=300, deadline=None)
@given(
    st.integers(0, 5).filter(lambda status: status != Status.REJECTED),
    st.integers(0, 2),
    st.integers(0, 1 << 32),
    st.binary(max_size=64) | st.lists(st.binary(max_size=32)).map(tuple),
)
def test_whatever_comes_is_an_answer(status: int, entered: int, kind: int, payload: bytes) -> None:
    value, error = value_of(Outcome(1, status, entered, failure_kind=kind, payload=payload), 3)
    if status != Status.COMPLETED:
        assert value is None
        assert isinstance(error, TaskError | CancelledError)
