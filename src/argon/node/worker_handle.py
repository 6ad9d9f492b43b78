"""One worker process as its node sees it: how it is started, read, signalled and waited for.

In: tasks and signals. Out: what the process sends, and how it ended. It must never block while the process lives, and
never believe what comes out of it further than a frame can be checked.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
from contextlib import ExitStack
from typing import Final

from argon.ipc.inbox import PACKET_BYTES, Inbox, create_claims
from argon.ipc.outbox import Outbox, create_page
from argon.ipc.owner import NOBODY
from argon.node.launch import Launch
from argon.protocol.codec import ProtocolViolation
from argon.protocol.framing import Framing
from argon.protocol.ids import LocalTaskId, WorkerId
from argon.protocol.messages import Heartbeat, Outcome, Status

PACKETS_AT_ONCE: Final = 16
PACKETS_LEFT_MAX: Final = 1024  # more than the socket holds; a worker that goes on writing must not keep its node


class WorkerHandle:
    """A worker process, its channel and its page.

    Args:
        worker: its number.
        launch: how it is started.
        mark: is found in the environment of all that it starts.
        block: ``PACKET_BYTES`` to receive into, which all processes of one thread share. A new one for each packet
            costs more than the rest of the read; one that two threads share would mix their answers.

    Attributes:
        worker: its number.
        pid: its process id, which is also the id of its process group.
        node_end: the node's end of the channel, not blocking.
        inbox: the tasks on their way to it.
        ready: it has reported that it is up.
        killed: the node has sent SIGKILL.
        wanted: the node has sent for its end, which is not its own doing.
        reason: what it did wrong, empty for nothing.
    """

    def __init__(self, worker: WorkerId, launch: Launch, mark: str, block: memoryview) -> None:
        """Starts the process; raises OSError when the system does not let it."""
        self.worker = worker
        self.ready = False
        self.killed = False
        self.wanted = False
        self.reason = ""
        self._block = block
        self._framing = Framing(launch.max_payload_bytes)
        self._garbled = False
        self._max_payload_bytes = launch.max_payload_bytes
        with ExitStack() as always, ExitStack() as on_failure:
            self.node_end, self._worker_end = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            on_failure.enter_context(self.node_end)
            on_failure.enter_context(self._worker_end)
            self.node_end.setblocking(False)
            self._worker_end.setblocking(True)  # for the worker, whatever this process's default is
            page_fd = create_page()
            always.callback(os.close, page_fd)
            self._outbox = Outbox(page_fd)
            on_failure.callback(self._outbox.close)
            waiting, unclaimed, claims = create_claims()
            always.callback(os.close, waiting)
            self.inbox = Inbox(self.node_end, self._worker_end, unclaimed, claims)
            on_failure.callback(self.inbox.close)
            worker_end_fd = self._worker_end.fileno()
            self._process = subprocess.Popen(
                launch.command(worker_end_fd, waiting, page_fd),
                stdin=subprocess.DEVNULL,
                pass_fds=[fd for fd in (worker_end_fd, waiting, page_fd, launch.owner_fd) if fd != NOBODY],
                start_new_session=True,
                env=launch.marked(mark),
            )
            on_failure.pop_all()
        self.pid = self._process.pid

    # ---- alive -------------------------------------------------------------------------------------------------

    def read(self, packets_max: int = PACKETS_AT_ONCE) -> list[Outcome]:
        """Reads what it has sent, or some of it. Sets ``ready`` and ``reason``."""
        return self._read(packets_max, PACKET_BYTES)  # a full packet is seldom the last; for more, the loop comes back

    def finished(self) -> list[Outcome]:
        """All that it has finished, sent or not. While it lives it may send the same once more."""
        saved = self.salvage()  # first, since what it sends in the meantime is read below
        outcomes = {outcome.id: outcome for outcome in self._read(PACKETS_LEFT_MAX, 1)}
        outcomes.update({outcome.id: outcome for outcome in saved})
        return list(outcomes.values())

    def _read(self, packets_max: int, last_below_bytes: int) -> list[Outcome]:
        outcomes: list[Outcome] = []
        for _ in range(0 if self._garbled else packets_max):
            try:
                size = self.node_end.recv_into(self._block)
                packet = bytes(self._block[:size])
            except BlockingIOError:
                break
            except OSError:
                packet = b""
            if not packet:
                self.reason = self.reason or "closed Argon's channel"
                break
            outcomes += self._outcomes(self._framing, packet)
            if self._garbled or len(packet) < last_below_bytes:
                break
        for outcome in outcomes:
            self.inbox.answered(outcome.id)
        return outcomes

    def salvage(self) -> list[Outcome]:
        """What it has finished and not sent. It may still send the same, now or later."""
        return self._outcomes(Framing(self._max_payload_bytes), self._outbox.salvage())

    def entered(self) -> LocalTaskId:
        """The task whose function it entered last, 0 for none."""
        return self._outbox.entered()

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
                if type(message) is Outcome and message.status <= Status.FAILED:
                    outcomes.append(message)
                elif type(message) is Heartbeat:
                    self.ready = True
                else:
                    raise ProtocolViolation("a worker sends only outcomes")
        except ProtocolViolation:
            self.reason = "wrote to Argon's channel"
            self._garbled = self._garbled or framing is self._framing
        return outcomes

    # ---- dead --------------------------------------------------------------------------------------------------

    def wait_and_close(self, timeout_s: float | None = None) -> int:
        """Waits for the process and closes everything; returns its exit code, or minus the signal that ended it."""
        try:
            code = self._process.wait(timeout_s)
        finally:
            self.inbox.close()
            self._outbox.close()
        return code
