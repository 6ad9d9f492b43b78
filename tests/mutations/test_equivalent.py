"""The list of mutations that change nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.mutations import equivalent
from tests.mutations.equivalent import entries, stale, why_equivalent
from tests.mutations.operators import mutations

LIST = Path(equivalent.__file__).with_suffix(".txt")
ENTRY = "# Mutations.\n\nnet/a.py\n  was: a = b > 0\n  now: a = b >= 0\n  why: never 0\n"


def test_entry_is_found_by_its_file_its_line_and_the_change() -> None:
    source = "a = (\n    b\n    > 0\n)\n"
    mutation = next(one for one in mutations("net/a.py", "a = b > 0\n") if one.kind == "comparison")
    assert why_equivalent(entries(ENTRY), mutation, "a = b > 0\n") == "never 0"
    other = next(one for one in mutations("net/a.py", source) if one.kind == "comparison")
    assert why_equivalent(entries(ENTRY), other, source) == ""


def test_entry_may_name_the_line_before() -> None:
    source = "for a in b:\n    if a:\n\n        break\n    break\n"
    listed = entries("net/a.py\n  after: if a:\n  was: break\n  now: continue\n  why: so\n")
    found = [one for one in mutations("net/a.py", source) if one.kind == "jump"]
    assert [why_equivalent(listed, one, source) for one in found] == ["so", ""]
    assert stale(listed, {"net/a.py": source}) == []
    assert stale(listed, {"net/a.py": source.replace("if a", "if b")}) == list(listed)


def test_what_is_no_entry_is_named() -> None:
    with pytest.raises(ValueError, match=r"net/b\.py"):
        entries(ENTRY + "\nnet/b.py\n  was: a\n")


def test_entry_whose_line_is_gone_is_stale() -> None:
    assert stale(entries(ENTRY), {"net/a.py": "if x:\n    a = b > 0\n"}) == []
    assert stale(entries(ENTRY), {"net/a.py": "a = b > 1\n"}) == list(entries(ENTRY))
    assert stale(entries(ENTRY), {}) == list(entries(ENTRY))


def test_spaces_of_an_entry_do_not_count() -> None:
    source = "a = 1  # once\n"
    listed = entries("net/a.py\n  was: a = 1  # once\n  now: a = 2  # once\n  why: so\n")
    (mutation,) = mutations("net/a.py", source)
    assert why_equivalent(listed, mutation, source) == "so"
    assert stale(listed, {"net/a.py": source}) == []


def test_the_list_can_be_read() -> None:
    assert all(entries(LIST.read_text("utf-8")).values())
