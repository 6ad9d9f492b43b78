"""The real state machines, joined by lists: what they say is on the page, and can be played again."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from argon.settings import Priority
from tests.transcript.page import PAGE, renewed
from tests.transcript.scenes import SCENES
from tests.transcript.stage import Stage, play

TASKS = 300


def test_page_says_what_the_state_machines_say() -> None:
    text = PAGE.read_text("utf-8")
    assert renewed(text) == text, "renew the page with `python -m tests.transcript.page`, and read what has changed"


def test_page_without_a_place_for_a_scene_is_named() -> None:
    with pytest.raises(KeyError, match="no place for the transcript done"):
        renewed("# An empty page")


@pytest.mark.parametrize("scene", SCENES)
def test_lines_fit_the_page(scene: Callable[[], Stage]) -> None:
    assert [line for line in scene().lines if len(line) > 112] == []


@pytest.mark.parametrize("scene", SCENES)
def test_recorded_events_replay_to_the_same_effects(scene: Callable[[], Stage]) -> None:
    stage = scene()
    assert play(stage, stage.events) == stage.effects
    assert len(stage.effects) > 10


def test_recorded_events_of_a_busy_run_replay_to_the_same_effects() -> None:
    stage = Stage(queue_limit=4)
    for node in ("one", "two"):
        stage.node(node, workers=2)
    stage.client("first")
    stage.client("second")
    for number in range(TASKS):
        client = ("first", "second")[number % 2]
        task = stage.submit(client, priority=Priority(number % 5), timeout_s=1.0 if number % 3 else None)
        if number % 7 == 0:
            stage.cancel(client, task)
        for node, worker in stage.busy_workers()[:2]:
            stage.finish(node, worker)
        stage.wait(0.001)
    assert play(stage, stage.events) == stage.effects
    assert len(stage.effects) > 4 * TASKS


def test_replay_of_other_events_has_other_effects() -> None:
    stage = SCENES[0]()
    assert play(stage, stage.events[:-1]) != stage.effects
