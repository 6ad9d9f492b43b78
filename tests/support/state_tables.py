"""Draws the tables of docs/design/states.md from the tables in the code.

The page has a pair of comments around each table; what stands between them is drawn:

    <!-- states of argon.scheduling.cluster.task -->
    <!-- end -->
    <!-- transitions of argon.scheduling.cluster.task -->
    <!-- end -->

`python -m tests.support.state_tables` writes the page anew.
"""

from __future__ import annotations

import re
from importlib import import_module
from pathlib import Path

from argon.scheduling.transitions import ANY, NONE, Transitions

PAGE = Path(__file__).resolve().parents[2] / "docs" / "design" / "states.md"
MARKED = re.compile(r"(<!-- (states|transitions) of ([\w.]+) -->\n).*?(<!-- end -->)", re.DOTALL)


def states_table(table: Transitions) -> str:
    """The states and where such a record is found."""
    return "| state | where it is |\n|---|---|\n" + "".join(f"| {name} | {where} |\n" for name, where in table.states)


def transitions_table(table: Transitions) -> str:
    """The transitions, row by row."""
    names = {NONE: "–", ANY: "any", **{number: state.name for number, state in enumerate(table.states)}}
    drawn = "| from | cause | to |\n|---|---|---|\n"
    for state, cause, to, note in table.rows:
        target = ": ".join(part for part in ("" if to == NONE and note else names[to], note) if part)
        drawn += f"| {names[state]} | {cause} | {target} |\n"
    return drawn


def drawn_page(page: str) -> str:
    """The page with each of its tables drawn anew."""

    def drawn(found: re.Match[str]) -> str:
        opening, kind, module, end = found.groups()
        table = import_module(module).TRANSITIONS
        return opening + (states_table if kind == "states" else transitions_table)(table) + end

    return MARKED.sub(drawn, page)


if __name__ == "__main__":
    PAGE.write_text(drawn_page(PAGE.read_text("utf-8")), "utf-8")
