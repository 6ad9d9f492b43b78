"""The pictures of a plan: how long tasks take, and what happens over time, for every rule that was run.

In: workloads' courses by rule. Out: a PNG file. Only this module imports matplotlib, which is needed for nothing else
in the package, and only when it draws.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import inf
from pathlib import Path
from typing import Any

from argon.errors import ArgonError
from argon.planning.course import Course
from argon.planning.result import mean_waits
from argon.planning.workload import Workload
from argon.protocol.messages import Status

INK, QUIET, LINES, SPIKE = "#1f2933", "#7b8794", "#e4e7eb", "#fbe9d7"
COLOURS = {
    "argon": "#2f6fde",
    "oracle": "#1f2933",
    "original": "#d9534f",
    "least loaded": "#2a9d63",
    "two choices": "#8e5bd0",
    "round robin": "#e08e2b",
    "random": "#9aa5b1",
}
STYLE: dict[str, Any] = {
    "font.size": 9.5,
    "text.color": INK,
    "axes.labelcolor": QUIET,
    "axes.edgecolor": LINES,
    "xtick.color": QUIET,
    "ytick.color": QUIET,
    "grid.color": LINES,
}
SIZE_INCHES = (13.0, 5.2)
DOTS_PER_INCH = 150
SLICES = 60
POINTS = 400
"""Of a curve of percentiles: every task would make no other picture, and a slow one."""


class PictureImpossible(ArgonError):
    """There is no matplotlib, or no place for the file; the message says which."""


def draw(work: Workload, courses: Mapping[str, Course], file: Path) -> None:
    """Writes the picture: on the left how many tasks take longer than so long, on the right the waits over time."""
    pyplot = _pyplot()
    with pyplot.style.context(STYLE):
        figure, (tails, times) = pyplot.subplots(1, 2, figsize=SIZE_INCHES, layout="constrained")
        try:
            _draw_tails(tails, work, courses)
            _draw_times(times, work, courses)
            figure.savefig(file, dpi=DOTS_PER_INCH, facecolor="white")
        finally:
            pyplot.close(figure)


def check_drawable(file: Path) -> None:
    """Raises what would otherwise be raised after a long run: PictureImpossible."""
    _pyplot()
    if not file.absolute().parent.is_dir():
        raise PictureImpossible(f"there is no directory {file.absolute().parent} for the picture")


def _pyplot() -> Any:
    try:
        import matplotlib
    except ImportError as error:
        raise PictureImpossible("pictures need matplotlib: pip install matplotlib") from error
    matplotlib.use("Agg")  # draws to files, and needs no display
    from matplotlib import pyplot

    return pyplot


def tail(seconds: list[float]) -> tuple[list[float], list[float]]:
    """Points of the curve that says which share of the tasks takes longer; dense where few do."""
    ordered = sorted(seconds)
    count = len(ordered)
    ranks = sorted({int(count * (1 - (1 / count) ** (step / POINTS))) for step in range(POINTS + 1)} - {count})
    return [ordered[rank] for rank in ranks], [(count - rank) / count for rank in ranks]


def _draw_tails(axes: Any, work: Workload, courses: Mapping[str, Course]) -> None:
    watched = work.watched()
    for rule, course in courses.items():
        totals = [course.ended_s[t] - work.at_s[t] for t in watched if course.status[t] == Status.COMPLETED]
        if totals:
            seconds, shares = tail(totals)
            axes.plot([1000 * value for value in seconds], shares, color=COLOURS[rule], label=rule, linewidth=1.8)
    axes.set_xscale("log")
    axes.set_yscale("log")
    for share, name in ((0.5, "p50"), (0.01, "p99"), (0.001, "p99.9")):
        axes.axhline(share, color=QUIET, linewidth=0.7, linestyle=":")
        axes.annotate(
            name,
            (1, share),
            xycoords=("axes fraction", "data"),
            xytext=(3, -3),
            textcoords="offset points",
            fontsize=8,
            color=QUIET,
        )
    _finish(axes, "Tasks that take longer", "total time of a task, ms", "share of the completed tasks")
    axes.legend(frameon=False, loc="lower left")


def _draw_times(axes: Any, work: Workload, courses: Mapping[str, Course]) -> None:
    slice_s = max(work.at_s[-1], 1e-9) / SLICES
    for rule, course in courses.items():
        waits = mean_waits(work, course, 0.0, work.at_s[-1], slice_s)
        shown = [1000 * wait if wait < inf else None for wait in waits]
        axes.plot([(n + 0.5) * slice_s for n in range(len(shown))], shown, color=COLOURS[rule], linewidth=1.8)
    if work.spike is not None:
        axes.axvspan(*work.spike, color=SPIKE, zorder=0)
        axes.annotate(
            "burst",
            (work.spike[0], 1),
            xycoords=("data", "axes fraction"),
            xytext=(3, -12),
            textcoords="offset points",
            fontsize=8,
            color=QUIET,
        )
    axes.set_yscale("log")
    _finish(axes, "Waits over time", "when tasks came, s (a gap: some never ran)", "mean wait, ms")


def _finish(axes: Any, title: str, below: str, beside: str) -> None:
    axes.set_title(title, loc="left", fontsize=11, weight="bold", pad=10)
    axes.set_xlabel(below)
    axes.set_ylabel(beside)
    axes.grid(which="major")
    axes.set_axisbelow(True)
    axes.tick_params(axis="both", which="both", length=0)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
