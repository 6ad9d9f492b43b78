"""The task of a mixed fleet: how long it sleeps depends on the node that it runs on.

In: seconds, and what the node was started with in its environment: `FLEET_PACE`, how many times as long everything
takes there, and `FLEET_SLOWED_FILE`, a file by which it is told to become ten times slower still. Out: the seconds.
"""

from __future__ import annotations

import os
import time

SLOWED_TIMES = 10.0
PACE = float(os.environ.get("FLEET_PACE", "1"))
SLOWED_FILE = os.environ.get("FLEET_SLOWED_FILE", "")


def fleet_nap(seconds: float) -> float:
    """Sleeps at the pace of its node."""
    slowed = SLOWED_FILE and os.path.exists(SLOWED_FILE)
    time.sleep(seconds * PACE * (SLOWED_TIMES if slowed else 1.0))
    return seconds
