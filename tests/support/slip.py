"""A ticket that keeps what becomes of its task."""

from __future__ import annotations

import threading

from argon.protocol.messages import Answer


class Slip:
    """What a caller keeps of a task, for tests of whoever settles it."""

    def __init__(self) -> None:
        self.client_task_id = 0
        self.session = 0
        self.ended = threading.Event()
        self.answers: list[Answer] = []

    def done(self) -> bool:
        return bool(self.answers)

    def settle(self, answer: Answer, session: int = 0) -> None:
        self.session = session
        self.answers.append(answer)
        self.ended.set()
