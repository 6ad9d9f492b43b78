"""The mutations that change nothing, each with the reason: ``equivalent.txt``.

An entry names the file, the line as it is and as the mutation makes it, and says why nobody can tell the difference:

    net/channel.py
      was: if waiting > 0:
      now: if waiting != 0:
      why: a count is never negative
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TypeAlias

from tests.mutations.operators import Mutation

Key: TypeAlias = tuple[str, str, str]

_ENTRY = re.compile(r"^(\S+\.py)\n  was: (.+)\n  now: (.+)\n  why: (.+)$", re.MULTILINE)


def entries(text: str) -> dict[Key, str]:
    """What the file lists, with the reasons.

    Raises:
        ValueError: something in it is no entry.
    """
    found = {(path, was, now): why for path, was, now, why in _ENTRY.findall(text)}
    rest = [line for line in _ENTRY.sub("", text).splitlines() if line.strip() and not line.startswith("#")]
    if rest:
        raise ValueError(f"this is no entry: {rest[0]!r}")
    return found


def key(mutation: Mutation, source: str) -> Key:
    """What an entry says of a mutation: the lines that it changes, joined, before and after."""
    before, after = source.splitlines(), mutation.apply(source).splitlines()
    lines = slice(mutation.line - 1, mutation.last_line)
    return mutation.path, _joined(before[lines]), _joined(after[lines])


def stale(listed: Mapping[Key, str], sources: Mapping[str, str]) -> list[Key]:
    """The entries whose line is no more."""
    texts = {path: _joined(source.splitlines()) for path, source in sources.items()}
    return [one for one in listed if one[1] not in texts.get(one[0], "")]


def _joined(lines: list[str]) -> str:
    return " ".join(" ".join(lines).split())
