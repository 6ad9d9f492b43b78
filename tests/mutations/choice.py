"""Which mutations are drawn, and which tests may feel one, in which order.

In: a seed; what may be changed; which tests run which lines. Out: mutations and lists of tests. Equal seeds on equal
sources give equal mutations.
"""

from __future__ import annotations

import random
import re
from collections.abc import Collection, Iterable, Mapping
from pathlib import PurePosixPath
from typing import Final

from tests.mutations.line_map import LineMap, file_of
from tests.mutations.operators import Mutation

_OF_DEFINITIONS: Final = ("tests/test_docstrings.py", "tests/test_readme.py")  # they compare constants with documents


def draw(seed: int, count: int, found: Iterable[Mutation]) -> list[Mutation]:
    """Draws so many mutations, or all there are; each kind is as likely as another as long as it has some left."""
    rng = random.Random(seed)
    left: dict[str, list[Mutation]] = {}
    for mutation in found:
        left.setdefault(mutation.kind, []).append(mutation)
    drawn: list[Mutation] = []
    while left and len(drawn) < count:
        kind = rng.choice(sorted(left))
        drawn.append(left[kind].pop(rng.randrange(len(left[kind]))))
        if not left[kind]:
            del left[kind]
    return drawn


def may_feel(mutation: Mutation, sources: Mapping[str, str], known: LineMap) -> list[str]:
    """The tests that run what is changed, in the order in which they are run.

    Where no test runs the line, those count that run its function, and those of the file's own test file. A line of a
    module or a class runs when it is imported, and so no test runs it: those count that run a line with its name.
    """
    own = own_tests(mutation.path, known)
    if mutation.function is None:
        tests = own | _users(mutation, sources, known)
        for file in _OF_DEFINITIONS:
            tests |= known.of_file(file)
        return in_order(tests, own, known.seconds)
    first, last = mutation.line, mutation.last_line
    if mutation.kind == "default":
        first, last = mutation.function
    tests = known.tests(mutation.path, first, last) or known.tests(mutation.path, *mutation.function) | own
    if mutation.kind == "default":
        tests |= known.of_file(_OF_DEFINITIONS[0])
    return in_order(tests, own, known.seconds)


def unrun(found: Iterable[Mutation], known: LineMap) -> list[Mutation]:
    """The mutations of lines in functions that no test runs, where it is traced."""
    return [
        mutation
        for mutation in found
        if mutation.function is not None
        and mutation.kind != "default"
        and not known.tests(mutation.path, mutation.line, mutation.last_line)
    ]


def own_tests(path: str, known: LineMap) -> set[str]:
    """The tests of ``test_NAME.py`` and ``test_NAME_SUBJECT.py`` in the folder that mirrors the source's."""
    file = PurePosixPath("tests") / path
    own = re.compile(rf"{re.escape(str(file.with_name('test_' + file.stem)))}(_\w+)?\.py")
    return {test for test in known.seconds if own.fullmatch(file_of(test))}


def in_order(tests: Collection[str], own: Collection[str], seconds: Mapping[str, float]) -> list[str]:
    """Own tests first, the fastest first; then the others, file by file, those that take least first."""
    totals: dict[str, float] = {}
    for test in tests:
        totals[file_of(test)] = totals.get(file_of(test), 0.0) + seconds[test]
    return sorted(
        tests, key=lambda test: (test not in own, 0.0 if test in own else totals[file_of(test)], seconds[test], test)
    )


def _users(mutation: Mutation, sources: Mapping[str, str], known: LineMap) -> set[str]:
    """The tests that run a line on which one of the names stands that the mutated line defines."""
    defined = re.match(r"\s*(\w+)\s*(?::[^=]+)?=", sources[mutation.path].splitlines()[mutation.line - 1])
    if defined is None:
        return known.tests(mutation.path, 1, sources[mutation.path].count("\n") + 1)
    word = re.compile(rf"\b{defined[1]}\b")
    return {
        test
        for path, source in sources.items()
        if word.search(source)
        for number, line in enumerate(source.splitlines(), 1)
        if word.search(line)
        for test in known.tests(path, number, number)
    }
