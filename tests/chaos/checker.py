"""Whether the histories of a run keep what Argon promises.

In: the records of all processes, by time. Out: a verdict: every broken promise as a sentence, and counts. It does
nothing else: it reads no file and no clock, and knows Argon's promises and nothing of its code.

A client that was killed owes no answer. A task without a ``leave`` was ended with its worker, at a moment that nobody
wrote down, so it counts as over at once: what is said to overlap does so for certain.

**Order** is exact where one worker takes all tasks: first in, first out inside a client and a priority. With several
nodes that is the order in which the cluster sends tasks out; over several connections, to processes with buffers of
their own, nobody can say in which order they enter. So order is checked where tasks were submitted ``in_order``: to one
worker, in a calm moment.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from math import inf

from tests.chaos.history import Record

# A heartbeat (5 s) and the silence after which a peer is dead (15 s), and a slow machine.
PROMISED_S = 25.0
# When a fault is over, those whom it has cut off learn so at once: their connection is closed. A task that was
# submitted later than this is not lost by it.
SETTLED_S = 5.0
ATTEMPTS_MAX = 3
# A worker notes for its node that it enters a function, and then the function says so itself. Between the two it can be
# killed: at the deadline, or by a fault.
UNTOLD_S = 0.1
CLUSTER = "cluster"
ENDED_WITH_WORKER = {"expired", "died"}


@dataclass
class Verdict:
    """What a run has shown."""

    violations: list[str] = field(default_factory=list)
    outcomes: Counter[str] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)
    tasks: int = 0
    entries: int = 0
    again: int = 0  # entries of idempotent tasks after the first
    untold: int = 0  # entered by what the answer says, and killed before they could say so
    most_at_once: int = 0  # tasks on one node
    longest_s: float = 0.0  # from a submit to its answer


@dataclass
class Entry:
    """One time that a task was entered.

    Attributes:
        process: the worker.
        pid: its node.
        at: when it entered.
        left_at: when it left, if it has said so.
    """

    process: str
    pid: int
    at: float
    left_at: float | None = None


@dataclass
class Story:
    """What happened to one task."""

    task: str
    submits: list[Record] = field(default_factory=list)
    answers: list[Record] = field(default_factory=list)
    entries: list[Entry] = field(default_factory=list)

    @property
    def submit(self) -> Record:
        """Its one submit."""
        return self.submits[0]


class Checker:
    """Reads the records once, and then asks one promise after the other."""

    def __init__(self, records: Sequence[Record], workers: int) -> None:
        self._workers = workers
        self._stories: dict[str, Story] = {}
        self._by_process: dict[str, list[Record]] = defaultdict(list)
        self._ended: dict[str, float] = {}
        self._killed: dict[str, float] = {}
        self._clients: set[str] = set()
        self._nodes: dict[int, str] = {}
        self._faults: list[Record] = []
        self._calm_from = inf
        self.verdict = Verdict()
        for record in records:
            self._take(record)

    def _take(self, record: Record) -> None:
        story = self._stories.setdefault(record.task, Story(record.task)) if record.task else Story("")
        match record.what:
            case "submit":
                story.submits.append(record)
                self._clients.add(record.client)
            case "answer":
                story.answers.append(record)
            case "enter":
                story.entries.append(Entry(record.process, record.pid, record.at))
                self._by_process[record.process].append(record)
            case "leave":
                inside = [entry for entry in story.entries if entry.process == record.process and entry.left_at is None]
                for entry in inside[-1:]:
                    entry.left_at = record.at
                self._by_process[record.process].append(record)
            case "end":
                self._ended[record.client] = record.at
            case "started":
                self._nodes[record.pid] = record.node
            case "calm":
                self._calm_from = record.at
            case "fault":
                self._faults.append(record)
                if record.fault == "kill client":
                    self._killed[record.target] = record.at

    def check(self) -> Verdict:
        """Asks for every promise."""
        verdict = self.verdict
        verdict.faults.update(fault.fault for fault in self._faults)
        verdict.violations += self._clients_that_vanished()
        for story in self._stories.values():
            if len(story.submits) != 1:
                verdict.violations.append(f"{story.task}: submitted {len(story.submits)} times")
                continue
            self._count(story)
            for promise in (
                self._one_answer,
                self._entered_as_often_as_allowed,
                self._attempts_apart,
                self._honest,
                self._right,
                self._lost_for_a_reason,
                self._nothing_late,
            ):
                verdict.violations += promise(story)
        verdict.violations += self._one_task_a_worker()
        verdict.violations += self._no_more_than_workers()
        verdict.violations += self._first_in_first_out()
        return verdict

    def _count(self, story: Story) -> None:
        verdict = self.verdict
        verdict.tasks += 1
        verdict.entries += len(story.entries)
        verdict.again += max(0, len(story.entries) - 1)
        for answer in story.answers:
            verdict.outcomes[answer.outcome] += 1
            verdict.longest_s = max(verdict.longest_s, answer.at - story.submit.at)

    # ---- one task ----------------------------------------------------------------------------------------------------

    def _one_answer(self, story: Story) -> Iterator[str]:
        answers, client = len(story.answers), story.submit.client
        if answers > 1:
            yield f"{story.task}: {answers} answers: {', '.join(answer.outcome for answer in story.answers)}"
        if not answers and client not in self._killed:
            yield f"{story.task}: no answer, and its client {client} lived"
        if answers and story.answers[0].at > self._ended.get(client, inf):
            yield f"{story.task}: no answer until its client was closed"

    def _entered_as_often_as_allowed(self, story: Story) -> Iterator[str]:
        entries = len(story.entries)
        allowed = 1
        if story.submit.idempotent and entries > 1:
            last = story.entries[-1].at
            cuts = len(self._severed({CLUSTER, story.submit.client}, story.submit.at, last))
            allowed = ATTEMPTS_MAX * (1 + cuts)
        if entries > allowed:
            yield f"{story.task}: entered {entries} times, of {allowed} allowed"

    def _attempts_apart(self, story: Story) -> Iterator[str]:
        """The next attempt of an idempotent task begins when the one before is over, unless the one before was cut off
        from those who decide it."""
        for one, other in pairwise(story.entries):
            if one.left_at is None or one.left_at <= other.at:
                continue
            concerned = {CLUSTER, story.submit.client, self._nodes.get(one.pid, "")}
            if not self._severed(concerned, one.at, other.at):
                yield f"{story.task}: two attempts at the same time, and nothing had cut off the first"

    def _honest(self, story: Story) -> Iterator[str]:
        for answer in story.answers:
            if answer.ran == "no" and story.entries:
                yield f"{story.task}: {answer.outcome}, never ran, says the answer; it was entered"
            if answer.ran == "yes" and not story.entries:
                if answer.outcome in ENDED_WITH_WORKER and answer.run_s <= UNTOLD_S:
                    self.verdict.untold += 1
                else:
                    how = f"{answer.outcome} after {answer.run_s:.3f} s"
                    yield f"{story.task}: {how}, did run, says the answer; it was never entered"

    def _right(self, story: Story) -> Iterator[str]:
        for answer in story.answers:
            if not answer.is_right:
                yield f"{story.task}: {answer.outcome}, but not with what the task makes"
            if answer.outcome in {"completed", "raised"} and all(entry.left_at is None for entry in story.entries):
                yield f"{story.task}: {answer.outcome}, and no worker came to its end"

    def _lost_for_a_reason(self, story: Story) -> Iterator[str]:
        for answer in story.answers:
            begun = story.submit.at
            if answer.outcome == "lost":
                concerned = {CLUSTER, story.submit.client, answer.node}
                if begun >= self._calm_from or not self._severed(concerned, begun, answer.at):
                    yield f"{story.task}: lost with node '{answer.node}', and nothing had happened to anybody concerned"
            if answer.outcome == "died" and story.submit.does != "exit":
                kills = {fault.target for fault in self._overlapping(begun, answer.at) if fault.fault == "kill worker"}
                if answer.node not in kills:
                    yield f"{story.task}: its worker on '{answer.node}' died, and nobody had killed one"

    def _nothing_late(self, story: Story) -> Iterator[str]:
        ends = [answer.at for answer in story.answers[:1]]
        if story.submit.client in self._killed:
            ends.append(self._killed[story.submit.client])
        if ends and story.entries and (late_s := story.entries[-1].at - min(ends)) > PROMISED_S:
            yield f"{story.task}: entered {late_s:.1f} s after it was over for its client"

    # ---- everybody ---------------------------------------------------------------------------------------------------

    def _clients_that_vanished(self) -> Iterator[str]:
        for client in sorted(self._clients - self._ended.keys() - self._killed.keys()):
            yield f"{client}: ended without saying so, and nobody had killed it"

    def _one_task_a_worker(self) -> Iterator[str]:
        for process, records in self._by_process.items():
            inside = ""
            for record in records:
                if record.what == "enter":
                    if inside:
                        yield f"worker {process}: {record.task} was entered inside {inside}"
                    inside = record.task
                elif record.task != inside:
                    yield f"worker {process}: {record.task} left, and {inside or 'nothing'} was inside"
                else:
                    inside = ""

    def _no_more_than_workers(self) -> Iterator[str]:
        steps: dict[int, list[tuple[float, int]]] = defaultdict(list)
        for story in self._stories.values():
            for entry in story.entries:
                if entry.left_at is not None:
                    steps[entry.pid] += [(entry.at, 1), (entry.left_at, -1)]
        for pid, times in steps.items():
            at_once = most = 0
            for _, step in sorted(times):  # a leave goes before an enter of the same moment
                at_once += step
                most = max(most, at_once)
            self.verdict.most_at_once = max(self.verdict.most_at_once, most)
            if most > self._workers:
                yield f"node {self._nodes.get(pid, pid)}: {most} tasks at once on {self._workers} workers"

    def _first_in_first_out(self) -> Iterator[str]:
        lines: dict[tuple[str, int], list[Story]] = defaultdict(list)
        for story in self._stories.values():
            if len(story.submits) == 1 and story.submit.in_order and story.entries:
                lines[story.submit.client, story.submit.priority].append(story)
        for (client, priority), stories in lines.items():
            stories.sort(key=lambda story: story.submit.at)
            for one, other in pairwise(stories):
                if other.entries[0].at < one.entries[0].at:
                    yield f"{client}, priority {priority}: {other.task} overtook {one.task}"

    def _overlapping(self, begun: float, ended: float) -> list[Record]:
        return [fault for fault in self._faults if fault.at <= ended and fault.until + SETTLED_S >= begun]

    def _severed(self, targets: Collection[str], begun: float, ended: float) -> list[Record]:
        """Faults that may have lost tasks of one of these in that time."""
        return [fault for fault in self._overlapping(begun, ended) if fault.severs and fault.target in targets]


def check(records: Sequence[Record], workers: int) -> Verdict:
    """The verdict on a run whose nodes have so many workers each."""
    return Checker(records, workers).check()


def shortcomings(verdict: Verdict, faults: Collection[str], least_tasks: int) -> list[str]:
    """Why a run proves nothing, whatever its verdict: a fault that did not happen, or too little load."""
    found = [f"the fault '{fault}' never fired" for fault in faults if not verdict.faults[fault]]
    completed = verdict.outcomes["completed"]
    if completed < least_tasks:
        found.append(f"only {completed} tasks completed; {least_tasks} are wanted")
    return found
