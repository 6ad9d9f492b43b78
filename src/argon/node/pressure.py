"""How busy this machine is: whether what wants to run there must wait for a CPU.

In: the kernel's own numbers. Out: one number from 0, nothing waits, to 1, something always does. It must never fail:
where there are no numbers, the answer is 0.

Where the kernel has it, that is the share of the last ten seconds in which something was runnable and had no CPU
(``/proc/pressure/cpu``, "some avg10"); elsewhere, by how much the load of the last minute is over one for each CPU.

The workers of the node press too, and that is meant: four busy workers on two CPUs make one more task wait as much as
four of somebody else's processes would. Nodes that are equal and equally busy report the same, so the number then
changes no choice. It shows which machines have other work, which no node's own tasks would show in time.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

PRESSURE: Final = Path("/proc/pressure/cpu")
LOAD: Final = Path("/proc/loadavg")


def cpu_pressure(pressure: Path = PRESSURE, load: Path = LOAD, cpus: int | None = None) -> float:
    """How busy the machine is now, from 0 to 1.

    Args:
        pressure: a file in the format of ``/proc/pressure/cpu``.
        load: a file in the format of ``/proc/loadavg``, read where the other cannot be.
        cpus: how many the machine has.
    """
    stalled = _stalled_share(_text_of(pressure))
    if stalled is None:
        stalled = _load_of(_text_of(load)) / (cpus or os.cpu_count() or 1) - 1.0
    return min(1.0, max(0.0, stalled))


def _stalled_share(text: str) -> float | None:
    for word in text.partition("\n")[0].split():
        if word.startswith("avg10=") and text.startswith("some "):
            percent = _number(word.removeprefix("avg10="))
            return None if percent is None else percent / 100.0
    return None


def _load_of(text: str) -> float:
    words = text.split()
    return (_number(words[0]) if words else None) or 0.0


def _number(word: str) -> float | None:
    """A plain decimal: neither infinite nor what is no number."""
    return float(word) if word.replace(".", "", 1).isdecimal() else None


def _text_of(file: Path) -> str:
    try:
        return file.read_text("ascii")
    except (OSError, ValueError):
        return ""
