"""What every process says of itself, in a file of its own: a line of JSON for each thing that it has done.

In: records, from any thread. Out: the same records of all processes of a run, read when it is over. A line is one
``write`` to a file that is only appended to: what was written is there, whole, however the process ends (the page
cache outlives it), but not when the machine does, since nothing is synchronised to the disk. All processes are on one
machine, and share its monotonic clock.
"""

from __future__ import annotations

import os
import time
from pathlib import Path

import msgspec

FOLDER_VARIABLE = "CHAOS_HISTORY"


class Record(msgspec.Struct, omit_defaults=True):
    """One thing that happened.

    Attributes:
        what: ``submit``, ``answer`` or ``end`` of a client; ``enter`` or ``leave`` of a task; ``started``, ``fault``
            or ``calm`` (everybody is well again) of the fault injector.
        at: seconds on the monotonic clock.
        process: whose file this is: a process id and when its file began, since ids are used again.
        task: the task's own name.
        client: the client that submitted it (submit, answer), or that waits for no more answers and closes (end).
        node: the node's name (answer, started).
        pid: of a node that began (started), of a task's node (enter).
        outcome: how it ended (answer).
        ran: what ``may_have_run`` said (answer).
        run_s: how long it ran, as the answer has it.
        is_right: whether the value, or the exception, is the one that the task makes (answer).
        does: what the task does (submit).
        priority: its priority (submit).
        idempotent: whether it may run again (submit).
        in_order: whether it was submitted where the order of entering is exact (submit).
        fault: its kind (fault).
        target: who was hit (fault).
        until: when it was over (fault).
        severs: whether tasks of the target may be lost by it, of all if that is the cluster (fault).
    """

    what: str
    at: float
    process: str = ""
    task: str = ""
    client: str = ""
    node: str = ""
    pid: int = 0
    outcome: str = ""
    ran: str = ""
    run_s: float = 0.0
    is_right: bool = True
    does: str = ""
    priority: int = 2
    idempotent: bool = False
    in_order: bool = False
    fault: str = ""
    target: str = ""
    until: float = 0.0
    severs: bool = False


class History:
    """This process's file."""

    def __init__(self, folder: Path) -> None:
        self.process = f"{os.getpid()}-{time.monotonic_ns()}"
        self._encode = msgspec.json.Encoder().encode
        self._file = os.open(
            folder / f"{self.process}.jsonl", os.O_CREAT | os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC, 0o600
        )

    def write(self, record: Record) -> None:
        """Adds a record. Its time is that of whoever made it, and its process this one."""
        record.process = self.process
        os.write(self._file, self._encode(record) + b"\n")

    def close(self) -> None:
        """Closes the file."""
        os.close(self._file)


def read(folder: Path) -> list[Record]:
    """All records of all processes, by time; those of the same time in the order of their file.

    Raises:
        ValueError: a file has a line that is no record.
    """
    decode = msgspec.json.Decoder(Record).decode
    found: list[Record] = []
    for file in sorted(folder.glob("*.jsonl")):
        for number, line in enumerate(file.read_bytes().splitlines(), 1):
            try:
                found.append(decode(line))
            except (msgspec.MsgspecError, UnicodeDecodeError) as error:
                raise ValueError(f"{file.name}:{number}: {error}") from error
    return sorted(found, key=lambda record: record.at)
