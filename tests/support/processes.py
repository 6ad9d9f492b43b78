"""Worker processes in tests: one alone on a socket pair, and whole pools on an event loop."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import msgspec

from argon.call.failure import unpack_failure
from argon.call.payload import pack_call, unpack_result
from argon.ipc.inbox import Inbox, create_claims
from argon.ipc.outbox import Outbox, create_page
from argon.ipc.worker_config import WorkerConfig
from argon.node.launch import Launch, worker_environment
from argon.node.pool import Pool
from argon.protocol.codec import encode_to_worker
from argon.protocol.framing import Framing
from argon.protocol.messages import Assign, Message, Outcome, Status, payload_bytes
from argon.scheduling.effects import AssignWorker
from argon.scheduling.node.worker_slot import WorkerExit
from tests.support.waiting import wait_until

ROOT = Path(__file__).resolve().parents[2]
WITHIN_S = 20.0
MAX_PAYLOAD_BYTES = 64 << 20


def task(id_: int, function: Callable[..., Any] | str, *args: Any, **kwargs: Any) -> Assign:
    payload, kind = pack_call(function, args, kwargs)
    return Assign(id_, 1, 2, 0.0, kind, payload)


def value_of(outcome: Outcome) -> Any:
    assert outcome.status == Status.COMPLETED, failure_of(outcome)
    return unpack_result(outcome.payload)


def failure_of(outcome: Outcome) -> BaseException:
    assert outcome.status == Status.FAILED
    return unpack_failure(outcome.payload, attempt=outcome.attempt, queued_s=0.5, run_s=outcome.run_s)


class LoneWorker:
    """A real worker process, and the test in the node's place."""

    def __init__(self, max_payload_bytes: int = MAX_PAYLOAD_BYTES) -> None:
        self.node_end, self.worker_end = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.node_end.settimeout(WITHIN_S)
        page_fd = create_page()
        self.page = Outbox(page_fd)
        waiting, unclaimed, claims = create_claims()
        self.inbox = Inbox(self.node_end, self.worker_end, unclaimed, claims)
        config = WorkerConfig(
            self.worker_end.fileno(), waiting, page_fd, os.getpid(), "node-1", [str(ROOT)], max_payload_bytes
        )
        self.process = subprocess.Popen(
            [sys.executable, "-m", "argon.worker.main", msgspec.json.encode(config).decode()],
            pass_fds=(self.worker_end.fileno(), waiting, page_fd),
            stdin=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        os.close(page_fd)
        os.close(waiting)
        self._framing = Framing(MAX_PAYLOAD_BYTES)
        self._messages: list[Message] = []

    def say(self, *assigns: Assign, max_result_bytes: int = 0) -> None:
        """Sends tasks, several small ones in one packet."""
        for assign in assigns:
            self.put(assign, max_result_bytes)
        assert self.inbox.send() is False  # the socket waits for room here

    def put(self, assign: Assign, max_result_bytes: int = 0) -> None:
        """Adds a task, which leaves with the next ``say``."""
        header = encode_to_worker(assign.id, assign.timeout_s, payload_bytes(assign.payload), max_result_bytes)
        self.inbox.put(assign.id, header, assign.payload, False)

    def hear(self) -> Any:
        while not self._messages:
            self.listen()
        return self._messages.pop(0)

    def listen(self) -> int:
        """Waits for one packet; returns how many messages it has completed."""
        data = self.node_end.recv(1 << 17)
        assert data, "the worker has closed its channel"
        messages = self._framing.feed(data)
        for message in messages:
            if isinstance(message, Outcome):
                self.inbox.answered(message.id)
        self._messages += messages
        self.inbox.send()
        return len(messages)

    def run(self, function: Callable[..., Any] | str, *args: Any, **kwargs: Any) -> Outcome:
        self.say(task(1, function, *args, **kwargs))
        outcome = self.hear()
        assert isinstance(outcome, Outcome)
        return outcome

    def end(self) -> tuple[int, str]:
        """Ends the inbox; returns the exit code and what was written to stderr."""
        self.inbox.end()
        _, errors = self.process.communicate(timeout=WITHIN_S)
        return self.process.returncode, errors.decode()

    def close(self) -> None:
        self.process.kill()
        self.process.communicate()
        self.inbox.close()
        self.page.close()


@contextmanager
def lone_worker(**options: Any) -> Iterator[LoneWorker]:
    worker = LoneWorker(**options)
    try:
        yield worker
    finally:
        worker.close()


class WatchedPool:
    """A pool, and all that it has reported, in order."""

    def __init__(self, include: Sequence[str], max_payload_bytes: int) -> None:
        self.ready: list[int] = []
        self.outcomes: dict[int, Outcome] = {}
        self.exits: dict[int, WorkerExit] = {}
        self._news = asyncio.Event()
        self.pool = Pool(
            launch=Launch(
                "node-1", include, max_payload_bytes, environment=worker_environment(os.environ, 1, owned=False)
            ),
            on_ready=lambda worker: self._note(lambda: self.ready.append(worker)),
            on_outcomes=lambda _, outcomes: self._note(lambda: self.take(outcomes)),
            on_exit=lambda exit_: self._note(lambda: self.exits.update({exit_.worker: exit_})),
        )

    def take(self, outcomes: list[Outcome]) -> None:
        self.outcomes.update({outcome.id: outcome for outcome in outcomes})

    def _note(self, change: Callable[[], object]) -> None:
        change()
        self._news.set()

    async def until(self, condition: Callable[[], object]) -> None:
        async with asyncio.timeout(WITHIN_S):
            while not condition():
                self._news.clear()
                await self._news.wait()

    async def spawned(self, *workers: int) -> None:
        for worker in workers:
            self.pool.spawn(worker)
        await self.until(lambda: set(workers) <= set(self.ready))

    def assign(self, worker: int, *assigns: Assign) -> None:
        """Assigns tasks together, as a node does with all that it has read at once."""
        for assign in assigns:
            self.put(worker, assign)
        self.pool.flush()

    def put(self, worker: int, assign: Assign, own_packet: bool = False) -> None:
        """Assigns a task, which leaves with the next ``assign``."""
        self.pool.assign(AssignWorker(worker, assign.id, assign.timeout_s, assign.payload, own_packet))

    async def outcome(self, id_: int) -> Outcome:
        await self.until(lambda: id_ in self.outcomes)
        return self.outcomes[id_]

    async def exit(self, worker: int) -> WorkerExit:
        await self.until(lambda: worker in self.exits)
        return self.exits[worker]


@asynccontextmanager
async def watched_pool(max_payload_bytes: int = MAX_PAYLOAD_BYTES) -> AsyncIterator[WatchedPool]:
    watched = WatchedPool([str(ROOT)], max_payload_bytes)
    try:
        yield watched
    finally:
        watched.pool.close()


def fifo(folder: Path, name: str) -> str:
    path = folder / name
    os.mkfifo(path)
    return str(path)


async def read(path: str) -> str:
    """Waits until a task has written to a named pipe."""
    return await asyncio.wait_for(asyncio.to_thread(Path(path).read_text), WITHIN_S)


async def write(path: str, text: str = "go") -> None:
    """Waits until a task reads a named pipe."""
    await asyncio.wait_for(asyncio.to_thread(Path(path).write_text, text), WITHIN_S)


def open_descriptors() -> set[str]:
    """The descriptors of this process."""
    return {fd for fd in os.listdir("/proc/self/fd") if os.path.exists(f"/proc/self/fd/{fd}")}


def state_of(pid: int) -> str:
    """The letter by which the kernel calls what a process does, X when it is gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return "X"


def has_ended(pid: int) -> bool:
    """Whether a process is gone, or dead and not buried yet."""
    return state_of(pid) in "ZX"


def stop(pid: int) -> None:
    """Stops a process where it is; until it has stopped it might still take what is assigned to it."""
    os.kill(pid, signal.SIGSTOP)
    wait_until(lambda: state_of(pid) == "T")


def wait_until_ended(pid: int) -> None:
    """Waits on the process itself, though it is not a child of this one."""
    import select

    try:
        fd = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    try:
        ended, _, _ = select.select([fd], [], [], WITHIN_S)
        assert ended, f"process {pid} still runs"
    finally:
        os.close(fd)
