"""The picture of a run: how many tasks a second, how long one takes, and how every number stands to its bar.

In: a Report. Out: a PNG file. Only this module imports matplotlib, which is needed for nothing else.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")  # draws to files, and needs no display

from matplotlib import pyplot, style
from matplotlib.axes import Axes
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from benchmarks.report import Report, number
from benchmarks.subject import Figure

INK, QUIET, LINES = "#1f2933", "#7b8794", "#e4e7eb"
ARGON, OTHER, MISSED = "#2f6fde", "#b5bfca", "#d9534f"
ARGON_NAMES = {"AsyncClient", "Client", "Executor"}
STYLE: dict[str, Any] = {
    "font.size": 9.5,
    "text.color": INK,
    "axes.labelcolor": QUIET,
    "axes.edgecolor": LINES,
    "xtick.color": QUIET,
    "ytick.color": INK,
    "grid.color": LINES,
}
WIDTH_INCHES, HEAD_INCHES, AROUND_INCHES, ROW_INCHES = 13.0, 1.0, 1.2, 0.31
DOTS_PER_INCH = 150
BAR_HEIGHT = 0.66
FURTHEST = 10.0
"""How many times better, or worse, than asked the last panel reaches."""

Draw = Callable[[Axes], None]


def draw(report: Report, file: Path) -> None:
    """Writes the picture. What was not measured has no place in it."""
    rates = medians(report.figures, "tasks/s", "no-op")
    p50, p99 = (medians(report.figures, "us", percentile) for percentile in ("p50", "p99"))
    asked = [figure for figure in report.figures if figure.met is not None]
    top: list[Draw] = []
    if rates:
        top.append(lambda axes: draw_rates(axes, rates))
    if p50:
        top.append(lambda axes: draw_trips(axes, p50, p99))
    rows = [count for count in (max(len(rates), len(p50)), len(asked)) if count]
    heights = [count * ROW_INCHES + AROUND_INCHES for count in rows]
    with style.context(STYLE):
        picture = pyplot.figure(
            figsize=(WIDTH_INCHES, HEAD_INCHES + sum(heights)), layout=ConstrainedLayoutEngine(h_pad=0.15, w_pad=0.15)
        )
        try:
            parts = iter(picture.subfigures(max(1, len(rows)), 1, height_ratios=heights or None, squeeze=False)[:, 0])
            if top:
                above = next(parts)
                for column, fill in enumerate(top, start=1):
                    fill(above.add_subplot(1, len(top), column))
            if asked:
                draw_asked(next(parts).add_subplot(), asked)
            picture.suptitle("Argon beside other systems: one machine, two workers", fontsize=14, weight="bold")
            picture.supxlabel(caption(report), fontsize=8, color=QUIET)
            picture.savefig(file, dpi=DOTS_PER_INCH, facecolor="white")
        finally:
            pyplot.close(picture)


def medians(figures: Sequence[Figure], unit: str, ending: str) -> dict[str, float]:
    """The medians of all figures of a kind, by the system's name; the first counts where there are two."""
    found: dict[str, float] = {}
    for figure in figures:
        if figure.unit == unit and figure.what.endswith(ending):
            found.setdefault(figure.what.partition(",")[0], figure.value)
    return found


def caption(report: Report) -> str:
    """Where the numbers come from, and what a reader must know of them."""
    machine = report.machine
    where = ", ".join(machine[name] for name in ("cpu", "kernel", "python") if name in machine)
    shared = f"{machine.get('cores', '?')} cores shared by all processes"
    told = f"{where}; {shared}; argon {machine.get('argon', '?')}; medians of {report.rounds} rounds"
    return "\n".join([told, *report.notes])


# ---- panels ---------------------------------------------------------------------------------------------------------


def draw_rates(axes: Axes, rates: Mapping[str, float]) -> None:
    names = sorted(rates, key=rates.__getitem__)
    values = [rates[name] for name in names]
    axes.barh(names, values, height=BAR_HEIGHT, color=[colour(name) for name in names])
    for place, value in enumerate(values):
        axes.annotate(number(value), (value, place), xytext=(4, 0), textcoords="offset points", va="center")
    axes.set_xscale("log")
    axes.set_xlim(min(values) / 2, max(values) * 3)
    finish(axes, "No-op tasks a second", "tasks/s, more is better")


