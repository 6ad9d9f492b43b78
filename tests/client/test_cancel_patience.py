"""How long cancel() waits for the cluster's answer: never on an event loop, and once for all of a silent cluster."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import Future
from typing import Any

import pytest

from argon.client import cancel_patience
from argon.client.cancel_patience import CancelPatience
from tests.support.in_process import within as run_within


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[Future[None]]:
    """The questions that were waited for. The time of each is up at once."""
    seen: list[Future[None]] = []
    real = cancel_patience.concurrent.futures.wait

    def wait(questions: list[Future[None]], _: float) -> Any:
        seen.extend(questions)
        return real(questions, 0.0)

    monkeypatch.setattr(cancel_patience.concurrent.futures, "wait", wait)
    return seen


def test_answer_is_waited_for() -> None:
    question: Future[None] = Future()
    threading.Timer(0.05, question.set_result, [None]).start()
    CancelPatience().wait(question)
    assert question.done()


def test_questions_after_an_unanswered_one_are_not_waited_for(waits: list[Future[None]]) -> None:
    patience, first, second, third = CancelPatience(), *(Future[None]() for _ in range(3))
    patience.wait(first)
    patience.wait(second)
    assert waits == [first]
    first.set_result(None)  # the cluster speaks again
    patience.wait(third)
    assert waits == [first, third]


def test_answered_questions_leave_the_next_its_full_time(waits: list[Future[None]]) -> None:
    patience, first, second = CancelPatience(), Future[None](), Future[None]()
    first.set_result(None)
    patience.wait(first)
    patience.wait(second)
    assert waits == [first, second]


def test_thread_that_runs_an_event_loop_does_not_wait(waits: list[Future[None]]) -> None:
    async def main() -> None:
        patience.wait(question)
        assert not waits
        await asyncio.to_thread(patience.wait, question)
        assert waits == [question]

    patience, question = CancelPatience(), Future[None]()
    run_within(main())
