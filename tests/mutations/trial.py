"""Whether a mutation is felt.

In: a copy of the repository, a mutation, the tests that may feel it. Out: the verdict. A test that fails is run again
by itself: one that fails only now and then has felt nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from tests.mutations.keeper import TIME_IS_UP
from tests.mutations.line_map import LineMap, file_of
from tests.mutations.tree import USAGE, Ended

_START_S: Final = 60.0
_SLOWER: Final = 4.0  # the machine may be busy

Run = Callable[[Sequence[str], float], Ended]


@dataclass(frozen=True)
class Verdict:
    """How a mutation fared.

    Attributes:
        killed_by: the test that feels it, or what else did; empty if it survived.
        tests: how many tests were to feel it.
    """

    killed_by: str
    tests: int


def verdict(run: Run, tests: Sequence[str], known: LineMap) -> Verdict:
    """Runs the tests until one feels the mutation that is in place."""
    left = list(tests)
    while left:
        limit_s = _START_S + _SLOWER * sum(known.seconds.get(test, 0.0) for test in left)
        ended = run(left, limit_s)
        if ended.status == USAGE and not ended.failed:  # names of tests may contain what was changed
            files = list(dict.fromkeys(map(file_of, left)))
            if files == left:
                raise RuntimeError(f"pytest finds none of {files}")
            left = files
            continue
        if ended.status == TIME_IS_UP:
            return Verdict("the time limit", len(tests))
        failed = ended.failed
        if not failed:
            return Verdict(f"exit status {ended.status}" if ended.status else "", len(tests))
        if run([failed], limit_s).status:
            return Verdict(failed, len(tests))
        if failed not in left:
            return Verdict("", len(tests))
        left = left[left.index(failed) + 1 :]
    return Verdict("", len(tests))
