"""How a process of Argon's own treats freed memory.

In: nothing. Out: an allocator that keeps what is freed for the next payload. It must be called only where the process
is Argon's, never in a caller's.
"""

from __future__ import annotations

from typing import Final

_LARGE_BYTES: Final = (32 << 20) - (64 << 10)  # glibc's DEFAULT_MMAP_THRESHOLD_MAX on 64 bits, less its own needs


def keep_freed_memory() -> None:
    """Makes glibc keep up to 64 MiB of freed memory instead of returning it to the system after each payload.

    Getting it back costs a page fault for every 4 KiB, about half of what a payload of a MiB costs otherwise. The
    thresholds follow the largest block that was ever freed (mallopt(3), "dynamic mmap threshold"), so one is made and
    freed here; its pages are never touched. Other C libraries take no notice.
    """
    bytearray(_LARGE_BYTES)
