"""Tasks for a real node, which finds this file by `--include`."""

from __future__ import annotations

import os
import time


def announce_and_sleep(path: str) -> None:
    """Opens a FIFO, so that whoever waits at its other end knows that the task runs; then keeps the worker busy."""
    with open(path, "w") as fifo:
        fifo.write("running")
    time.sleep(600)


def process_id(_: object = None) -> int:
    return os.getpid()
