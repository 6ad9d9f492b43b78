"""One run: calm, storm, calm again, and what came out of it.

In: a plan, which a seed decides in everything that is random. Out: a report, whose verdict is PASSED, FAILED or
INVALID. Everything that was started has ended when it returns, also when it is interrupted.
"""

from __future__ import annotations

import random
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from argon.errors import ArgonError
from tests.chaos.audit import Audit, audit, differences
from tests.chaos.checker import Verdict, check, shortcomings
from tests.chaos.faults import FAULTS, FaultInjector
from tests.chaos.history import Record, read
from tests.chaos.load import Driver, Wish
from tests.chaos.stage import NODES, WORKERS, Stage
from tests.end_to_end import tasks
from tests.support.entry_checker import EntryChecker
from tests.support.waiting import SharedGate

LEAST_TASKS_PER_S = 5.0
CALM_TASKS = 50
# Something was waited for and did not come about, something was left behind, or a process was gone that was needed.
UNFINISHED = (AssertionError, ArgonError, OSError, subprocess.TimeoutExpired, ExceptionGroup)
GAP_S = 4.0


@dataclass(frozen=True)
class Plan:
    """What a run does."""

    seed: int
    seconds: float
    kinds: tuple[str, ...] = tuple(FAULTS)
    warm_up_s: float = 15.0
    after_s: float = 10.0

    @property
    def gap_s(self) -> float:
        """The mean time between two faults: every kind has its turns in the first half."""
        return min(GAP_S, self.seconds / 2.5 / sum(FAULTS[kind].turns for kind in self.kinds))

    @property
    def least_tasks(self) -> int:
        """How many tasks must complete, so that the run means anything."""
        return int(self.seconds * LEAST_TASKS_PER_S)


@dataclass
class Report:
    """What came out."""

    plan: Plan
    verdict: Verdict
    complaints: list[str] = field(default_factory=list)
    shortcomings: list[str] = field(default_factory=list)
    before: Audit | None = None
    after: Audit | None = None

    @property
    def word(self) -> str:
        """PASSED, FAILED or INVALID. A broken promise is one, however little has happened."""
        if self.verdict.violations or self.complaints:
            return "FAILED"
        return "INVALID" if self.shortcomings else "PASSED"


def carry_out(plan: Plan, folder: Path, tell: Callable[[str], None]) -> Report:
    """Lives through a plan; the folder keeps every history."""
    report = Report(plan, Verdict())
    stage = Stage(folder, plan.seed)
    try:
        with stage:
            try:
                _live(stage, plan, report, tell)
            finally:
                stage.look_for_complaints()
    except UNFINISHED as failure:
        report.complaints.append(f"the run did not come to its end: {failure!r}")
    report.complaints += stage.complaints
    tell("reading the histories")
    report.verdict = check(read(stage.folder), WORKERS)
    report.shortcomings = shortcomings(report.verdict, plan.kinds, plan.least_tasks)
    return report


def _live(stage: Stage, plan: Plan, report: Report, tell: Callable[[str], None]) -> None:
    tell("calm: tasks of two clients on one worker, in order")
    submit_in_order(stage, random.Random(plan.seed))
    tell(f"warming up: {plan.warm_up_s:g} s of load, and no faults")
    load_calmly(stage, plan.warm_up_s)
    report.before = audit(stage)

    tell(f"storm: {plan.seconds:g} s of load and faults")
    stage.start_drivers(2 * plan.seconds + 300)
    injector = FaultInjector(stage, random.Random(plan.seed), list(plan.kinds), plan.gap_s)
    try:
        injector.run(plan.seconds)
    except BaseException:
        stage.close()
        raise
    finally:
        injector.rest()
    tell("healing: no more faults, and no more load")
    stage.end_drivers()
    audit(stage)

    tell(f"calm: every worker at once, and {plan.after_s:g} s of load")
    stage.history.write(Record("calm", time.monotonic()))
    fill_every_worker(stage)
    load_calmly(stage, plan.after_s)
    report.after = audit(stage)
    report.complaints += differences(report.before, report.after)


def load_calmly(stage: Stage, seconds: float) -> None:
    """Load for some time, to the last answer."""
    stage.start_drivers(seconds)
    stage.pause(seconds)
    stage.end_drivers()


def submit_in_order(stage: Stage, rng: random.Random) -> None:
    """Two clients on a cluster with a single worker, where the order of entering is exact."""
    cluster = stage.network.cluster()
    node = stage.network.node(cluster, "calm", "--workers", "1")
    stage.history.write(Record("started", time.monotonic(), node="calm", pid=node.pid))
    drivers = [Driver(stage.network.client(cluster), stage.history, f"calm-{number}") for number in (1, 2)]
    first = Wish("sleep", 0.5, b"", 0, 0, None, None, False, None)
    drivers[0].submit(first, in_order=True)
    for _ in range(CALM_TASKS):
        for driver in drivers:
            driver.submit(Wish("sleep", 0.0, b"x" * 100, 10, rng.randrange(5), None, None, False, None), in_order=True)
    for driver in drivers:
        driver.wait_answered()
    node.end()
    cluster.end()


def fill_every_worker(stage: Stage) -> None:
    """As many tasks inside at the same time as there are workers."""
    with (
        SharedGate(stage.folder / "gate") as gate,
        stage.network.client(stage.cluster) as client,
    ):
        checker = EntryChecker(stage.folder / "checker")
        futures = checker.submit_many(client.submit, NODES * WORKERS, tasks.hold, gate.path)
        checker.wait_entered(*futures)
        gate.open()
        checker.close()
