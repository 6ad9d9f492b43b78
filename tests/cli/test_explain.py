"""`argon explain` says what became of a task, in a few lines or as JSON."""

from __future__ import annotations

import doctest
import json
from typing import Any

import pytest

from argon.cli import explain
from tests.cli.conftest import Run
from tests.cli.fakes import EXPLANATION, FakeClient

REJECTION: dict[str, Any] = {
    "times": 3,
    "reason": "DEADLINE",
    "retry_after_s": 0.4,
    "forecast": {
        "size_bytes": 38,
        "timeout_s": 0.1,
        "run_s": 0.3,
        "wait_s": 1.5,
        "may_wait_s": None,
        "queue_length": 1,
        "queue_bytes": 45,
        "work_s": 3.0,
        "workers": 2,
        "nodes": 1,
        "outstanding": 1,
        "allowance": 3,
    },
}


def text_of(argon: Run, monkeypatch: pytest.MonkeyPatch, **changes: Any) -> dict[str, str]:
    """What is printed of an explanation with these changes, by label."""
    monkeypatch.setattr(FakeClient, "explain", lambda self, task_id: {**EXPLANATION, "task": task_id, **changes})
    ran = argon("explain", "3.17")
    assert (ran.status, ran.err) == (0, "")
    return {line[:10].rstrip(): line[11:] for line in ran.out.splitlines()}


def test_examples_of_the_docstrings_hold() -> None:
    assert doctest.testmod(explain).failed == 0


def test_json_is_what_the_cluster_said(argon: Run, fake_client: type[FakeClient]) -> None:
    ran = argon("explain", "3.17", "--json")
    assert ran.status == 0
    assert json.loads(ran.out) == EXPLANATION


