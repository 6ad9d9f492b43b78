"""Outcomes to values and exceptions: every one has all the data there is, and none raises instead of answering."""

from __future__ import annotations

import pickle
from concurrent.futures import CancelledError

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from argon.call.payload import pack_failure, pack_result
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
from argon.protocol.codec import encode_detail
from argon.protocol.detail import Detail
from argon.protocol.messages import Entered, FailureKind, Outcome, Refusal, Status


def travelled(error: BaseException) -> BaseException:
    """The exception, after a journey to another process."""
    copy: BaseException = pickle.loads(pickle.dumps(error))
    assert type(copy) is type(error)
    assert str(copy) == str(error)
    assert vars(copy) == vars(error)
    return copy


def said(status: Status, entered: Entered, about: Detail, detail: int = 0) -> BaseException:
    outcome = Outcome(1, status, entered, 2, 0.5, 0.25, 0, detail, encode_detail(about))
    return travelled(error_of(outcome))


def test_completed_is_the_value() -> None:
    assert value_of(Outcome(1, Status.COMPLETED, payload=pack_result([1, "two"], 1000))) == ([1, "two"], None)


def test_value_none_is_a_value() -> None:
    assert value_of(Outcome(1, Status.COMPLETED, payload=pack_result(None, 1000))) == (None, None)


def test_value_that_cannot_be_read_here_says_so_with_the_data() -> None:
    value, error = value_of(Outcome(1, Status.COMPLETED, Entered.YES, 3, 0.5, 0.25, payload=b"garbage"))
    assert value is None
    assert isinstance(error, ResultNotSerializable)
    assert (error.attempt, error.queued_s, error.run_s) == (3, 0.25, 0.5)
    assert error.may_have_run is MayHaveRun.YES


def test_failed_is_the_tasks_own_exception() -> None:
    payload = pack_failure(KeyError("what"), "anvil", 100_000)
    value, error = value_of(Outcome(1, Status.FAILED, detail=FailureKind.RAISED, payload=payload))
    assert value is None
    assert type(error) is KeyError
    assert error.args == ("what",)


def test_failure_that_cannot_be_read_is_a_remote_error_that_says_so() -> None:
    error = error_of(Outcome(1, Status.FAILED, Entered.YES, 3, 0.5, 0.25, payload=b"garbage"))
    assert isinstance(error, RemoteError)
    assert (error.attempt, error.queued_s, error.run_s) == (3, 0.25, 0.5)


@pytest.mark.parametrize("refusal", list(Refusal))
def test_rejected_has_its_reason_and_when_to_come_back_and_never_ran(refusal: Refusal) -> None:
    outcome = Outcome(1, Status.REJECTED, Entered.NO, wait_s=1.5, detail=refusal)
    error = travelled(error_of(outcome))
    assert isinstance(error, Rejected)
    assert error.reason is RejectReason[refusal.name]
    assert error.retry_after == 1.5
    assert error.may_have_run is MayHaveRun.NO
    assert refusal.name in str(error)
    assert "1.50 s" in str(error)


def test_rejected_without_a_time_does_not_speak_of_one() -> None:
    assert " s" not in str(error_of(Outcome(1, Status.REJECTED, wait_s=0.0, detail=Refusal.TOO_LARGE))).split(": ")[-1]


def test_rejected_for_a_reason_yet_unknown_is_still_rejected() -> None:
    assert isinstance(error_of(Outcome(1, Status.REJECTED, detail=250)), Rejected)


def test_rejected_says_why_in_the_words_of_who_refused() -> None:
    payload = encode_detail(Detail("there is no connection"))
    outcome = Outcome(1, Status.REJECTED, detail=Refusal.NO_NODES, payload=payload)
    assert "there is no connection" in str(error_of(outcome))


def test_rejected_says_whether_it_was_this_client_that_refused() -> None:
    for local in (True, False):
        outcome = Outcome(1, Status.REJECTED, Entered.NO, payload=encode_detail(Detail("no credit", local=local)))
        error = travelled(error_of(outcome))
        assert isinstance(error, Rejected)
        assert error.local is local


@pytest.mark.parametrize(
    ("entered", "node", "says", "may_have_run"),
    [
        (Entered.NO, "", "had not been started", MayHaveRun.NO),
        (Entered.YES, "anvil", "killed on node anvil", MayHaveRun.YES),
        (Entered.UNKNOWN, "", "may be running", MayHaveRun.UNKNOWN),
    ],
)
def test_expired_is_a_timeout_that_says_whether_it_ran(
    entered: Entered, node: str, says: str, may_have_run: MayHaveRun
) -> None:
    error = said(Status.EXPIRED, entered, Detail("its deadline passed", node))
    assert isinstance(error, TaskExpired)
    assert isinstance(error, TimeoutError)
    assert says in str(error)
    assert (error.may_have_run, error.node, error.attempt) == (may_have_run, node, 2)
    assert (error.queued_s, error.run_s) == (0.25, 0.5)


@pytest.mark.parametrize(("entered", "may_have_run"), list(zip(Entered, MayHaveRun, strict=True)))
def test_lost_says_why_and_where(entered: Entered, may_have_run: MayHaveRun) -> None:
    error = said(Status.LOST, entered, Detail("the connection broke", "anvil"))
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
        (Detail(node="anvil", signal=11), "signal 11"),
        (Detail(node="anvil", exit_code=3), "exit code 3"),
        (Detail(node="anvil", signal=9, oom=True), "for want of memory"),
        (Detail("closed Argon's channel", "anvil", signal=9), "closed Argon's channel, signal 9"),
    ],
)
def test_death_of_a_worker_has_how_it_died(detail: Detail, says: str) -> None:
    error = said(Status.FAILED, Entered.YES, detail, FailureKind.WORKER_DIED)
    assert isinstance(error, WorkerDied)
    assert says in str(error)
    assert (error.signal, error.exit_code, error.oom) == (detail.signal, detail.exit_code, detail.oom)
    assert (error.node, error.attempt, error.may_have_run) == ("anvil", 2, MayHaveRun.YES)
    assert (error.queued_s, error.run_s) == (0.25, 0.5)


def test_cancelled_is_the_standard_librarys() -> None:
    assert isinstance(error_of(Outcome(1, Status.CANCELLED)), CancelledError)


def test_detail_in_chunks_is_read_as_one() -> None:
    data = encode_detail(Detail("the connection broke"))
    assert "the connection broke" in str(error_of(Outcome(1, Status.LOST, payload=(data[:3], data[3:]))))


@settings(max_examples=300, deadline=None)
@given(
    st.sampled_from(Status),
    st.sampled_from(Entered),
    st.integers(0, 1 << 32),
    st.binary(max_size=64) | st.lists(st.binary(max_size=32)).map(tuple),
)
def test_whatever_comes_is_an_answer(status: Status, entered: Entered, detail: int, payload: bytes) -> None:
    value, error = value_of(Outcome(1, status, entered, detail=detail, payload=payload))
    if status != Status.COMPLETED:
        assert value is None
        assert isinstance(error, TaskError | CancelledError)
