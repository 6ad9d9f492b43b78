"""Tables of state machines: which moves they allow, and that the page of states shows them."""

from __future__ import annotations

import importlib
import pkgutil

import pytest

import argon.scheduling
from argon.scheduling.transitions import ANY, NONE, InvalidTransition, State, Transition, Transitions
from tests.support.state_tables import PAGE, drawn_page, states_table, transitions_table

OPEN, SHUT, LOCKED = range(3)
DOOR = Transitions(
    "door",
    (State("OPEN", "in the wall"), State("SHUT", "there too"), State("LOCKED", "there too")),
    (
        Transition(NONE, "it is built", OPEN),
        Transition(OPEN, "a push", SHUT),
        Transition(SHUT, "a key", LOCKED, "for the night"),
        Transition(ANY, "a kick", OPEN),
        Transition(ANY, "a fire", NONE, "gone"),
    ),
)


@pytest.mark.parametrize(("state", "to"), [(OPEN, SHUT), (SHUT, LOCKED), (LOCKED, OPEN), (OPEN, OPEN)])
def test_move_that_the_table_has_gives_the_new_state(state: int, to: int) -> None:
    assert DOOR.move(state, to, 7) == to


@pytest.mark.parametrize(("state", "to"), [(OPEN, LOCKED), (LOCKED, SHUT), (SHUT, SHUT)])
def test_move_that_the_table_lacks_names_record_and_states(state: int, to: int) -> None:
    with pytest.raises(InvalidTransition) as caught:
        DOOR.move(state, to, 7)
    error = caught.value
    assert (error.record, error.number) == ("door", 7)
    assert (error.state, error.to) == (DOOR.states[state].name, DOOR.states[to].name)
    assert f"door 7 is {error.state} and cannot become {error.to}" in str(error)


def test_tables_are_drawn_row_by_row() -> None:
    assert states_table(DOOR).splitlines()[2:] == [
        "| OPEN | in the wall |",
        "| SHUT | there too |",
        "| LOCKED | there too |",
    ]
    assert transitions_table(DOOR).splitlines()[2:] == [
        "| – | it is built | OPEN |",
        "| OPEN | a push | SHUT |",
        "| SHUT | a key | LOCKED: for the night |",
        "| any | a kick | OPEN |",
        "| any | a fire | gone |",
    ]


def test_page_of_states_shows_every_table_as_it_is() -> None:
    page = PAGE.read_text("utf-8")
    assert drawn_page(page) == page, "run python -m tests.support.state_tables"
    for found in pkgutil.walk_packages(argon.scheduling.__path__, "argon.scheduling."):
        if hasattr(importlib.import_module(found.name), "TRANSITIONS"):
            assert f"<!-- transitions of {found.name} -->" in page, f"{PAGE.name} does not show {found.name}"