def test_text_tells_the_whole_way_of_a_task(
    argon: Run, fake_client: type[FakeClient], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert text_of(argon, monkeypatch) == {
        "task": "3.17: completed",
        "submitted": "2.50 s ago, NORMAL, 45 bytes, timeout 9.00 s, idempotent",
        "ahead": "1 task in the queue, 300 ms of work for 2 workers, 4 tasks with nodes already: 150 ms predicted",
        "waited": "603 ms",
        "attempt 1": "node-a: prefetched; nodes with a free worker: 0; this function was not measured before; "
        "predicted wait there: 20 ms; came back: it had not started there",
        "attempt 2": "node-b: free worker; nodes with a free worker: 3; predicted run time: 300 ms, measured there; "
        "second best: node-c, 400 ms predicted",
        "ran": "310 ms; predicted: 300 ms",
        "answered": "920 ms after it was submitted",
    }


@pytest.mark.parametrize(
    ("ran", "said"), [("no", ", it did not run"), ("yes", ", it had started"), ("unknown", ", it may have run")]
)
def test_text_of_a_failure_says_whether_it_ran(
    argon: Run, fake_client: type[FakeClient], monkeypatch: pytest.MonkeyPatch, ran: str, said: str
) -> None:
    assert text_of(argon, monkeypatch, state="lost", may_have_run=ran)["task"] == f"3.17: lost{said}"


def test_text_of_a_task_whose_function_was_not_found_says_that_it_was_loaded_and_not_that_it_ran(
    argon: Run, fake_client: type[FakeClient], monkeypatch: pytest.MonkeyPatch
) -> None:
    text = text_of(argon, monkeypatch, state="failed", may_have_run="no", run_s=0.142)
    assert text["task"] == "3.17: failed, it did not run"
    assert text["loading"] == "took 142 ms; its function was not called"
    assert "ran" not in text


def test_text_of_a_queued_task_says_what_waits(
    argon: Run, fake_client: type[FakeClient], monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = dict.fromkeys(["run_s", "answered_after_s", "may_have_run"])
    waiting = {"waiting_now": {"HIGH": 2, "NORMAL": 3}, "own_waiting_now": 1}
    text = text_of(argon, monkeypatch, state="queued", attempts=[], attempt=0, **gone, **waiting)
    assert text["queue now"] == "2 HIGH, 3 NORMAL; 1 of these from the same client"
    assert not {"ran", "answered", "attempt 1"} & set(text)


def test_text_of_a_task_that_has_aged_tells_where_it_waited_and_why_its_turn_came(
    argon: Run, fake_client: type[FakeClient], monkeypatch: pytest.MonkeyPatch
) -> None:
    text = text_of(argon, monkeypatch, waited_s=0.02, waited_in_client_s=4.02, turn_by_age=True)
    assert text["waited"] == "20 ms, after 4.02 s in its client; its turn came by its age, before more urgent tasks"


def test_text_of_a_task_that_never_waited_says_so(
    argon: Run, fake_client: type[FakeClient], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert text_of(argon, monkeypatch, forecast=None)["ahead"] == "nothing: a node took it at once"


def test_text_of_a_task_whose_client_left_says_that_nobody_was_answered(
    argon: Run, fake_client: type[FakeClient], monkeypatch: pytest.MonkeyPatch
) -> None:
    text = text_of(argon, monkeypatch, answered_after_s=None, waited_s=None)
    assert text["answered"] == "no: its client had disconnected"
    assert "waited" not in text


def test_text_of_a_rejected_task_is_the_numbers_of_that_moment(
    argon: Run, fake_client: type[FakeClient], monkeypatch: pytest.MonkeyPatch
) -> None:
    nothing = dict.fromkeys(EXPLANATION)
    rejected = {**nothing, "attempts": [], "state": "rejected", "rejection": REJECTION}
    assert text_of(argon, monkeypatch, **{**rejected, "task": "3.17"}) == {
        "task": "3.17: rejected",
        "rejected": "DEADLINE, 3 times, the last: 1 task of 45 bytes in the queue; 3.00 s of work for 2 workers; "
        "1 node; its client had 1 task of the 3 that it may have; its payload had 38 bytes; "
        "time left of its timeout: 100 ms, predicted: wait 1.50 s and run time 300 ms",
    }


def test_text_of_a_task_that_would_have_waited_too_long_says_what_was_allowed(
    argon: Run, fake_client: type[FakeClient], monkeypatch: pytest.MonkeyPatch
) -> None:
    forecast = {**REJECTION["forecast"], "timeout_s": 0.0, "may_wait_s": 0.08}
    full = {**REJECTION, "reason": "QUEUE_FULL", "forecast": forecast}
    nothing = dict.fromkeys(EXPLANATION)
    text = text_of(argon, monkeypatch, **{**nothing, "attempts": [], "state": "rejected", "rejection": full})
    assert text["rejected"].endswith("predicted wait: 1.50 s, allowed: 80 ms")


@pytest.mark.parametrize("form", [[], ["--json"]])
def test_unknown_task_is_a_failure(
    argon: Run, fake_client: type[FakeClient], monkeypatch: pytest.MonkeyPatch, form: list[str]
) -> None:
    unknown = {"task": "9.9", "state": "unknown"}
    monkeypatch.setattr(FakeClient, "explain", lambda self, task_id: unknown)
    ran = argon("explain", "9.9", *form)
    assert ran.status == 1
    assert "does not know task 9.9: it was never submitted there, its own client rejected it, or it is no" in ran.err
    assert json.loads(ran.out or "{}") == (unknown if form else {})


@pytest.mark.parametrize("text", ["x", "3", "3.17.1", "3,17"])
def test_id_of_another_form_is_a_usage_error(argon: Run, fake_client: type[FakeClient], text: str) -> None:
    ran = argon("explain", text)
    assert ran.status == 2
    assert "SESSION.SEQUENCE" in ran.err
    assert not fake_client.made


# --- with real processes ----------------------------------------------------------------------------------------------


def test_live_task_is_explained_after_its_client_has_left(argon_process: Run, live_address: str) -> None:
    ran = argon_process("run", "--task-id", "--cluster", live_address, "math:sqrt", "4")
    assert (ran.status, ran.out) == (0, "2.0\n")
    task_id = ran.err.removeprefix("argon: task ").strip()
    explained = argon_process("explain", task_id, "--cluster", live_address)
    assert (explained.status, explained.err) == (0, "")
    assert explained.out.startswith(f"task       {task_id}: completed\n")
    assert "attempt 1  live: " in explained.out
