"""The page of memory that a worker and its node share: outcomes that are finished and not sent yet.

In, from the worker: whole frames, and which task it has entered. Out, for the worker: the bytes to send; for the node:
the same at any moment, also while the worker is busy with a long task, and after it has crashed. So a result that
exists is never lost or late because of the task that runs next, and whether a task ever ran is known. The node must
never believe a length in it, since a task may write anywhere in its process.

    u64 generation · u64 length · u64 entered · frames

The worker writes frames before the length that covers them, and changes the generation between forgetting the old
frames and writing new ones. A reader that meets the same generation before and after its copy has copied nothing half
written.
"""

from __future__ import annotations

import fcntl
import mmap
import os
import struct
from typing import Final

from argon.protocol.ids import LocalTaskId

PAGE_BYTES: Final = 256 << 10

_F_SEAL_FUTURE_WRITE: Final = 0x10  # not in the fcntl module
_NUMBER: Final = struct.Struct("Q")  # native, so that it is one store and one load of the processor
_GENERATION_AT: Final = 0
_LENGTH_AT: Final = 8
_ENTERED_AT: Final = 16
_FRAMES_AT: Final = 24
_ROOM: Final = PAGE_BYTES - _FRAMES_AT

_write_number: Final = _NUMBER.pack_into
_read_number: Final = _NUMBER.unpack_from


def create_page() -> int:
    """Makes an empty page, of a size that stays: one cut short would kill its reader. Returns its file descriptor."""
    fd = os.memfd_create("argon-outbox", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    os.ftruncate(fd, PAGE_BYTES)
    fcntl.fcntl(fd, fcntl.F_ADD_SEALS, fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW)
    return fd


def protect(fd: int) -> None:
    """For a worker that has its Outbox: from now on, a task that writes to every descriptor leaves the page alone."""
    try:
        fcntl.fcntl(fd, fcntl.F_ADD_SEALS, _F_SEAL_FUTURE_WRITE | fcntl.F_SEAL_SEAL)
    except OSError:
        pass  # Linux before 5.1: there, such a task can spoil the outcomes before it


class Outbox:
    """One end of the page: a worker uses ``append``, ``take`` and ``clear``, its node ``salvage``.

    Args:
        fd: what ``create_page`` returned; it may be closed afterwards.

    Attributes:
        pending_bytes: how much the worker has appended since it last called ``clear``.
    """

    __slots__ = ("_generation", "_page", "pending_bytes")

    def __init__(self, fd: int) -> None:
        self._page = mmap.mmap(fd, PAGE_BYTES)
        self._generation = 0
        self.pending_bytes = 0

    def enter(self, local_task_id: LocalTaskId) -> None:
        """Notes that the worker now enters this task's function."""
        _write_number(self._page, _ENTERED_AT, local_task_id)

    def entered(self) -> LocalTaskId:
        """The task whose function the worker entered last, 0 for none."""
        (local_task_id,) = _read_number(self._page, _ENTERED_AT)
        return int(local_task_id)

    def append(self, frame: bytes) -> bool:
        """Keeps a frame; returns False when there is no room for it."""
        start = _FRAMES_AT + self.pending_bytes
        end = start + len(frame)
        if end > PAGE_BYTES:
            return False
        self._page[start:end] = frame
        self.pending_bytes = end - _FRAMES_AT
        _write_number(self._page, _LENGTH_AT, self.pending_bytes)
        return True

    def take(self) -> bytes:
        """The frames appended since ``clear``. They stay until then, should the worker die while it sends them."""
        return self._page[_FRAMES_AT : _FRAMES_AT + self.pending_bytes]

    def clear(self) -> None:
        """Forgets the frames: they are sent."""
        self.pending_bytes = 0
        _write_number(self._page, _LENGTH_AT, 0)
        self._generation += 1
        _write_number(self._page, _GENERATION_AT, self._generation)

    def salvage(self) -> bytes:
        """The frames that the worker has not cleared; nothing if it is just sending them."""
        page = self._page
        generation = _read_number(page, _GENERATION_AT)
        (length,) = _read_number(page, _LENGTH_AT)
        if length > _ROOM:
            return b""
        frames = page[_FRAMES_AT : _FRAMES_AT + length]
        return frames if generation == _read_number(page, _GENERATION_AT) else b""

    def close(self) -> None:
        """Gives the memory back."""
        self._page.close()
