"""What a shell tells its role: that everything is answered, or that an invariant is broken."""

from __future__ import annotations


class Ending:
    """The role's side: notes how it is ended. While it ``lives``, a broken invariant ends the role."""

    def __init__(self, lives: bool = True) -> None:
        self.lives = lives
        self.stops = 0
        self.errors: list[Exception] = []

    def stopped(self) -> None:
        self.stops += 1

    def stopped_badly(self) -> None:
        raise AssertionError("a task is in two rooms")

    def broken(self, error: Exception) -> bool:
        self.errors.append(error)
        return self.lives
