"""A control group of the kernel for one test: what is started in it may use only so much memory, or so many processes.

In: the controller and the limit. Out: how to start a command in it, and how often it has met the limit, since a fault
that did not happen proves nothing. It needs root and control groups of version 1; elsewhere its tests are skipped with
the reason. The group is removed at the end.
"""

from __future__ import annotations

import os
import signal
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support.waiting import wait_until

_ROOT = Path("/sys/fs/cgroup")


class ControlGroup:
    """One group; ``prefix`` goes before a command that is to start in it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.prefix = ("sh", "-c", f'echo $$ > {folder}/cgroup.procs && exec "$@"', "sh")

    def count(self, file: str, name: str) -> int:
        """A number that the kernel counts, in a file of lines ``name number``."""
        lines = (line.split() for line in (self._folder / file).read_text().splitlines())
        return next(int(number) for key, number in lines if key == name)


@contextmanager
def control_group(controller: str, **limits: int) -> Iterator[ControlGroup]:
    """A group with limits, such as ``memory`` with ``limit_in_bytes``."""
    folder = _ROOT / controller / f"argon-test-{uuid.uuid4().hex}"
    try:
        if not folder.parent.is_dir():
            raise FileNotFoundError(2, f"there is no {folder.parent}")
        folder.mkdir()
    except OSError as error:
        pytest.skip(f"a control group of version 1 for {controller} cannot be made here: {error.strerror}")
    try:
        for name, limit in limits.items():
            (folder / f"{controller}.{name}").write_text(str(limit))
        yield ControlGroup(folder)
    finally:
        wait_until(lambda: _is_empty(folder))
        folder.rmdir()


def _is_empty(group: Path) -> bool:
    """Kills what is left in a group; whether that was nothing."""
    left = (group / "cgroup.procs").read_text().split()
    for pid in left:
        try:
            os.kill(int(pid), signal.SIGKILL)
        except ProcessLookupError:
            continue
    return not left
