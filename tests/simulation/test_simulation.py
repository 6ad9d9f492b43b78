"""Whole scenarios, one for each seed, each with its own sizes and its own faults, watched by every checker.

A seed that fails says how to replay it: `python -m tests.simulation SEED`.
"""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from argon.errors import MayHaveRun
from argon.protocol.messages import STATUS_NAMES, Outcome
from tests.simulation.plan import STRIKES
from tests.simulation.scenario import PromiseBroken, run

SEEDS, BLOCK = 2000, 50
ROOT = Path(__file__).resolve().parents[2]


def digest(seed: int) -> str:
    """A fingerprint of everything that happens under a seed. Compiled, an enumeration's member is its number; so a line
    that was cut for its length is cut again after that."""
    history = hashlib.blake2b(digest_size=16)
    run(seed, lambda line: history.update(re.sub(r"<\w+\.\w+: (\d+)>", r"\1", line)[:1500].encode()))
    return history.hexdigest()


@pytest.mark.parametrize("first", range(0, SEEDS, BLOCK))
def test_every_promise_is_kept_in_every_scenario(first: int) -> None:
    for seed in range(first, first + BLOCK):
        run(seed)


def test_simulation_meets_what_it_is_for() -> None:
    seen: Counter[str] = Counter()
    words = ["Announced(", "Oversized(", "Recall(", "Kill(", "Retire(", "StillRunning(", "DiscardPayload("]
    words += ["holds_back client", "holds_back node", "violated hostile", "may not send", "already in use"]

    def look(line: str) -> None:
        _, event, *rest = line.split(" ", 2)
        seen[f"fault {rest[0]}" if event == "fault" else event] += 1
        for word in words:
            seen[word] += word in line

    for seed in range(1000, 1160):
        scenario = run(seed, look)
        for task in scenario.task_table.tasks.values():
            if task.outcome is not None:
                seen[f"{STATUS_NAMES[task.outcome.status]} {list(MayHaveRun)[task.outcome.entered].name}"] += 1
                seen["entered again"] += task.entered > 1
                seen["attempted again"] += isinstance(task.outcome, Outcome) and task.outcome.attempt > 1
                seen["tried again"] += task.rejected > 1
        seen["any bytes run"] += any(task.entered for task in scenario.task_table.strays.values())
        seen["no bytes run"] += b"" in scenario.task_table.strays and scenario.task_table.strays[b""].entered > 0
    strikes = [f"fault {fault!r}" for fault in STRIKES]
    outcomes = [
        "COMPLETED YES",
        "FAILED YES",
        "REJECTED NO",
        "LOST UNKNOWN",
        "LOST NO",
        "CANCELLED NO",
        "CANCELLED YES",
    ]
    outcomes += ["EXPIRED NO", "EXPIRED YES", "EXPIRED UNKNOWN"]
    again = ["entered again", "attempted again", "tried again", "any bytes run", "no bytes run"]
    for what in [*strikes, *outcomes, *again, *words]:
        assert seen[what] >= 3, f"{what} happened {seen[what]} times, so nothing is proved about it"


def test_equal_seeds_give_equal_histories_whatever_the_hash_seed_and_the_build() -> None:
    # The other process runs the sources, also where this one runs what was compiled from them.
    here = [digest(seed) for seed in range(7, 17)]
    assert len(set(here)) == len(here)
    script = "from tests.simulation.test_simulation import digest; print(*map(digest, range(7, 17)))"
    path = os.pathsep.join([str(ROOT / "src"), str(ROOT)])
    environment = {**os.environ, "PYTHONPATH": path, "PYTHONHASHSEED": "1"}
    there = subprocess.run(
        [sys.executable, "-c", script], env=environment, cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert there.stdout.split() == here


def test_failing_seed_says_how_to_replay_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.simulation.scenario.Scenario.run", lambda self: 1 / 0)
    with pytest.raises(PromiseBroken, match=r"python -m tests\.simulation 41"):
        run(41)
