"""The picture of an overload of several systems: goodput, and how long an accepted task takes, by factor.

In: results. Out: a PNG file. Only this module and `plot` import matplotlib.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import matplotlib

matplotlib.use("Agg")  # draws to files, and needs no display

from matplotlib import pyplot, style
from matplotlib.axes import Axes

from argon.cli.bench.overload import OverloadPlan
from benchmarks.overload_system import WORKERS, Result
from benchmarks.plot import ARGON, DOTS_PER_INCH, LINES, MISSED, QUIET, STYLE

OTHERS = ("#7b8794", "#c58b2a", "#4b9a6a", "#a05fb5", "#1f2933", "#b5bfca")
MARKS = ("s", "^", "v", "D", "P", "X")
SIZE_INCHES = (13.0, 5.2)


def draw(results: Sequence[Result], plan: OverloadPlan, file: Path) -> None:
    """Writes the picture."""
    results = sorted(results, key=lambda result: (result.system != "Argon", result.figures.factor))
    with style.context(STYLE):
        picture, (goodput, latency) = pyplot.subplots(1, 2, figsize=SIZE_INCHES, layout="constrained")
        try:
            names = list(dict.fromkeys(result.system for result in results))
            for number, name in enumerate(names):
                own = sorted(
                    (result for result in results if result.system == name), key=lambda one: one.figures.factor
                )
                colour, mark = (ARGON, "o") if name == "Argon" else (OTHERS[number % 6], MARKS[number % 6])
                width = 2.6 if name == "Argon" else 1.5
                factors = [result.figures.factor for result in own]
                line = {"color": colour, "marker": mark, "linewidth": width, "markersize": 7, "label": name}
                goodput.plot(factors, [result.figures.goodput for result in own], **line)
                latency.plot(factors, [result.figures.spike.p99_ms or float("nan") for result in own], **line)
            goodput.set_ylim(0, 1.08)
            goodput.axhline(1, color=LINES, linewidth=1)
            finish(goodput, results, f"Goodput: answers within {plan.slo_ms} ms, share of capacity")
            latency.set_yscale("log")
            latency.axhline(plan.slo_ms, color=MISSED, linewidth=1, linestyle="--")
            finish(latency, results, "99th percentile of accepted tasks in the spike, ms (dashed: the SLO)")
            handles, labels = goodput.get_legend_handles_labels()
            picture.legend(handles, labels, loc="outside lower center", ncols=len(names) or 1, frameon=False)
            told = f"{WORKERS} workers, tasks that sleep {plan.sleep_ms} ms, a spike of {plan.spike_s:g} s"
            picture.suptitle(f"Too much work: {told}", fontsize=14, weight="bold")
            picture.savefig(file, dpi=DOTS_PER_INCH, facecolor="white")
        finally:
            pyplot.close(picture)


def finish(axes: Axes, results: Sequence[Result], title: str) -> None:
    factors = sorted({result.figures.factor for result in results})
    axes.set_xscale("log")
    axes.set_xticks(factors, [f"{factor:g} ×" for factor in factors])
    axes.minorticks_off()
    axes.set_title(title, loc="left", fontsize=11, weight="bold", pad=10)
    axes.set_xlabel("offered, in multiples of what the workers can do", color=QUIET)
    axes.grid(axis="y", which="major")
    axes.set_axisbelow(True)
    axes.tick_params(axis="both", which="both", length=0)
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
