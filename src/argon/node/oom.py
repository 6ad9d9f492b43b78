"""Whether the kernel has killed a process of this control group for want of memory.

In: the kernel's own count, of cgroup v2 or v1. Out: yes or no. It must never fail: where there is no count, the answer
is no.
"""

from __future__ import annotations

from pathlib import Path

CGROUPS = Path("/sys/fs/cgroup")


class OomCounter:
    """Counts the kernel's kills from now on."""

    def __init__(self) -> None:
        self._file = _counting_file()
        self._seen = self._count()

    def has_risen(self) -> bool:
        """Whether there was a kill since the last call."""
        before, self._seen = self._seen, self._count()
        return self._seen > before

    def _count(self) -> int:
        try:
            lines = self._file.read_text("ascii").splitlines() if self._file else []
        except (OSError, ValueError):
            return 0
        for line in lines:
            name, _, number = line.partition(" ")
            if name == "oom_kill" and number.isdecimal():
                return int(number)
        return 0


def _counting_file(groups: str | None = None, root: Path = CGROUPS) -> Path | None:
    """The file with this process's count. In a container the path of the group may be relative to another root."""
    try:
        text = Path("/proc/self/cgroup").read_text("utf-8") if groups is None else groups
    except OSError:
        return None
    for line in text.splitlines():
        _, controllers, group = line.split(":", 2)
        if controllers == "":
            folder, name = root, "memory.events"
        elif "memory" in controllers.split(","):
            folder, name = root / "memory", "memory.oom_control"
        else:
            continue
        for candidate in (folder / group.lstrip("/") / name, folder / name):
            if candidate.is_file():
                return candidate
    return None
