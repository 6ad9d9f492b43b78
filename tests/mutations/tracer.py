"""Writes down which lines of Argon a process runs. A copy of this file is the ``sitecustomize.py`` of the traced tree.

In, from the environment: the folder to write to, and in whose name: the process of the tests changes that for each
test, and what a test starts inherits it. Out: a file for each name with lines of ``path:line``, written at once, since
a process may be killed at any moment. It must import next to nothing, and never disturb what it watches.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import sys
import threading
from types import FrameType
from typing import Any

FOLDER_VARIABLE = "ARGON_MUTATIONS_FOLDER"
NAME_VARIABLE = "ARGON_MUTATIONS_NAME"
_DESCRIPTOR_MIN = 700  # tests count from below


class Tracer:
    """Traces every thread of this process that begins after it.

    Args:
        folder: where the files are.
        package: the folder of Argon's sources.
    """

    def __init__(self, folder: str, package: str) -> None:
        self._folder = folder
        self._package = package + os.sep
        self._known: dict[str, str] = {}
        self._seen: set[tuple[str, int]] = set()
        self._descriptor = -1

    def begin(self) -> None:
        """Traces from now on."""
        threading.settrace(self._call)
        sys.settrace(self._call)

    def name(self, name: str) -> None:
        """What runs from now on runs in this name, also in processes that are started from now on."""
        os.environ[NAME_VARIABLE] = name
        with contextlib.suppress(OSError):  # no descriptors: what is run now is not written down
            opened = os.open(os.path.join(self._folder, name), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
            if self._descriptor < 0:
                self._descriptor = fcntl.fcntl(opened, fcntl.F_DUPFD_CLOEXEC, _DESCRIPTOR_MIN)
            else:
                os.dup2(opened, self._descriptor, inheritable=False)
            os.close(opened)
        self._seen.clear()

    def _call(self, frame: FrameType, event: str, argument: Any) -> Any:
        file = frame.f_code.co_filename
        path = self._known.get(file)
        if path is None:
            path = self._known[file] = file[len(self._package) :] if file.startswith(self._package) else ""
        return self._line if path else None

    def _line(self, frame: FrameType, event: str, argument: Any) -> Any:
        if event == "line":
            place = (self._known[frame.f_code.co_filename], frame.f_lineno)
            if place not in self._seen:
                self._seen.add(place)
                with contextlib.suppress(OSError):
                    os.write(self._descriptor, f"{place[0]}:{place[1]}\n".encode())
        return self._line


def of_this_process() -> Tracer | None:
    """The tracer that the environment asks for."""
    folder = os.environ.get(FOLDER_VARIABLE)
    if not folder:
        return None
    tracer = Tracer(folder, os.path.join(os.path.dirname(os.path.abspath(__file__)), "argon"))
    tracer.name(os.environ.get(NAME_VARIABLE, "nobody"))
    tracer.begin()
    return tracer


ACTIVE = of_this_process() if __name__ == "sitecustomize" else None
