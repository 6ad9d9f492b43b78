"""A report for people, in Markdown.

In: what came out of a run. Out: lines.
"""

from __future__ import annotations

from collections.abc import Iterator

from tests.chaos.audit import Audit
from tests.chaos.run import Report
from tests.chaos.stage import CLIENTS, NODES, WORKERS

SHOWN_MAX = 50


def lines(report: Report) -> Iterator[str]:
    """The whole report."""
    plan, verdict = report.plan, report.verdict
    yield f"seed {plan.seed}, {plan.seconds / 60:g} minutes, {NODES} nodes × {WORKERS} workers, {CLIENTS} clients"
    yield ""
    yield (
        f"{verdict.tasks:,} tasks submitted; {verdict.entries:,} entries, {verdict.again:,} of them again, of "
        f"idempotent tasks; at most {verdict.most_at_once} at once on a node; {verdict.untold} ended before they could "
        f"say that they were entered; the longest wait for an answer was {verdict.longest_s:.1f} s"
    )
    yield ""
    yield from _table(("answer", "tasks"), [(word, f"{count:,}") for word, count in verdict.outcomes.most_common()])
    yield from _table(("fault", "fired"), [(kind, str(verdict.faults[kind])) for kind in plan.kinds])
    if report.before and report.after:
        yield from _table(
            ("process", "memory, MiB", "descriptors", "threads", "processes"), list(_held(report.before, report.after))
        )
        counters = report.after.numbers["counters"]
        yield f"the cluster's counters at the end: {', '.join(f'{name} {count:,}' for name, count in counters.items())}"
        yield f"in its queue: {report.after.numbers['queue_length']}, in flight: {report.after.numbers['in_flight']}"
        yield ""
    wrong = [*report.complaints, *verdict.violations]
    yield f"violations: {len(wrong)}"
    yield from (f"  {line}" for line in wrong[:SHOWN_MAX])
    if len(wrong) > SHOWN_MAX:
        yield f"  and {len(wrong) - SHOWN_MAX} more"
    yield from (f"invalid: {line}" for line in report.shortcomings)
    yield ""
    yield f"verdict: {report.word}"


def _held(before: Audit, after: Audit) -> Iterator[tuple[str, ...]]:
    for name, was in before.holdings.items():
        now = after.holdings[name]
        yield (
            name,
            f"{was.memory / (1 << 20):.1f} → {now.memory / (1 << 20):.1f}",
            f"{was.descriptors} → {now.descriptors}",
            f"{was.threads} → {now.threads}",
            f"{was.processes} → {now.processes}",
        )


def _table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> Iterator[str]:
    widths = [max(map(len, column)) for column in zip(head, *rows, strict=True)]
    for row in (head, tuple("-" * width for width in widths), *rows):
        yield "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |"
    yield ""
