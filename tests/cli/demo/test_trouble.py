"""The demo's other acts tell what happened, and fail if it is not what they claim."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

import pytest

from argon.cli.demo import trouble
from argon.cli.demo.trouble import BURST_TASKS, JOB_TASKS, kill_a_node, overload
from argon.cli.failures import CommandFailed
from argon.errors import Rejected, RejectReason, TaskLost

Settle = Callable[["ScriptedClient", int, "Future[Any]"], None]


class ScriptedClient:
    """A client whose tasks end as a function of their number says."""

    def __init__(self, settle: Settle, retries: int | None = None) -> None:
        self.settle = settle
        self.retries = retries
        self.futures: list[Future[Any]] = []
        self.nodes = [{"name": name, "workers": 2, "in_flight": 2} for name in ("node-a", "node-b")]

    def with_options(self, *, retries: int | None = None) -> ScriptedClient:
        return ScriptedClient(self.settle, retries)

    def submit(self, function: Any, /, *args: Any) -> Future[Any]:
        future: Future[Any] = Future()
        self.futures.append(future)
        self.settle(self, len(self.futures) - 1, future)
        return future

    def status(self) -> dict[str, Any]:
        return {"nodes": self.nodes}


def full(retry_after: float = 0.0) -> Rejected:
    return Rejected("full", reason=RejectReason.QUEUE_FULL, retry_after=retry_after)


# --- act 2 ------------------------------------------------------------------------------------------------------------


def bounded(client: ScriptedClient, number: int, future: Future[Any]) -> None:
    """Takes 20 of an impatient burst, then what comes after it."""
    if client.retries == 0 and 20 <= number < BURST_TASKS:
        if number % 2:
            raise full(0.001)
        future.set_exception(full(0.002))
    else:
        future.set_result(number)


def test_overload_counts_what_was_accepted_and_rejected(capsys: pytest.CaptureFixture[str]) -> None:
    overload(ScriptedClient(bounded))
    text = capsys.readouterr().out
    assert "accepted and completed: 20" in text
    assert f"QUEUE_FULL: {BURST_TASKS - 20}, retry after 0.001 to 0.002 s" in text
    assert "10 of 10 completed, still without a retry" in text
    assert f"{BURST_TASKS} of {BURST_TASKS} completed" in text


def test_overload_that_rejects_nothing_is_a_failure() -> None:
    with pytest.raises(CommandFailed, match="caused no overload"):
        overload(ScriptedClient(lambda client, number, future: future.set_result(number)))


def test_overload_without_recovery_is_a_failure() -> None:
    def never_again(client: ScriptedClient, number: int, future: Future[Any]) -> None:
        if client.retries == 0 and number >= 20:
            future.set_exception(full())
        else:
            future.set_result(number)

    with pytest.raises(CommandFailed, match="did not recover"):
        overload(ScriptedClient(never_again))


def test_task_that_ends_otherwise_is_a_failure() -> None:
    def odd(client: ScriptedClient, number: int, future: Future[Any]) -> None:
        future.set_exception(ValueError("odd"))

    with pytest.raises(CommandFailed, match="task 0 ended in an unexpected way: odd"):
        overload(ScriptedClient(odd))


def test_task_without_an_answer_is_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trouble, "WAIT_S", 0.01)
    with pytest.raises(CommandFailed, match="had no answer"):
        overload(ScriptedClient(lambda client, number, future: None))


# --- act 3 ------------------------------------------------------------------------------------------------------------


def killer(client: ScriptedClient, *lost: int) -> Callable[[], None]:
    """What kills node-b: the tasks it had are lost, and the others go on."""

    def kill() -> None:
        client.nodes.pop()
        for number, future in enumerate(client.futures):
            if number in lost:
                future.set_exception(TaskLost("gone", node="node-b", attempt=1))
            elif not future.done():
                future.set_result(number)

    return kill


def under_way(client: ScriptedClient, number: int, future: Future[Any]) -> None:
    if number < 10:
        future.set_result(number)


def test_kill_names_every_lost_task_and_counts_the_rest(capsys: pytest.CaptureFixture[str]) -> None:
    client = ScriptedClient(under_way)
    kill_a_node(client, killer(client, 17, 23))
    text = capsys.readouterr().out
    assert "task 17: lost with node-b, may have run: unknown" in text
    assert "task 23: lost with node-b, may have run: unknown" in text
    assert f"completed: {JOB_TASKS - 2} of {JOB_TASKS}" in text
    assert "nodes in the cluster now: node-a" in text


def test_kill_that_loses_nothing_is_a_failure() -> None:
    client = ScriptedClient(under_way)
    with pytest.raises(CommandFailed, match="no task was reported as lost"):
        kill_a_node(client, killer(client))


def test_kill_waits_until_every_node_is_busy() -> None:
    client = ScriptedClient(lambda client, number, future: future.set_result(number))
    client.nodes[1]["in_flight"] = 0
    with pytest.raises(CommandFailed, match="over before every node had a part"):
        kill_a_node(client, killer(client))
