"""One worker process as its node sees it: how it is started, read, signalled and buried.

In: tasks and signals. Out: what the process says, and how it ended. It must never block while the process lives, and
never believe what comes out of it further than a frame can be checked.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Sequence

import msgspec

from argon.protocol.codec import ProtocolViolation
from argon.protocol.framing import Framing
from argon.protocol.messages import Heartbeat, Outcome, Status
from argon.roles.inbox import PACKET_BYTES, Inbox, create_claims
from argon.roles.outbox import Outbox, create_page
from argon.roles.worker import WorkerConfig

PACKETS_AT_ONCE = 16
PACKETS_LEFT_MAX = 65536


class WorkerProcess:
    """A worker process, its channel and its page.

    Attributes:
        worker: its number.
        pid: its process id, which is also the id of its process group.
        near: the node's end of the channel, not blocking.
        inbox: the tasks on their way to it.
        ready: it has said that it is up.
        killed: the node has sent SIGKILL.
        reason: what it did wrong, empty for nothing.
    """

    def __init__(self, worker: int, node: str, include: Sequence[str], max_payload_bytes: int) -> None:
        """Starts the process; raises OSError when the system does not let it."""
        self.worker = worker
        self.ready = False
        self.killed = False
        self.reason = ""
        self._framing = Framing(max_payload_bytes)
        self._max_payload_bytes = max_payload_bytes
        self.near, self._far = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.near.setblocking(False)
        self._far.setblocking(True)  # for the worker, whatever this process's default is
        page_fd = create_page()
        waiting, unclaimed, claims = create_claims()
        self.inbox = Inbox(self.near, self._far, unclaimed, claims)
        try:
            self._outbox = Outbox(page_fd)
            far_fd = self._far.fileno()
            config = WorkerConfig(
                far_fd, waiting, unclaimed, page_fd, os.getpid(), node, list(include), max_payload_bytes
            )
            self._process = subprocess.Popen(
                [sys.executable, "-m", "argon.roles.worker", msgspec.json.encode(config).decode()],
                stdin=subprocess.DEVNULL,
                pass_fds=(far_fd, waiting, unclaimed, page_fd),
                start_new_session=True,
                env={name: value for name, value in os.environ.items() if name != "ARGON_TOKEN"},
            )
        except BaseException:
            self.inbox.close()
            raise
        finally:
            os.close(page_fd)
            os.close(waiting)
        self.pid = self._process.pid

    # ---- alive -------------------------------------------------------------------------------------------------

    def read(self, packets_max: int = PACKETS_AT_ONCE) -> list[Outcome]:
        """What it has said and not yet been read. Sets ``ready`` and ``reason``."""
        outcomes: list[Outcome] = []
        for _ in range(packets_max):
            try:
                packet = self.near.recv(PACKET_BYTES)
            except BlockingIOError:
                break
            except OSError:
                packet = b""
            if not packet:
                self.reason = "closed Argon's channel"
                break
            outcomes += self._outcomes(self._framing, packet)
            if self.reason or len(packet) < PACKET_BYTES:
                break  # a full packet is seldom the last; whatever else there is makes the loop come back
        for outcome in outcomes:
            self.inbox.answered(outcome.id)
        return outcomes

    def salvage(self) -> list[Outcome]:
        """What it has finished and not sent. It may still send the same, now or later."""
        return self._outcomes(Framing(self._max_payload_bytes), self._outbox.salvage())

    def running(self) -> bool:
        """Whether the process has not ended."""
        return self._process.poll() is None

    def signal(self, number: int) -> None:
        """Sends a signal to the process and to all that it has started."""
        self.killed = self.killed or number == signal.SIGKILL
        try:
            os.killpg(self.pid, number)
        except (ProcessLookupError, PermissionError):
            pass  # it is gone, or has become somebody else's

    def _outcomes(self, framing: Framing, data: bytes) -> list[Outcome]:
        outcomes = []
        try:
            for message in framing.feed(data):
                if type(message) is Outcome and message.status in (Status.COMPLETED, Status.FAILED):
                    outcomes.append(message)
                elif type(message) is Heartbeat:
                    self.ready = True
                else:
                    raise ProtocolViolation("a worker says only outcomes")
        except ProtocolViolation:
            self.reason = "wrote to Argon's channel"
        return outcomes

    # ---- dead --------------------------------------------------------------------------------------------------

    def last_words(self) -> list[Outcome]:
        """All that a dead process has finished, sent or not."""
        outcomes = {}
        for _ in range(0 if self.reason else PACKETS_LEFT_MAX):
            try:
                packet = self.near.recv(PACKET_BYTES)
            except OSError:  # usually BlockingIOError: there are no more
                break
            if not packet:
                break
            outcomes.update({outcome.id: outcome for outcome in self._outcomes(self._framing, packet)})
        outcomes.update({outcome.id: outcome for outcome in self.salvage()})
        return list(outcomes.values())

    def bury(self, timeout_s: float | None = None) -> int:
        """Waits for the process and closes everything; returns its exit code, or minus the signal that ended it."""
        try:
            code = self._process.wait(timeout_s)
        finally:
            self.inbox.close()
            self._outbox.close()
        return code
