"""The demo's second and third act: more work than the queue holds, and a node that is killed in the middle of a job.

In: a client, and what kills a node. Out: what happened to every task, counted and named. Raises
`CommandFailed` if the cluster did not behave as the demo claims; prints nothing that did not happen.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import dataclass, field
from typing import Any, Protocol

from argon.cli.bench.tasks import nap
from argon.cli.failures import CommandFailed, sentence
from argon.cli.terminal import say
from argon.errors import Rejected, TaskLost

BURST_TASKS = 400
BURST_NAP_S = 0.02
CALM_TASKS = 10
MOST_RETRY_AFTER_S = 2.0
"""The advice of the cluster is followed, but no longer than this: somebody is watching."""

JOB_TASKS = 60
JOB_NAP_S = 0.15
DONE_BEFORE_KILL = 8
WAIT_S = 20.0


class Submitter(Protocol):
    """The part of a client that these acts need."""

    def submit(self, function: Any, /, *args: Any) -> Future[Any]: ...

    def with_options(self, *, retries: int | None = ...) -> Submitter: ...

    def status(self) -> dict[str, Any]: ...


@dataclass
class Outcomes:
    """How the tasks of an act ended, each with its number."""

    completed: list[int] = field(default_factory=list)
    rejected: list[tuple[int, Rejected]] = field(default_factory=list)
    lost: list[tuple[int, TaskLost]] = field(default_factory=list)

    def add(self, number: int, error: BaseException | None) -> None:
        if error is None:
            self.completed.append(number)
        elif isinstance(error, Rejected):
            self.rejected.append((number, error))
        elif isinstance(error, TaskLost):
            self.lost.append((number, error))
        else:
            raise CommandFailed(f"task {number} ended in an unexpected way: {sentence(error)}") from error


def submit_naps(view: Submitter, count: int, seconds: float) -> list[Future[int]]:
    """Submits so many naps; one that is rejected at once is a future like the others."""
    futures: list[Future[int]] = []
    for number in range(count):
        try:
            futures.append(view.submit(nap, seconds, number))
        except Rejected as rejected:
            future: Future[int] = Future()
            future.set_exception(rejected)
            futures.append(future)
    return futures


def outcomes_of(futures: Sequence[Future[int]]) -> Outcomes:
    """Waits for all, and sorts them by how they ended."""
    if unanswered := len(wait(futures, WAIT_S).not_done):
        raise CommandFailed(f"{unanswered} of {len(futures)} tasks had no answer within {WAIT_S:g} s")
    outcomes = Outcomes()
    for number, future in enumerate(futures):
        outcomes.add(number, future.exception())
    return outcomes


# --- act 2 ------------------------------------------------------------------------------------------------------------


def overload(client: Submitter) -> None:
    """A burst that the queue cannot hold, then calm, then the same burst from a patient client."""
    say(f"\nAct 2: {BURST_TASKS} tasks at once, from a client that does not try again (retries=0).\n")
    impatient = client.with_options(retries=0)
    burst = outcomes_of(submit_naps(impatient, BURST_TASKS, BURST_NAP_S))
    if not burst.rejected or not burst.completed:
        raise CommandFailed(f"the burst caused no overload: {len(burst.completed)} of {BURST_TASKS} tasks ran")
    say(f"  accepted and completed: {len(burst.completed)}")
    for reason, advice in sorted(rejections(burst).items()):
        low, high = min(advice), max(advice)
        say(f"  rejected, {reason}: {len(advice)}, retry after {low:.3f} to {high:.3f} s")

    time.sleep(min(MOST_RETRY_AFTER_S, max(error.retry_after for _, error in burst.rejected)))
    calm = Outcomes()
    for number in range(CALM_TASKS):
        calm.add(number, impatient.submit(nap, 0.0, number).exception(WAIT_S))
    say(f"  after that time: {len(calm.completed)} of {CALM_TASKS} completed, still without a retry")
    patient = outcomes_of(submit_naps(client, BURST_TASKS, BURST_NAP_S))
    say(f"  the same burst from a client that tries again: {len(patient.completed)} of {BURST_TASKS} completed")
    if calm.rejected or len(patient.completed) != BURST_TASKS:
        raise CommandFailed("the cluster did not recover from the burst")


def rejections(outcomes: Outcomes) -> dict[str, list[float]]:
    """For each reason, the `retry_after` of each task that was rejected for it."""
    found: dict[str, list[float]] = {}
    for _, error in outcomes.rejected:
        found.setdefault(str(error.reason), []).append(error.retry_after)
    return found


# --- act 3 ------------------------------------------------------------------------------------------------------------


def kill_a_node(client: Submitter, kill: Callable[[], None]) -> None:
    """Has a node killed while it has tasks, and accounts for every task of the job."""
    say(f"\nAct 3: kill -9 of node-b in the middle of a job of {JOB_TASKS} tasks.\n")
    futures = submit_naps(client, JOB_TASKS, JOB_NAP_S)
    wait_until_busy(client, futures)
    kill()
    outcomes = outcomes_of(futures)
    if not outcomes.lost:
        raise CommandFailed("a node was killed while it had tasks, and no task was reported as lost")
    for number, error in outcomes.lost:
        say(f"  task {number}: lost with {error.node}, may have run: {error.may_have_run}")
    say(f"  completed: {len(outcomes.completed)} of {JOB_TASKS}; the lost tasks are named above")
    left = Counter(str(node["name"]) for node in client.status()["nodes"])
    say(f"  nodes in the cluster now: {', '.join(sorted(left))}")


def wait_until_busy(client: Submitter, futures: Sequence[Future[int]]) -> None:
    """Returns when the job is under way and every node has tasks in flight."""
    pending = set(futures)
    while len(futures) - len(pending) < DONE_BEFORE_KILL or not all_in_flight(client):
        pending = wait(pending, WAIT_S, return_when=FIRST_COMPLETED).not_done
        if not pending:
            raise CommandFailed("the job was over before every node had a part of it")


def all_in_flight(client: Submitter) -> bool:
    return all(node["in_flight"] > 0 for node in client.status()["nodes"])
