"""The mutations that change nothing, each with the reason: ``equivalent.txt``.

An entry names the file, the line as it is and as the mutation makes it, and says why nobody can tell the difference.
Where the file has the line several times, the entry also names the line before it:

    net/channel.py
      after: for channel in channels:
      was: if waiting > 0:
      now: if waiting != 0:
      why: a count is never negative
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple

from tests.mutations.operators import Mutation

_ENTRY = re.compile(r"^(\S+\.py)\n(?:  after: (.+)\n)?  was: (.+)\n  now: (.+)\n  why: (.+)$", re.MULTILINE)


class Change(NamedTuple):
    """What an entry says of a mutation.

    Attributes:
        path: the file, below ``src/argon``.
        after: the line before; empty for any.
        was: the lines that it changes, joined.
        now: what it makes of them.
    """

    path: str
    after: str
    was: str
    now: str


def entries(text: str) -> dict[Change, str]:
    """What the file lists, with the reasons.

    Raises:
        ValueError: something in it is no entry.
    """
    found = {
        Change(path, *(_joined([part]) for part in (after, was, now))): why
        for path, after, was, now, why in _ENTRY.findall(text)
    }
    rest = [line for line in _ENTRY.sub("", text).splitlines() if line.strip() and not line.startswith("#")]
    if rest:
        raise ValueError(f"this is no entry: {rest[0]!r}")
    return found


def change(mutation: Mutation, source: str) -> Change:
    """A mutation, as an entry would name it."""
    before, after = source.splitlines(), mutation.apply(source).splitlines()
    lines = slice(mutation.line - 1, mutation.last_line)
    above = [line for line in before[: mutation.line - 1] if line.strip()][-1:]
    return Change(mutation.path, _joined(above), _joined(before[lines]), _joined(after[lines]))


def why_equivalent(listed: Mapping[Change, str], mutation: Mutation, source: str) -> str:
    """Why nobody can tell a mutation from the original; empty if it is not listed."""
    asked = change(mutation, source)
    return listed.get(asked) or listed.get(asked._replace(after="")) or ""


def stale(listed: Mapping[Change, str], sources: Mapping[str, str]) -> list[Change]:
    """The entries whose line is no more."""
    texts = {path: _joined(source.splitlines()) for path, source in sources.items()}
    return [one for one in listed if f"{one.after} {one.was}".strip() not in texts.get(one.path, "")]


def _joined(lines: list[str]) -> str:
    return " ".join(" ".join(lines).split())
