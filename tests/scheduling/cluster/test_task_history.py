"""What is kept of a task: a new one knows only who has submitted it and when, and no room that decides reads it."""

from __future__ import annotations

import ast
from pathlib import Path

import argon.scheduling.cluster
from argon.scheduling.cluster.task_history import Attempt, TaskHistory


def test_history_of_a_new_task_has_no_forecast_no_attempt_and_no_end() -> None:
    history = TaskHistory(3, 100.0)
    assert (history.client, history.submitted_at) == (3, 100.0)
    assert (history.forecast, history.attempt(), history.returned) == (None, None, None)
    assert history.status < 0


def test_attempt_has_not_ended_at_first() -> None:
    attempt = Attempt(
        node="a",
        choice=0,
        free_nodes=1,
        predicted_run_s=None,
        measured_there=False,
        predicted_wait_s=0.0,
        next_node=None,
        next_predicted_s=None,
    )
    assert attempt.end is None


def test_no_room_but_the_decision_log_reads_a_history() -> None:
    for path in Path(argon.scheduling.cluster.__path__[0]).glob("*.py"):
        if path.name == "decision_log.py":
            continue
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Attribute):
                read = node.value.attr == "history" and isinstance(node.ctx, ast.Load)
                assert not read, f"{path.name}:{node.lineno}: reads task.history.{node.attr}, which decides nothing"
