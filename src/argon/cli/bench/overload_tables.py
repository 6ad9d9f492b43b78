"""What `argon bench --overload` prints for people.

In: figures. Out: a table with a row for each factor, and the sentences that say what its columns mean.
"""

from __future__ import annotations

from argon.cli.bench.load_figures import QUIET_S, WORSE_S, WORSE_TIMES
from argon.cli.bench.overload import CALM_FACTOR, FactorFigures, Overloaded
from argon.cli.terminal import say, show_table


def show(measured: Overloaded) -> None:
    """Prints the table, and what it means: a column for each factor, since there are more figures than factors."""
    say(headline(measured))
    figures = [rows(factor) for factor in measured.factors]
    show_table(
        [(same[0][0], *(text for _, text in same)) for same in zip(*figures, strict=True)],
        header=("", *(f"{factor.factor:g} ×" for factor in measured.factors)),
    )
    say()
    for sentence in legend(measured):
        say(sentence)


def headline(measured: Overloaded) -> str:
    plan = measured.plan
    length = f"{plan.sleep_ms} ms" if plan.distribution == "constant" else f"{plan.sleep_ms} ms ({plan.distribution})"
    return (
        f"{measured.workers} workers, tasks of {length}: capacity {measured.capacity_per_s:,.0f} tasks a second, "
        f"of which the warm-up reached {measured.efficiency:.1%}; spikes of {plan.spike_s:g} s"
    )


def rows(figures: FactorFigures) -> list[tuple[str, str]]:
    """The figures of a factor, each with its name."""
    calm, spike = figures.calm, figures.spike
    return [
        ("offered in the spike, tasks a second", f"{figures.offered_per_s:,.0f}"),
        ("goodput, share of capacity", f"{figures.goodput:.3f}"),
        ("throughput, share of capacity", f"{figures.throughput:.3f}"),
        ("accepted, p50 when calm", milliseconds(calm.p50_ms)),
        ("accepted, p99 when calm", milliseconds(calm.p99_ms)),
        ("accepted, p50 in the spike", milliseconds(spike.p50_ms)),
        ("accepted, p99 in the spike", milliseconds(spike.p99_ms)),
        ("completed", f"{spike.completed:,}"),
        ("rejected by the cluster", f"{spike.rejected:,}"),
        ("rejected by the client itself", f"{spike.rejected_by_client:,}"),
        ("expired", f"{spike.expired:,}"),
        ("failed, unanswered", f"{spike.failed:,}, {spike.unanswered:,}"),
        ("a reject's answer, p50", milliseconds(figures.reject_p50_ms)),
        ("a reject's answer, p99", milliseconds(figures.reject_p99_ms)),
        ("recovery", recovery_text(figures)),
        ("the driver's lag, p99", milliseconds(figures.lag_p99_ms)),
    ]


def milliseconds(value: float | None) -> str:
    return "–" if value is None else f"{value:,.1f} ms"


def recovery_text(figures: FactorFigures) -> str:
    return f"{figures.recovery_s:.2f} s" if figures.recovered else f"over {figures.recovery_s:.0f} s"


def legend(measured: Overloaded) -> list[str]:
    """What the names mean."""
    late = f"{WORSE_TIMES:g} × the calm p99, at least {WORSE_S * 1000:g} ms more than that"
    return [
        f"Goodput: answers within {measured.plan.slo_ms} ms of their submission, during the spike.",
        f"Recovery: how long after the spike, at {CALM_FACTOR:g} of capacity, a task still failed or took over {late}.",
        f"It has ended when there was no such task for {QUIET_S:g} s.",
        "The driver's lag: how late tasks were submitted.",
        "If it is not small beside the other figures, the benchmark's own process was the bottleneck.",
    ]
