"""Every broken promise is found in a history of a few lines, and a sound one passes."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from tests.chaos.checker import PROMISED_S, SETTLED_S, UNTOLD_S, Verdict, check, shortcomings
from tests.chaos.history import Record

NODE, OTHER = 100, 200  # the process ids of two nodes


def started() -> list[Record]:
    return [Record("started", 0.0, node="node-1", pid=NODE), Record("started", 0.0, node="node-2", pid=OTHER)]


def submit(at: float, task: str = "t", client: str = "c", **known: Any) -> Record:
    return Record("submit", at, process=f"of {client}", task=task, client=client, does="sleep", **known)


def answer(at: float, outcome: str = "completed", ran: str = "yes", task: str = "t", **known: Any) -> Record:
    return Record("answer", at, process="of c", task=task, outcome=outcome, ran=ran, **known)


def enter(at: float, worker: str = "w", task: str = "t", node: int = NODE) -> Record:
    return Record("enter", at, process=worker, task=task, pid=node)


def leave(at: float, worker: str = "w", task: str = "t") -> Record:
    return Record("leave", at, process=worker, task=task)


def end(client: str = "c") -> Record:
    return Record("end", 1000.0, client=client)


def fault(at: float, kind: str, target: str, severs: bool = True) -> Record:
    return Record("fault", at, fault=kind, target=target, until=at, severs=severs)


def found(*records: Record, workers: int = 2) -> list[str]:
    return check([*started(), *sorted(records, key=lambda record: record.at)], workers).violations


SOUND: dict[str, list[Record]] = {
    "completed": [submit(1), enter(2), leave(3), answer(4), end()],
    "raised": [submit(1), enter(2), leave(3), answer(4, "raised"), end()],
    "rejected": [submit(1), answer(2, "rejected", "no"), end()],
    "expired in the queue": [submit(1), answer(2, "expired", "no"), end()],
    "expired inside": [submit(1), enter(2), answer(3, "expired"), end()],
    "cancelled inside": [submit(1), enter(2), answer(3, "cancelled", ""), end()],
    "lost with its node": [
        submit(1),
        enter(2),
        fault(3, "kill node", "node-1"),
        answer(3.1, "lost", "unknown", node="node-1"),
        end(),
    ],
    "lost with the cluster": [submit(1), fault(2, "kill cluster", "cluster"), answer(3, "lost", "unknown"), end()],
    "lost by a silence that began before": [
        fault(1, "black hole", "c"),
        submit(2),
        answer(PROMISED_S, "lost", "unknown"),
        end(),
    ],
    "died with its worker": [
        submit(1),
        enter(2),
        fault(3, "kill worker", "node-1", severs=False),
        answer(4, "died", node="node-1"),
        end(),
    ],
    "killed between entering and saying so": [submit(1), answer(2, "expired", "yes", run_s=UNTOLD_S), end()],
    "its client was killed": [submit(1), enter(2), leave(3), fault(3, "kill client", "c")],
    "idempotent, run again after its node was killed": [
        submit(1, idempotent=True),
        enter(2),
        fault(3, "kill node", "node-1"),
        enter(4, "v", node=OTHER),
        leave(5, "v"),
        answer(6),
        end(),
    ],
    "idempotent, run again beside a node that was cut off": [
        submit(1, idempotent=True),
        enter(2),
        fault(3, "black hole", "node-1"),
        enter(4, "v", node=OTHER),
        leave(5),
        leave(6, "v"),
        answer(7),
        end(),
    ],
    "idempotent, run again in the same worker, after another was in it": [
        submit(1, idempotent=True),
        submit(1, "u"),
        submit(1, "v"),
        enter(2),
        leave(3),
        fault(4, "reset", "c"),
        enter(4, task="u"),
        enter(4, "x", "v"),
        leave(5, task="u"),
        leave(5, "x", "v"),
        enter(6),
        leave(7),
        *(answer(8, task=name) for name in "tuv"),
        end(),
    ],
    "two workers of a node busy": [
        submit(1),
        submit(1, "u"),
        enter(2),
        enter(2, "v", "u"),
        leave(3),
        leave(3, "v", "u"),
        answer(4),
        answer(4, task="u"),
        end(),
    ],
    "a leave and an enter at the same moment": [
        *(submit(1, name) for name in "tuv"),
        enter(2),
        enter(2, "v", "u"),
        leave(3),
        enter(3, "x", "v"),
        leave(4, "v", "u"),
        leave(4, "x", "v"),
        *(answer(5, task=name) for name in "tuv"),
        end(),
    ],
}

BROKEN: dict[str, tuple[list[Record], str]] = {
    "no answer": ([submit(1), enter(2), leave(3), end()], "t: no answer, and its client c lived"),
    "no answer until its client was closed": (
        [submit(1), fault(2, "reset", "c"), answer(1001, "lost", "unknown"), end()],
        "t: no answer until its client was closed",
    ),
    "two answers": ([submit(1), enter(2), leave(3), answer(4), answer(5), end()], "t: 2 answers: completed, completed"),
    "entered and never submitted": ([enter(2), leave(3)], "t: submitted 0 times"),
    "submitted twice": ([submit(1), submit(2), enter(3), leave(4), answer(5), end()], "t: submitted 2 times"),
    "a client that vanished": (
        [submit(1), enter(2), leave(3), answer(4)],
        "c: ended without saying so, and nobody had killed it",
    ),
    "entered twice": (
        [submit(1), enter(2), leave(3), enter(4, "v"), leave(5, "v"), answer(6), end()],
        "t: entered 2 times, of 1 allowed",
    ),
    "entered twice, and its node was killed": (
        [
            submit(1),
            enter(2),
            fault(3, "kill node", "node-1"),
            enter(4, "v", node=OTHER),
            leave(5, "v"),
            answer(6),
            end(),
        ],
        "t: entered 2 times, of 1 allowed",
    ),
    "idempotent, four attempts in one cluster": (
        [
            submit(1, idempotent=True),
            *(enter(2 + number, f"w{number}") for number in range(4)),
            leave(7, "w3"),
            answer(8),
            end(),
        ],
        "t: entered 4 times, of 3 allowed",
    ),
    "idempotent, two attempts at the same time": (
        [
            submit(1, idempotent=True),
            enter(2),
            enter(3, "v", node=OTHER),
            leave(4),
            leave(5, "v"),
            answer(6),
            end(),
        ],
        "t: two attempts at the same time, and nothing had cut off the first",
    ),
    "says no, and ran": (
        [submit(1), enter(2), answer(3, "rejected", "no"), end()],
        "t: rejected, never ran, says the answer; it was entered",
    ),
    "says expired in the queue, and ran afterwards": (
        [submit(1), answer(2, "expired", "no"), enter(3), leave(4), end()],
        "t: expired, never ran, says the answer; it was entered",
    ),
    "says yes, and did not run": (
        [submit(1), answer(3, "expired", "yes", run_s=UNTOLD_S * 2), end()],
        "t: expired after 0.200 s, did run, says the answer; it was never entered",
    ),
    "a value out of nothing": (
        [submit(1), enter(2), answer(3), end()],
        "t: completed, and no worker came to its end",
    ),
    "a wrong value": (
        [submit(1), enter(2), leave(3), answer(4, is_right=False), end()],
        "t: completed, but not with what the task makes",
    ),
    "lost while nothing happened": (
        [submit(1), answer(3, "lost", "unknown", node="node-1"), end()],
        "t: lost with node 'node-1', and nothing had happened to anybody concerned",
    ),
    "lost long after a fault was over": (
        [fault(1, "reset", "c"), submit(1.5 + SETTLED_S), answer(9, "lost", "unknown"), end()],
        "t: lost with node '', and nothing had happened to anybody concerned",
    ),
    "lost while another node was killed": (
        [submit(1), fault(2, "kill node", "node-2"), answer(3, "lost", "unknown", node="node-1"), end()],
        "t: lost with node 'node-1', and nothing had happened to anybody concerned",
    ),
    "lost by what may lose nothing": (
        [submit(1), fault(2, "stop cluster", "cluster", severs=False), answer(3, "lost", "unknown"), end()],
        "t: lost with node '', and nothing had happened to anybody concerned",
    ),
    "lost when everybody is well again": (
        [
            fault(1, "kill cluster", "cluster"),
            Record("calm", 2),
            submit(3),
            answer(4, "lost", "unknown"),
            end(),
        ],
        "t: lost with node '', and nothing had happened to anybody concerned",
    ),
    "its worker died of nothing": (
        [submit(1), enter(2), answer(3, "died", node="node-1"), end()],
        "t: its worker on 'node-1' died, and nobody had killed one",
    ),
    "entered when it was long over": (
        [submit(1), fault(2, "black hole", "c"), answer(3, "lost", "unknown"), enter(3.5 + PROMISED_S), end()],
        "t: entered 25.5 s after it was over for its client",
    ),
    "entered long after its client was killed": (
        [submit(1), fault(2, "kill client", "c"), enter(3 + PROMISED_S)],
        "t: entered 26.0 s after it was over for its client",
    ),
    "two tasks in one worker": (
        [
            submit(1),
            submit(1, "u"),
            enter(2),
            enter(3, "w", "u"),
            leave(4, "w", "u"),
            answer(5, task="u"),
            answer(5, "cancelled", ""),
            end(),
        ],
        "worker w: u was entered inside t",
    ),
    "a task that leaves where it is not": (
        [submit(1), enter(2), leave(3), leave(4), answer(5), end()],
        "worker w: t left, and nothing was inside",
    ),
    "more tasks than workers": (
        [
            *(submit(1, name) for name in "tuv"),
            *(enter(2, f"of {name}", name) for name in "tuv"),
            *(leave(3, f"of {name}", name) for name in "tuv"),
            *(answer(4, task=name) for name in "tuv"),
            end(),
        ],
        "node node-1: 3 tasks at once on 2 workers",
    ),
    "one that overtook another": (
        [
            submit(1, in_order=True),
            submit(2, "u", in_order=True),
            enter(3, task="u"),
            leave(4, task="u"),
            enter(5),
            leave(6),
            answer(7),
            answer(7, task="u"),
            end(),
        ],
        "c, priority 2: u overtook t",
    ),
}


@pytest.mark.parametrize("records", SOUND.values(), ids=SOUND)
def test_history_that_keeps_every_promise_passes(records: list[Record]) -> None:
    assert found(*records) == []


@pytest.mark.parametrize(("records", "sentence"), BROKEN.values(), ids=BROKEN)
def test_broken_promise_is_named(records: list[Record], sentence: str) -> None:
    assert found(*records) == [sentence]


@pytest.mark.parametrize("other", [{"priority": 0}, {"client": "d"}])
def test_order_is_not_promised_between_priorities_or_clients(other: dict[str, Any]) -> None:
    tasks = [enter(3, task="u"), leave(4, task="u"), enter(5), leave(6), answer(7), answer(7, task="u")]
    both = [submit(1, in_order=True), submit(2, "u", in_order=True, **other)]
    assert found(*both, *tasks, end(), *([end("d")] if "client" in other else [])) == []


def test_idempotent_task_has_three_attempts_more_for_each_cluster_that_was_killed() -> None:
    entries = [enter(2 + number, f"w{number}") for number in range(6)]
    rest = [submit(1, idempotent=True), leave(9, "w5"), answer(10), end()]
    assert found(*entries, *rest, fault(3, "kill cluster", "cluster")) == []
    assert found(*entries, *rest) == ["t: entered 6 times, of 3 allowed"]


def test_verdict_counts() -> None:
    verdict = check([*started(), *SOUND["two workers of a node busy"]], 2)
    assert (verdict.tasks, verdict.entries, verdict.again, verdict.most_at_once) == (2, 2, 0, 2)
    assert (verdict.outcomes, verdict.longest_s) == ({"completed": 2}, 3)
    again = check([*started(), *SOUND["idempotent, run again after its node was killed"]], 2)
    assert (again.again, again.faults) == (1, {"kill node": 1})
    assert check(SOUND["killed between entering and saying so"], 2).untold == 1


def test_run_without_one_of_its_faults_or_with_little_load_proves_nothing() -> None:
    verdict = Verdict(outcomes=Counter(completed=9, lost=100), faults=Counter({"kill node": 1}))
    assert shortcomings(verdict, ["kill node"], 9) == []
    assert shortcomings(verdict, ["kill node", "reset"], 10) == [
        "the fault 'reset' never fired",
        "only 9 tasks completed; 10 are wanted",
    ]
