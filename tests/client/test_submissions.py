"""What callers' threads hand over: in order, with one wake-up for many, and nothing is left without an answer."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from math import inf
from typing import Any, cast

import pytest

from argon.client.client_shell import ClientShell
from argon.client.submissions import Submissions
from argon.protocol.messages import Entered, Status
from argon.scheduling.task_options import TaskOptions
from tests.support.slip import Slip

pytestmark = pytest.mark.replaces_parts  # the shell

DEFAULTS = TaskOptions()


class NotedShell:
    """A shell that notes what it is given."""

    def __init__(self) -> None:
        self.given: list[tuple[Any, ...]] = []

    def submit(self, kind: int, payload: bytes, options: TaskOptions, deadline: float, ticket: Slip) -> None:
        ticket.client_task_id = len(self.given) + 1
        self.given.append((kind, payload, options, deadline, ticket))

    def cancel(self, client_task_id: int) -> None:
        self.given.append(("cancel", client_task_id))

    def cancel_queued(self, client_task_id: int, decided: Future[None]) -> None:
        self.given.append(("cancel_queued", client_task_id))
        decided.set_result(None)


class Handover:
    """Submissions, their shell, and the wake-ups that the loop has not done yet."""

    def __init__(self) -> None:
        self.shell = NotedShell()
        self.wakes: list[Callable[[], None]] = []
        self.interrupted = False
        self.submissions = Submissions(cast(ClientShell, self.shell), self.wake)

    def wake(self, drain: Callable[[], None]) -> None:
        if self.interrupted:
            raise KeyboardInterrupt
        self.wakes.append(drain)

    def submit(self) -> Slip:
        slip = Slip()
        self.submissions.submit(7, b"work", DEFAULTS, inf, slip)
        return slip

    def run_loop(self) -> None:
        while self.wakes:
            self.wakes.pop(0)()


@pytest.fixture
def handover() -> Handover:
    return Handover()


def test_loop_is_woken_once_for_all_that_comes_before_it_wakes(handover: Handover) -> None:
    slips = [handover.submit() for _ in range(20)]
    handover.submissions.cancel(slips[3])
    assert len(handover.wakes) == 1
    handover.run_loop()
    assert handover.shell.given == [*((7, b"work", DEFAULTS, inf, slip) for slip in slips), ("cancel", 4)]
    handover.submit()
    assert len(handover.wakes) == 1


def test_ticket_that_has_ended_before_the_loop_wakes_is_never_submitted(handover: Handover) -> None:
    slip = handover.submit()
    slip.settle(cast(Any, "cancelled"))
    handover.run_loop()
    assert handover.shell.given == []


def test_cancel_comes_after_its_task_though_both_come_while_the_loop_takes_others(handover: Handover) -> None:
    class FilledJustNow(deque[Any]):
        """When the loop has taken all tasks and looks for cancels, one more task has come, and is cancelled."""

        def __len__(self) -> int:
            if len(slips) == 1:
                slips.append(handover.submit())
                self.append((slips[1], None))
            return super().__len__()

    slips = [handover.submit()]
    handover.submissions._cancels = FilledJustNow()
    handover.submissions.hand_over()
    assert [given[-1] for given in handover.shell.given] == [*slips, 2]


def test_queued_only_cancel_is_done_when_it_is_decided(handover: Handover) -> None:
    decided = handover.submissions.cancel_queued(handover.submit())
    assert not decided.done()
    handover.run_loop()
    assert decided.done()


def test_ctrl_c_while_the_loop_is_woken_leaves_it_to_the_next(handover: Handover) -> None:
    handover.interrupted = True
    with pytest.raises(KeyboardInterrupt):
        handover.submit()
    handover.interrupted = False
    handover.submit()
    handover.run_loop()
    assert len(handover.shell.given) == 2


def test_close_gives_the_shell_what_there_is_and_settles_what_comes_later(handover: Handover) -> None:
    before = handover.submit()
    handover.submissions.close()
    assert [given[-1] for given in handover.shell.given] == [before]
    after = handover.submit()
    (answer,) = after.answers
    assert (answer.status, answer.entered, after.session) == (Status.LOST, Entered.NO, 0)
    handover.submissions.cancel(after)
    assert handover.submissions.cancel_queued(before).done()
    handover.run_loop()
    assert len(handover.shell.given) == 1


def test_task_that_another_thread_settles_at_the_same_moment_is_left_to_it(handover: Handover) -> None:
    class TakenByAnother(deque[Any]):
        def popleft(self) -> Any:
            self.clear()
            return super().popleft()

    handover.submissions.close()
    handover.submissions._tasks = TakenByAnother()
    slip = handover.submit()
    assert slip.answers == []
