"""The picture of `argon bench --overload`: goodput, latency and what became of the tasks, by factor.

In: figures. Out: a PNG file. Only this module draws, by matplotlib, which nothing else needs and may be missing.
"""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any

from argon.cli.bench.overload import FactorFigures, Overloaded
from argon.cli.failures import CommandFailed

INK, QUIET, LINES = "#1f2933", "#7b8794", "#e4e7eb"
GOOD, LATE, EXPIRED, REJECTED, LOST = "#2f6fde", "#9dbcf2", "#e9b44c", "#b5bfca", "#d9534f"
STYLE: dict[str, Any] = {
    "font.size": 9.5,
    "text.color": INK,
    "axes.labelcolor": QUIET,
    "axes.edgecolor": LINES,
    "xtick.color": INK,
    "ytick.color": QUIET,
    "grid.color": LINES,
    "legend.frameon": False,
    "legend.fontsize": 8.5,
}
SIZE_INCHES = (13.0, 4.8)
DOTS_PER_INCH = 150
BAR_WIDTH = 0.6


def drawing_library() -> Any:
    """Matplotlib, ready to draw to files.

    Raises:
        CommandFailed: it is not installed.
    """
    try:
        library: Any = import_module("matplotlib")
        library.use("Agg")  # draws to files, and needs no display
        import_module("matplotlib.pyplot")
    except ImportError:
        raise CommandFailed("--plot needs matplotlib, which is not installed: pip install matplotlib") from None
    return library


def draw(library: Any, measured: Overloaded, file: Path) -> None:
    """Writes the picture."""
    pyplot = library.pyplot
    factors = measured.factors
    with pyplot.style.context(STYLE):
        picture, panels = pyplot.subplots(1, 3, figsize=SIZE_INCHES, layout="constrained", gridspec_kw={"wspace": 0.1})
        try:
            draw_goodput(panels[0], factors, measured.plan.slo_ms)
            draw_latency(panels[1], factors, measured.plan.slo_ms)
            draw_endings(panels[2], factors)
            for axes in panels:
                axes.set_xticks(range(len(factors)), [f"{figures.factor:g} ×" for figures in factors])
                axes.set_xlim(-0.6, len(factors) - 0.4)
                axes.set_xlabel("offered, in multiples of what the workers can do")
                finish(axes)
            picture.suptitle(
                "Overload: what is accepted, how long it takes, and what is not", fontsize=14, weight="bold"
            )
            picture.supxlabel(caption(measured), fontsize=8, color=QUIET)
            picture.savefig(file, dpi=DOTS_PER_INCH, facecolor="white")
        finally:
            pyplot.close(picture)


def caption(measured: Overloaded) -> str:
    plan = measured.plan
    return (
        f"{measured.workers} workers, {plan.distribution} tasks of {plan.sleep_ms} ms, {measured.capacity_per_s:,.0f} "
        f"tasks a second; spikes of {plan.spike_s:g} s; efficiency in the warm-up {measured.efficiency:.1%}"
    )


def draw_goodput(axes: Any, factors: tuple[FactorFigures, ...], slo_ms: int) -> None:
    places = range(len(factors))
    axes.bar(places, [figures.throughput for figures in factors], BAR_WIDTH, color=LATE, label="answered later")
    axes.bar(places, [figures.goodput for figures in factors], BAR_WIDTH, color=GOOD, label=f"within {slo_ms} ms")
    for place, figures in enumerate(factors):
        note(axes, place, figures.goodput / 2, f"{figures.goodput:.1%}", "white")
    axes.axhline(1, color=INK, linewidth=1)
    axes.set_ylim(0, 1.3)
    axes.set_title("Answers in the spike, share of capacity", loc="left", fontsize=11, weight="bold")
    axes.legend(loc="upper right", ncols=2)


def draw_latency(axes: Any, factors: tuple[FactorFigures, ...], slo_ms: int) -> None:
    shown = (("calm p99", LATE), ("spike p50", GOOD), ("spike p99", INK), ("a reject, p99", EXPIRED))
    seen = [float(slo_ms)]
    for column, (label, colour) in enumerate(shown):
        beside = (column - 1.5) * BAR_WIDTH / 2.4
        points = [(place + beside, value) for place, value in enumerate(latencies_ms(factors, column)) if value]
        if points:
            axes.plot(*zip(*points, strict=True), "o", color=colour, markersize=8, label=label)
        for x, value in points:
            note(axes, x, value, f"{value:,.0f}" if value >= 10 else f"{value:.1f}")
            seen.append(value)
    axes.axhline(slo_ms, color=LOST, linewidth=1, linestyle="--")
    axes.set_yscale("log")
    axes.set_yticks([10.0**power for power in range(-1, 6)], ["0.1", "1", "10", "100", "1,000", "10,000", "100,000"])
    axes.minorticks_off()
    axes.set_ylim(min(seen) / 3, max(seen) * 8)
    axes.set_title("Answer times, ms (dashed: the SLO)", loc="left", fontsize=11, weight="bold")
    axes.legend(loc="upper right", ncols=2)


def latencies_ms(factors: tuple[FactorFigures, ...], column: int) -> list[float | None]:
    """One of the four answer times, of each factor."""
    return [
        (figures.calm.p99_ms, figures.spike.p50_ms, figures.spike.p99_ms, figures.reject_p99_ms)[column]
        for figures in factors
    ]


def draw_endings(axes: Any, factors: tuple[FactorFigures, ...]) -> None:
    parts = {
        "completed": (GOOD, [figures.spike.completed for figures in factors]),
        "expired": (EXPIRED, [figures.spike.expired for figures in factors]),
        "rejected": (REJECTED, [figures.spike.rejected for figures in factors]),
        "rejected by the client": (LINES, [figures.spike.rejected_by_client for figures in factors]),
        "failed, unanswered": (LOST, [figures.spike.failed + figures.spike.unanswered for figures in factors]),
    }
    below = [0.0] * len(factors)
    for label, (colour, counts) in parts.items():
        if any(counts):
            shares = [count / figures.spike.offered for count, figures in zip(counts, factors, strict=True)]
            axes.bar(range(len(factors)), shares, BAR_WIDTH, bottom=below, color=colour, label=label)
            below = [low + share for low, share in zip(below, shares, strict=True)]
    axes.set_ylim(0, 1.3)
    axes.set_title("How the tasks of the spike ended", loc="left", fontsize=11, weight="bold")
    axes.legend(loc="upper right", ncols=2)


def note(axes: Any, x: float, y: float, text: str, colour: str = INK) -> None:
    axes.annotate(text, (x, y), xytext=(0, 6), textcoords="offset points", ha="center", fontsize=8.5, color=colour)


def finish(axes: Any) -> None:
    axes.grid(axis="y", which="major")
    axes.set_axisbelow(True)
    axes.tick_params(axis="both", which="both", length=0)
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
