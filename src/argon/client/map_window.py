"""How far ``Client.map`` goes ahead of what it gives out.

In: tasks that begin and end. Out: whether one more may be submitted, and a wait until that is so or the first is done.
What has ended, and waits for one before it, does not keep others from running, as long as it takes less than a stated
number of bytes. It must never wake its caller for each task that ends: that would be a switch of threads for each.
"""

from __future__ import annotations

import threading
from time import monotonic
from typing import Any, Final

from argon.client.loop_thread import LoopThread
from argon.client.task_future import LOOK_UP_S, TaskFuture
from argon.protocol.messages import Answer, Outcome, payload_bytes

KEPT_BYTES_MAX: Final = 64 << 20
ITEM_BYTES: Final = 512  # what a future and a small value take


class MapWindow:
    """What is under way for one call of ``map``.

    Attributes:
        begun: how many tasks were submitted; their caller counts them.
    """

    def __init__(self, owner: LoopThread) -> None:
        self.begun = 0
        self._owner = owner
        self._ended = 0
        self._kept_bytes = 0
        self._first: TaskFuture | None = None  # somebody sleeps until it has ended
        self._refill_at = 0
        self._bell = threading.Lock()
        self._bell.acquire()

    def has_room(self, limit: int) -> bool:
        """Whether fewer tasks than ``limit`` are under way, and what is kept may be more."""
        return self.begun - self._ended < limit and self._kept_bytes < KEPT_BYTES_MAX

    def wait(self, first: TaskFuture, limit: int, end: float | None) -> bool:
        """Waits until the first task has ended, or half of the window is free; False if that is not so by ``end``."""
        with self._owner.settle_lock:
            self._first, self._refill_at = first, max(1, limit // 2)
            if self._is_over():
                self._first = None
                return True
        try:
            left_s = LOOK_UP_S if end is None else end - monotonic()
            while left_s > 0:
                if self._bell.acquire(timeout=min(left_s, LOOK_UP_S)):
                    return True
                left_s = LOOK_UP_S if end is None else end - monotonic()
            return False
        finally:
            self._stop_waiting()

    def ended(self, size_bytes: int) -> None:
        """Notes that a task has ended; called in whatever thread ends it."""
        with self._owner.settle_lock:
            self._ended += 1
            self._kept_bytes += size_bytes
            if self._first is not None and self._is_over():
                self._first = None
                self._bell.release()

    def given(self, size_bytes: int) -> None:
        """Notes that what a task has come to was given out."""
        with self._owner.settle_lock:
            self._kept_bytes -= size_bytes

    def _stop_waiting(self) -> None:
        with self._owner.settle_lock:
            if self._first is None:
                self._bell.acquire(blocking=False)  # if it rang when nobody waited any more
            self._first = None

    def _is_over(self) -> bool:
        first = self._first
        return first is None or first.done() or self.has_room(self._refill_at)


class MapFuture(TaskFuture):
    """The future of one item of ``map``.

    Attributes:
        size_bytes: what is kept of it until it is given out.
    """

    def __init__(self, owner: LoopThread, window: MapWindow) -> None:
        super().__init__(owner)
        self.size_bytes = ITEM_BYTES
        self._window = window

    def settle(self, answer: Answer, session: int = 0) -> None:
        """Takes the answer; one that comes after ``cancel()`` is too late."""
        if type(answer) is Outcome:
            self.size_bytes += payload_bytes(answer.payload)
        super().settle(answer, session)

    def _end(self, state: str, value: Any, error: BaseException | None) -> bool:
        if not super()._end(state, value, error):
            return False
        self._window.ended(self.size_bytes)
        return True
