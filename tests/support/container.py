"""A container of a test's own: a command is PID 1 in it, as nothing but the kernel's namespaces make it.

In: a command line. Out: how to start it there, and the PID that its first process has out here. It needs `unshare` and
a kernel that lets this user have a namespace of processes; elsewhere its tests are skipped with the reason. All that is
in a container ends with its first process, and that with the command `unshare`.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

CONTAINER = [
    *("unshare", "--pid", "--fork", "--mount-proc", "--kill-child"),
    *([] if os.getuid() == 0 else ["--map-root-user"]),
]


def _refusal() -> str:
    """Why there is none here; empty if there is."""
    if shutil.which(CONTAINER[0]) is None:
        return "needs the command unshare, which is not installed"
    tried = subprocess.run([*CONTAINER, "true"], capture_output=True, text=True)
    return f"a namespace of processes cannot be made: {tried.stderr.strip()}" if tried.returncode else ""


_REFUSAL = _refusal()
needs_container = pytest.mark.skipif(bool(_REFUSAL), reason=_REFUSAL or "there is one")


def first_process(container: subprocess.Popen[str]) -> int:
    """The PID out here of what is PID 1 in there."""
    return int(Path(f"/proc/{container.pid}/task/{container.pid}/children").read_text().split()[0])
