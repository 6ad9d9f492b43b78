"""What a client cannot do for its callers, said at once: a call that could never end must not begin.

In: that a client is about to be used, or waited for. Out: nothing, or an exception that says what to do instead. It
must never wait.
"""

from __future__ import annotations

import threading
from os import getpid  # compiled, a name of the module is found sooner than one of `os`

from argon.errors import ConnectionFailed

CLOSED = "this client is closed; create a new one"


class UsageGuards:
    """The guards of one client.

    Attributes:
        closed: whether it was closed, or has ended by itself; its owner sets this.
        why_closed: what those get who use it then.
        thread: the thread that brings the answers.
    """

    def __init__(self, thread: threading.Thread) -> None:
        self.closed = False
        self.why_closed = CLOSED
        self.thread = thread
        self._pid = getpid()

    def on_own_thread(self) -> bool:
        """Whether the caller is on the thread that brings the answers."""
        return threading.current_thread() is self.thread

    def in_own_process(self) -> bool:
        """Whether this is the process that has that thread, and not one that was forked from it."""
        return self._pid == getpid()

    def check_usable(self) -> None:
        """Raises where nothing can be handed over.

        Raises:
            ConnectionFailed: the client is closed.
            RuntimeError: this is a forked process.
        """
        if self.closed:
            raise ConnectionFailed(self.why_closed)
        self.check_process()

    def check_process(self) -> None:
        """Raises RuntimeError in a forked process, which has no such thread."""
        if self._pid != (here := getpid()):
            raise RuntimeError(
                f"this client was created in process {self._pid}, and this is process {here}; create one after the fork"
            )

    def check_may_wait(self) -> None:
        """Raises RuntimeError where no answer can come: on the thread that brings them, and in a forked process."""
        if self.on_own_thread():
            raise RuntimeError(
                "a callback must not wait for an answer: it runs on the thread that receives the answers"
            )
        self.check_process()
