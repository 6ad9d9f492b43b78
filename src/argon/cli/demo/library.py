"""The demo's first act: every Python file of the standard library, measured on the cluster.

In: a client and a console. Out: a progress bar, and a table of what was found. The files are read here and their source
travels, as it would if the nodes were other machines.
"""

from __future__ import annotations

import sysconfig
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from argon.cli.demo.code_measure import FileMeasure, FunctionMeasure, measure_source
from argon.cli.progress import Advance, progress_of

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

TIME_LIMIT_S = 36.0
"""On a slow machine the act ends after so long, and says how many files were left."""

TOP = 10
NOT_PART_OF_IT = {"site-packages", "dist-packages", "__pycache__"}


class Mapper(Protocol):
    """The part of a client that this act needs."""

    def map(
        self, function: Callable[[str, bytes], FileMeasure], names: Iterable[str], sources: Iterable[bytes], /
    ) -> Iterator[FileMeasure]: ...


def measure_library(client: Mapper, console: Console, root: Path | None = None) -> list[FileMeasure]:
    """Measures all files under a directory, by default the standard library, and prints what it found."""
    root = Path(sysconfig.get_path("stdlib")) if root is None else root
    files = python_files(root)
    console.print(
        f"\nAct 1: parse and measure the {len(files)} Python files under {root}.\n", markup=False, soft_wrap=True
    )
    begin = time.monotonic()
    with progress_of(console, "measured", len(files)) as advance:
        measures = measured(client, root, files, advance, begin + TIME_LIMIT_S)
    seconds = time.monotonic() - begin
    report(measures, len(files) - len(measures), seconds, console)
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


def report(measures: Sequence[FileMeasure], left: int, seconds: float, console: Console) -> None:
    """Prints the tables."""
    functions = [function for measure in measures for function in measure.functions]
    console.print(totals(measures, functions, seconds))
    if left:
        console.print(f"Stopped after {seconds:.0f} s: {left} files were not measured.\n")
    by_complexity = sorted(functions, key=lambda function: (-function.complexity, function.file, function.line))
    by_length = sorted(functions, key=lambda function: (-function.lines, function.file, function.line))
    console.print(ranking("The most complex functions", by_complexity[:TOP]))
    console.print(ranking("The longest functions", by_length[:TOP]))
    broken = [measure for measure in measures if measure.error]
    if broken:
        console.print(unparsed(broken))


def totals(measures: Sequence[FileMeasure], functions: Sequence[FunctionMeasure], seconds: float) -> Table:
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, title="In all", title_justify="left", show_header=False)
    table.add_column()
    table.add_column(justify="right")
    table.add_row("files", f"{len(measures):,}")
    table.add_row("that do not parse", f"{sum(bool(measure.error) for measure in measures):,}")
    table.add_row("lines", f"{sum(measure.lines for measure in measures):,}")
    table.add_row("classes", f"{sum(measure.classes for measure in measures):,}")
    table.add_row("functions", f"{len(functions):,}")
    if functions:
        mean = sum(function.complexity for function in functions) / len(functions)
        table.add_row("mean complexity of a function", f"{mean:.2f}")
    table.add_row("seconds", f"{seconds:.1f}")
    return table


def ranking(title: str, functions: Sequence[FunctionMeasure]) -> Table:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, title=title, title_justify="left")
    table.add_column("function", overflow="fold")
    table.add_column("complexity", justify="right")
    table.add_column("lines", justify="right")
    table.add_column("where", overflow="fold")
    for function in functions:
        where = Text(f"{function.file}:{function.line}")
        table.add_row(Text(function.name), str(function.complexity), str(function.lines), where)
    return table


def unparsed(broken: Sequence[FileMeasure]) -> Table:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    title = f"Files that do not parse: {len(broken)}"
    table = Table(box=box.SIMPLE_HEAD, title=title, title_justify="left")
    table.add_column("file", overflow="fold")
    table.add_column("why", overflow="fold")
    for measure in broken:
        table.add_row(Text(measure.file), Text(measure.error))
    return table
