"""Replays one seed with everything that happens, or tries many.

python -m tests.simulation 17              one life, told line by line
python -m tests.simulation 0 10000         seeds 0 to 9999; names those that break a promise
"""

from __future__ import annotations

import sys

from tests.simulation.plan import plan_of
from tests.simulation.world import PromiseBroken, run


def main(arguments: list[str]) -> int:
    """Runs what the arguments ask for; returns the exit code."""
    if len(arguments) == 1:
        print(plan_of(int(arguments[0])))
        run(int(arguments[0]), print)
        print("every promise was kept")
        return 0
    failed = 0
    for seed in range(int(arguments[0]), int(arguments[1])):
        try:
            run(seed)
        except PromiseBroken as broken:
            failed += 1
            print(broken)
    print(f"{failed} seeds broke a promise")
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
