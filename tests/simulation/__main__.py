"""Replays one seed with everything that happens, or tries many on every core.

python -m tests.simulation 17              one scenario, printed line by line
python -m tests.simulation 0 10000         seeds 0 to 9999: names those that break a promise, and the rate; shrinks one
python -m tests.simulation shrink 17       the smallest scenario that breaks a promise: printed, and kept as a test
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from tests.simulation.plan import plan_of
from tests.simulation.scenario import PromiseBroken, carry_out, run
from tests.simulation.shrink import breaks, save, shrink

BLOCK = 50
LINE_CHARS = 300
REGRESS = Path(__file__).parent / "regress"


def tell(line: str) -> None:
    """Prints what happens, the most of it."""
    print(line if len(line) <= LINE_CHARS else f"{line[:LINE_CHARS]}…")


def replay(seed: int) -> int:
    """Prints one scenario; returns the exit status."""
    print(plan_of(seed))
    run(seed, tell)
    print("every promise was kept")
    return 0


def run_seeds(seeds: Iterable[int]) -> tuple[int, dict[int, str]]:
    """Runs seeds; returns how many events happened in those that kept every promise, and what the others say."""
    happened = 0
    broken: dict[int, str] = {}
    for seed in seeds:
        try:
            happened += run(seed).agenda.happened
        except PromiseBroken as promise:
            broken[seed] = str(promise)
    return happened, broken


def try_all(first: int, last: int) -> int:
    """Runs the seeds from ``first`` to before ``last``; returns the exit status."""
    begun = time.monotonic()
    happened = 0
    broken: dict[int, str] = {}
    with ProcessPoolExecutor() as pool:
        blocks = [range(start, min(start + BLOCK, last)) for start in range(first, last, BLOCK)]
        for events, found in pool.map(run_seeds, blocks):
            happened += events
            broken |= found
            for said in found.values():
                print(said, flush=True)
    took_s = time.monotonic() - begun
    rate = f"{happened:,} events in {took_s:.0f} s, {happened / took_s:,.0f} a second"
    print(f"{last - first:,} seeds, {len(broken)} broke a promise; {rate}")
    return tell_shrunk(min(broken)) if broken else 0


def tell_shrunk(seed: int) -> int:
    """Shrinks a scenario, prints it, and keeps it as a test; returns the exit status."""
    plan = plan_of(seed)
    if not breaks(plan):
        print(f"every promise was kept under seed {seed}")
        return 0
    least = shrink(plan)
    try:
        carry_out(least, tell)
    except PromiseBroken as broken:
        print(f"{least}\n{broken}\nkept as {save(least, REGRESS).name}; it is a test from now on")
    return 1


def main(arguments: list[str]) -> int:
    """Runs what the arguments ask for; returns the exit status."""
    if arguments[0] == "shrink":
        return tell_shrunk(int(arguments[1]))
    numbers = [int(argument) for argument in arguments]
    if len(numbers) == 1:
        return replay(numbers[0])
    return try_all(*numbers)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
