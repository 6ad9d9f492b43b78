"""Real `argon` processes for tests: started with a mark in their environment, by which all that they start is found."""

from __future__ import annotations

import os
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.build import IMPORTED_FROM

ROOT = Path(__file__).resolve().parents[2]
MARK = "ARGON_TEST_MARK"


def environment(**more: str) -> dict[str, str]:
    """The environment of a process that imports the package of this working tree."""
    path = os.pathsep.join(filter(None, [IMPORTED_FROM, os.environ.get("PYTHONPATH", "")]))
    return {**os.environ, "PYTHONPATH": path, **more}


class MarkedProcess(subprocess.Popen[str]):
    """An `argon` command with pipes, whose descendants can be found even when they have left it."""

    def __init__(self, *arguments: str, preparation: str = "") -> None:
        self.mark = uuid.uuid4().hex
        main = f"{preparation}\nfrom argon.cli.main import main\nmain()"
        super().__init__(
            [sys.executable, *(["-c", main] if preparation else ["-m", "argon"]), *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=environment(**{MARK: self.mark}),
        )

    def family(self) -> list[str]:
        """The command lines of the process and of everything it started."""
        found = []
        for process in Path("/proc").iterdir():
            if process.name.isdigit():
                try:
                    if f"{MARK}={self.mark}".encode() in (process / "environ").read_bytes():
                        found.append((process / "cmdline").read_text().replace("\0", " "))
                except OSError:  # it ended while we looked, or is somebody else's
                    pass
        return found

    def wait_for_family_of(self, count: int) -> None:
        wait_until(lambda: len(self.family()) >= count)


@contextmanager
def marked(*arguments: str, preparation: str = "") -> Iterator[MarkedProcess]:
    """A process for the time of the `with`; `preparation` is Python that it runs first."""
    process = MarkedProcess(*arguments, preparation=preparation)
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def wait_until(condition: Callable[[], bool], timeout_s: float = 20.0) -> None:
    """Waits for something that announces itself by nothing but being so."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, "it did not come about"
        time.sleep(0.01)
