"""What the workers run under chaos: each says that it enters, and that it leaves, and answers with a checksum."""

from __future__ import annotations

import os
import signal
import time
import zlib
from pathlib import Path

from tests.chaos.history import FOLDER_VARIABLE, History, Record

_histories: dict[int, History] = {}


class Refused(Exception):
    """What a task raises that is asked to."""


def work(task: str, does: str, run_s: float, payload: bytes, result_bytes: int) -> tuple[str, int, bytes]:
    """Sleeps, and then does what it is told to; returns its name, a checksum of its payload, and a piece of it.

    A ``stubborn`` one does not say that it leaves: its worker has been replaced long before, so that it must not count
    as one of the node's.
    """
    history = _history()
    history.write(Record("enter", time.monotonic(), task=task, pid=os.getppid()))
    if does == "stubborn":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        time.sleep(60)
    try:
        time.sleep(run_s)
        if does == "raise":
            raise Refused(task)
        if does == "exit":
            os._exit(3)
        while does == "overrun":
            pass
        return task, zlib.crc32(payload), payload[:result_bytes]
    finally:
        history.write(Record("leave", time.monotonic(), task=task))


def _history() -> History:
    """This worker's file, opened with its first task."""
    pid = os.getpid()
    if pid not in _histories:
        _histories[pid] = History(Path(os.environ[FOLDER_VARIABLE]))
    return _histories[pid]