def draw_trips(axes: Axes, p50: Mapping[str, float], p99: Mapping[str, float]) -> None:
    names = sorted(p50, key=p50.__getitem__, reverse=True)
    for place, name in enumerate(names):
        low, high = p50[name], p99.get(name, p50[name])
        axes.plot([low, high], [place, place], color=colour(name), linewidth=3, solid_capstyle="butt", alpha=0.55)
        axes.plot(low, place, "o", color=colour(name), markersize=8)
        axes.plot(high, place, "|", color=colour(name), markersize=11, markeredgewidth=2)
        axes.annotate(
            f"{number(low)} / {number(high)}", (high, place), xytext=(8, 0), textcoords="offset points", va="center"
        )
    axes.set_yticks(range(len(names)), names)
    axes.set_ylim(-0.6, len(names) - 0.4)
    axes.set_xscale("log")
    axes.set_xlim(min(p50.values()) / 1.6, max([*p50.values(), *p99.values()]) * 5)
    finish(axes, "Round trip: median and 99th percentile", "us, less is better")


def draw_asked(axes: Axes, asked: Sequence[Figure]) -> None:
    """How far each number is on the right side of its bar; the line in the middle is the bar."""
    shown = list(reversed(asked))
    for place, figure in enumerate(shown):
        times = max(1 / FURTHEST, min(FURTHEST, times_better(figure)))
        axes.barh(place, times - 1, left=1, height=BAR_HEIGHT, color=ARGON if figure.met else MISSED)
        beyond, side = (5, "left") if times >= 1 else (-5, "right")
        axes.annotate(
            f"{with_unit(figure)}  (asked {figure.bar})",
            (times, place),
            xytext=(beyond, 0),
            textcoords="offset points",
            va="center",
            ha=side,
            fontsize=8.5,
            color=INK if figure.met else MISSED,
        )
    axes.axvline(1, color=INK, linewidth=1.6)
    axes.set_yticks(range(len(shown)), [f"{figure.area}: {figure.what}" for figure in shown])
    axes.set_ylim(-0.6, len(shown) - 0.4)
    axes.set_xscale("log")
    ticks = {0.1: "10 x worse", 0.2: "5 x", 0.5: "2 x", 1.0: "as asked", 2.0: "2 x", 5.0: "5 x", 10.0: "10 x better"}
    axes.set_xticks(list(ticks), list(ticks.values()))
    axes.minorticks_off()
    axes.set_xlim(1 / FURTHEST / 2.2, FURTHEST * 3.5)
    finish(axes, "What is asked, and what was measured", "")
    axes.legend(
        handles=[
            Patch(color=ARGON, label="met"),
            Patch(color=MISSED, label="missed"),
            Line2D([], [], color=INK, linewidth=1.6, label="the bar"),
        ],
        loc="lower right",
        bbox_to_anchor=(1, 1),
        ncols=3,
        frameon=False,
    )


def with_unit(figure: Figure) -> str:
    return number(figure.value) if figure.unit == "ratio" else f"{number(figure.value)} {figure.unit}"


def times_better(figure: Figure) -> float:
    """How many times better than its bar a figure is; below 1 it misses it."""
    least_or_most, limit = figure.bar.split()[:2]
    asked = float(limit.replace(",", ""))
    if least_or_most == ">=":
        return figure.value / asked
    return asked / figure.value if figure.value > 0 else FURTHEST


def colour(name: str) -> str:
    return ARGON if name in ARGON_NAMES else OTHER


def finish(axes: Axes, title: str, label: str) -> None:
    axes.set_title(title, loc="left", fontsize=11, weight="bold", pad=10)
    axes.set_xlabel(label)
    axes.grid(axis="x", which="major")
    axes.set_axisbelow(True)
    axes.tick_params(axis="both", which="both", length=0)
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
