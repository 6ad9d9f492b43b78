"""The demo's first act: every Python file of the standard library, measured on the cluster.

In: a client. Out: a progress bar, and a table of what was found. The files are read here and their source
travels, as it would if the nodes were other machines.
"""

from __future__ import annotations

import sysconfig
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Protocol

from argon.cli.demo.code_measure import FileMeasure, FunctionMeasure, measure_source
from argon.cli.progress import Advance, progress_of
from argon.cli.terminal import say, show_table

TIME_LIMIT_S = 36.0
"""On a slow machine the act ends after so long, and says how many files were left."""

TOP = 10
NOT_PART_OF_IT = {"site-packages", "dist-packages", "__pycache__"}


class Mapper(Protocol):
    """The part of a client that this act needs."""

    def map(
        self, function: Callable[[str, bytes], FileMeasure], names: Iterable[str], sources: Iterable[bytes], /
    ) -> Iterator[FileMeasure]: ...


def measure_library(client: Mapper, root: Path | None = None) -> list[FileMeasure]:
    """Measures all files under a directory, by default the standard library, and prints what it found."""
    root = Path(sysconfig.get_path("stdlib")) if root is None else root
    files = python_files(root)
    say(f"\nAct 1: parse and measure the {len(files)} Python files under {root}.\n")
    begin = time.monotonic()
    with progress_of("measured", len(files)) as advance:
        measures = measured(client, root, files, advance, begin + TIME_LIMIT_S)
    seconds = time.monotonic() - begin
    report(measures, len(files) - len(measures), seconds)
    return measures


def python_files(root: Path) -> list[Path]:
    """The files, in the same order everywhere."""
    return sorted(file for file in root.rglob("*.py") if file.is_file() and not NOT_PART_OF_IT.intersection(file.parts))


def measured(
    client: Mapper, root: Path, files: Sequence[Path], advance: Advance, until: float = float("inf")
) -> list[FileMeasure]:
    """Has the files measured; those that are not done at the time `until` (monotonic) are left out."""
    names = (file.relative_to(root).as_posix() for file in files)
    sources = (file.read_bytes() for file in files)
    found = []
    results = client.map(measure_source, names, sources)
    for measure in results:
        found.append(measure)
        advance(1)
        if time.monotonic() > until:
            break
    return found


def report(measures: Sequence[FileMeasure], left: int, seconds: float) -> None:
    """Prints the tables."""
    functions = [function for measure in measures for function in measure.functions]
    show_totals(measures, functions, seconds)
    if left:
        say(f"\nStopped after {seconds:.0f} s: {left} files were not measured.")
    by_complexity = sorted(functions, key=lambda function: (-function.complexity, function.file, function.line))
    by_length = sorted(functions, key=lambda function: (-function.lines, function.file, function.line))
    show_ranking("The most complex functions", by_complexity[:TOP])
    show_ranking("The longest functions", by_length[:TOP])
    broken = [(measure.file, measure.error) for measure in measures if measure.error]
    if broken:
        show_table(broken, header=("file", "why"), title=f"Files that do not parse: {len(broken)}", left=(0, 1))


def show_totals(measures: Sequence[FileMeasure], functions: Sequence[FunctionMeasure], seconds: float) -> None:
    rows = [
        ("files", f"{len(measures):,}"),
        ("that do not parse", f"{sum(bool(measure.error) for measure in measures):,}"),
        ("lines", f"{sum(measure.lines for measure in measures):,}"),
        ("classes", f"{sum(measure.classes for measure in measures):,}"),
        ("functions", f"{len(functions):,}"),
    ]
    if functions:
        mean = sum(function.complexity for function in functions) / len(functions)
        rows.append(("mean complexity of a function", f"{mean:.2f}"))
    show_table([*rows, ("seconds", f"{seconds:.1f}")], title="Total")


def show_ranking(title: str, functions: Sequence[FunctionMeasure]) -> None:
    rows = [
        (function.name, str(function.complexity), str(function.lines), f"{function.file}:{function.line}")
        for function in functions
    ]
    show_table(rows, header=("function", "complexity", "lines", "where"), title=title, left=(0, 3))
