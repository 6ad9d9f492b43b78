"""Whole little worlds, one a seed, each with its own sizes and its own troubles, watched by every checker.

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
from tests.simulation.world import PromiseBroken, run

SEEDS, BLOCK = 2000, 50
ROOT = Path(__file__).resolve().parents[2]


def digest(seed: int) -> str:
    """A fingerprint of everything that happens under a seed. Compiled, an enumeration's member is its number; so a line
    that was cut for its length is cut again after that."""
    history = hashlib.blake2b(digest_size=16)
    run(seed, lambda line: history.update(re.sub(r"<\w+\.\w+: (\d+)>", r"\1", line)[:1500].encode()))
    return history.hexdigest()


@pytest.mark.parametrize("first", range(0, SEEDS, BLOCK))
def test_every_promise_is_kept_in_every_world(first: int) -> None:
    for seed in range(first, first + BLOCK):
        run(seed)


def test_simulation_meets_what_it_is_for() -> None:
    seen: Counter[str] = Counter()
    words = ["Announced(", "Oversized(", "Recall(", "Kill(", "Retire(", "StillRunning(", "DiscardPayload("]
    words += ["holds_back client", "holds_back node", "violated hostile", "may not send", "already in use"]

    def look(line: str) -> None:
        _, event, *rest = line.split(" ", 2)
        seen[f"trouble {rest[0]}" if event == "trouble" else event] += 1
        for word in words:
            seen[word] += word in line

    for seed in range(1000, 1080):
        world = run(seed, look)
        for errand in world.ledger.errands.values():
            if errand.outcome is not None:
                seen[f"{STATUS_NAMES[errand.outcome.status]} {list(MayHaveRun)[errand.outcome.entered].name}"] += 1
                seen["entered again"] += errand.entered > 1
                seen["attempted again"] += isinstance(errand.outcome, Outcome) and errand.outcome.attempt > 1
                seen["tried again"] += errand.rejected > 1
        seen["any bytes run"] += any(errand.entered for errand in world.ledger.strays.values())
        seen["no bytes run"] += b"" in world.ledger.strays and world.ledger.strays[b""].entered > 0
    strikes = [f"trouble {trouble!r}" for trouble in STRIKES]
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
    monkeypatch.setattr("tests.simulation.world.World.live", lambda self: 1 / 0)
    with pytest.raises(PromiseBroken, match=r"python -m tests\.simulation 41"):
        run(41)
