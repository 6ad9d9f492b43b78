"""The Markdown pages, held to the rules of prose: lines are short, and a thing is called by the one word for it.

In: every Markdown file of the repository. Out: failures that name the line, what is wrong with it, and what to write.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
FOLDERS = ("benchmarks", "docs", "examples", "src", "tests")
PAGES = sorted([*ROOT.glob("*.md"), *(page for folder in FOLDERS for page in (ROOT / folder).rglob("*.md"))])

LINE_CHARS = 120
ROW_CHARS = 160
"""Of a row of a table, which cannot be broken."""

OF_THE_PAST = ("CHANGELOG.md", "docs/decisions/")
"""Pages that say what was, in the words of their day."""

WORDS = (
    (r"corridors?", "state machine"),
    (r"knock(s|ed|ing)?", "retry probe"),
    (r"husks?", "tombstone"),
    (r"unbegun", "not started"),
    (r"laden", "has prefetched tasks"),
    (r"wardens?", "reaper"),
    (r"gr[ae]y", "outlier, on probation"),
    (r"(un)?invit(e|es|ed|ing|ations?)", "credit offer"),
    (r"guests?", "the client to offer credits to"),
    (r"doom(s|ed)?", "ends as"),
    (r"census", "checker"),
    (r"errands?", "task"),
    (r"faces?", "client API"),
    (r"doors?", "admission"),
    (r"ledgers?", "counters"),
    (r"journals?", "decision log"),
    (r"departures?", "shutdown"),
    (r"outflow", "slow readers"),
    (r"restraints?", "send window"),
    (
        r"(line|queue)s?\s+(that\s+)?(may\s+)?(stands?|stood)",
        "blocked, or a standing queue",
    ),
    (r"(work|room|sent|sends?|gives?|given|goes|put)\s+ahead", "prefetch, prefetched"),
    (r"an\s+eighth", "12.5 %"),
    (r"a\s+fiftieth", "2 %"),
    (r"kinds?\s+of\s+tasks?", "function"),
    (r"liv(e|es|ed|ing)\s+through", "runs a scenario"),
    (r"(simulated|little|small)\s+worlds?", "scenario"),
)


def long_lines(text: str) -> list[str]:
    """What is wrong with the length of a page's lines. A line without a space to break it at may be longer."""
    wrong = []
    for number, line in enumerate(text.splitlines(), 1):
        limit = ROW_CHARS if line.startswith("|") else LINE_CHARS
        breakable = " " in re.sub(r"^\s*([-*]|\d+\.)?\s+", "", line)
        if len(line) > limit and breakable:
            wrong.append(f"line {number} has {len(line)} characters, and may have {limit}")
    return wrong


def words_of_our_own(text: str) -> list[str]:
    """Which words of a page are not the ones to write, and which are. A phrase may be broken over two lines."""
    return [
        f"line {text.count(chr(10), 0, found.start()) + 1} says '{found[0]}': write {instead}"
        for pattern, instead in WORDS
        for found in re.finditer(rf"\b(?:{pattern})\b", text, re.IGNORECASE)
    ]


def name(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_lines_of_a_page_are_short(page: Path) -> None:
    assert not long_lines(page.read_text("utf-8"))


@pytest.mark.parametrize("page", [page for page in PAGES if not name(page).startswith(OF_THE_PAST)], ids=name)
def test_words_of_a_page_are_those_of_the_field(page: Path) -> None:
    assert not words_of_our_own(page.read_text("utf-8"))


def test_pages_are_found() -> None:
    assert {"README.md", "docs/guide/overload.md", "tests/simulation/README.md"} <= {name(page) for page in PAGES}


@pytest.mark.parametrize(
    "line",
    [
        "word " * 25,
        "* " + "word " * 25,
        "    argon simulate " + "--nodes 1 " * 12,
        "| " + "cell " * 32 + "|",
    ],
)
def test_line_that_is_too_long_is_found(line: str) -> None:
    assert long_lines(f"# A page\n\n{line}\n") == [
        f"line 3 has {len(line)} characters, and may have {160 if line[0] == '|' else 120}"
    ]


@pytest.mark.parametrize("line", ["word " * 24, "| " + "cell " * 31 + "|", "  * " + "x" * 150])
def test_line_that_is_short_or_cannot_be_broken_is_left_alone(line: str) -> None:
    assert not long_lines(line)


@pytest.mark.parametrize(
    ("sentence", "found", "instead"),
    [
        ("The Corridor of the node decides.", "Corridor", "state machine"),
        ("The client knocks.", "knocks", "retry probe"),
        ("The heap keeps a husk.", "husk", "tombstone"),
        ("It is given back unbegun.", "unbegun", "not started"),
        ("A laden node waits.", "laden", "has prefetched tasks"),
        ("The warden ends it.", "warden", "reaper"),
        ("A grey node rests.", "grey", "outlier, on probation"),
        ("The cluster sends an invitation.", "invitation", "credit offer"),
        ("The guest may send.", "guest", "the client to offer credits to"),
        ("The task is doomed.", "doomed", "ends as"),
        ("The census counts.", "census", "checker"),
        ("Each errand ends.", "errand", "task"),
        ("Both faces have it.", "faces", "client API"),
        ("It is rejected at the door.", "door", "admission"),
        ("The ledger adds up.", "ledger", "counters"),
        ("The journal forgets.", "journal", "decision log"),
        ("The departure begins.", "departure", "shutdown"),
        ("The outflow looks.", "outflow", "slow readers"),
        ("`Restraint` has a budget.", "Restraint", "send window"),
        ("The whole line\nstands.", "line\nstands", "blocked, or a standing queue"),
        ("One task is sent ahead.", "sent ahead", "prefetch, prefetched"),
        ("It has an eighth of the work.", "an eighth", "12.5 %"),
        ("A fiftieth at least.", "A fiftieth", "2 %"),
        ("Two kinds of task.", "kinds of task", "function"),
        ("It lives through a load.", "lives through", "runs a scenario"),
        ("A simulated world.", "simulated world", "scenario"),
    ],
)
def test_word_of_our_own_is_found(sentence: str, found: str, instead: str) -> None:
    assert words_of_our_own(f"# A page\n\n{sentence}\n") == [f"line 3 says '{found}': write {instead}"]


def test_every_word_has_a_sentence_that_breaks_the_rule() -> None:
    marks = [mark for mark in getattr(test_word_of_our_own_is_found, "pytestmark", ()) if mark.name == "parametrize"]
    assert {instead for _, _, instead in marks[0].args[1]} == {instead for _, instead in WORDS}


def test_words_of_the_field_are_left_alone() -> None:
    assert not words_of_our_own("A blocked backlog, a standing queue, an interface, `test_doors.py`, what was ahead.")
