"""Random load and random faults on a cluster of real processes, for so many minutes.

python -m tests.chaos 10          with a seed of its own, which it prints
python -m tests.chaos 10 17       with this one: the same load and faults, as far as processes keep time

Exit status: 0 passed, 1 failed, 3 invalid, 130 interrupted.
"""

from __future__ import annotations

import random
import shutil
import signal
import sys
import tempfile
import time
from pathlib import Path

from tests.chaos.report import lines
from tests.chaos.run import Plan, carry_out

STATUS = {"PASSED": 0, "FAILED": 1, "INVALID": 3}
INTERRUPTED = 130


def interrupt(*_: object) -> None:
    """SIGTERM is Ctrl-C."""
    raise KeyboardInterrupt


def main(arguments: list[str]) -> int:
    """Runs what the arguments ask for; returns the exit status."""
    minutes = float(arguments[0])
    seed = int(arguments[1]) if len(arguments) > 1 else random.SystemRandom().randrange(1 << 32)
    again = f"python -m tests.chaos {minutes:g} {seed}"
    signal.signal(signal.SIGTERM, interrupt)
    folder = Path(tempfile.mkdtemp(prefix="argon-chaos-"))
    begun = time.monotonic()

    def tell(line: str) -> None:
        print(f"{time.monotonic() - begun:6.1f} s  {line}", file=sys.stderr, flush=True)

    tell(f"seed {seed}")
    try:
        report = carry_out(Plan(seed, minutes * 60), folder, tell)
    except KeyboardInterrupt:
        tell(f"interrupted: no verdict. The histories are in {folder}; again with: {again}")
        return INTERRUPTED
    for line in lines(report):
        print(line)
    if report.word == "FAILED":
        tell(f"the histories are in {folder}; again with: {again}")
    else:
        shutil.rmtree(folder)
    return STATUS[report.word]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
