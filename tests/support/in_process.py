"""Clusters and nodes in this process, started for one test or one module, and stopped for certain."""

from __future__ import annotations

import asyncio
import os
import random
import select
import socket
import threading
import time
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from argon.client.client import Client
from argon.cluster.cluster import Cluster
from argon.net.channel import Channel
from argon.net.dialer import Dialer
from argon.net.security import make_token, parse_token
from argon.node.node import Node
from argon.process.server import Server
from argon.protocol.handshake import Role
from argon.protocol.messages import Message, Welcome

ROOT = Path(__file__).resolve().parents[2]
WITHIN_S = 20.0
TOKEN = make_token()

Run = Callable[[Coroutine[Any, Any, None]], None]
"""Runs a coroutine on one event loop or the other."""

S = TypeVar("S", bound=Server)
T = TypeVar("T")


def within(coroutine: Coroutine[Any, Any, T]) -> T:
    """Runs a coroutine on an event loop of its own, as long as a test may take."""

    async def main() -> T:
        return await asyncio.wait_for(coroutine, WITHIN_S)

    return asyncio.run(main())


def eventually(condition: Callable[[], object]) -> None:
    """Waits for what announces itself by nothing but being so."""
    end = time.monotonic() + WITHIN_S
    while not condition():
        assert time.monotonic() < end, "it did not come about"
        time.sleep(0.005)


async def soon(condition: Callable[[], object]) -> None:
    """The same on an event loop."""
    async with asyncio.timeout(WITHIN_S):
        while not condition():  # noqa: ASYNC110 - there is nobody to set an event
            await asyncio.sleep(0.002)


def free_port() -> int:
    """A port on which nothing listens, and which the system gives to nobody by itself."""
    while True:
        port = random.randrange(15_000, 30_000)
        if _is_free(port):
            return port


def wait_until_free(port: int) -> None:
    """Waits until a port can be listened on again.

    A worker process that is being started has, until it runs its program, all that this process has open; so what is
    closed here meanwhile may stay open a little longer.
    """
    eventually(lambda: _is_free(port))


def _is_free(port: int) -> bool:
    try:
        with socket.create_server(("127.0.0.1", port)):
            return True
    except OSError:
        return False


class Serving:
    """A role that serves in a thread of its own."""

    def __init__(self, server: Server, *, until_ready: bool = True) -> None:
        self.error: BaseException | None = None
        self._server = server
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._live, daemon=True)
        self._thread.start()
        if until_ready:
            assert self._ready.wait(WITHIN_S), "it was not ready in time"
            if self.error is not None:
                raise self.error

    @property
    def is_ready(self) -> bool:
        return self._ready.is_set()

    def join(self) -> None:
        """Waits until ``start()`` has returned."""
        self._thread.join(WITHIN_S)
        assert not self._thread.is_alive(), "it did not stop"

    def _live(self) -> None:
        try:
            self._server.start(self._ready.set)
        except BaseException as error:  # noqa: BLE001 - the test sees it
            self.error = error
        finally:
            self._ready.set()


@contextmanager
def serving(server: S) -> Iterator[S]:
    """The role, while it serves."""
    thread = Serving(server)
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()


class ThreadNetwork:
    """A cluster with one node, each in a thread of this process. The other kind is `ProcessNetwork`."""

    def __init__(self, cluster: Cluster, node: Node) -> None:
        self.cluster = cluster
        self.node = node
        self.address = cluster.address

    def client(self, **options: Any) -> Client:
        return Client(self.address, token=TOKEN, **options)


def make_cluster(**options: Any) -> Cluster:
    return Cluster(**{"port": 0, "token": TOKEN, **options})


def make_node(**options: Any) -> Node:
    return Node(**{"token": TOKEN, "workers": 1, "include": [str(ROOT)], **options})


@contextmanager
def network(*, workers: int = 1, node: dict[str, Any] | None = None, **options: Any) -> Iterator[ThreadNetwork]:
    """A cluster with these options, and a node with that many workers, ready for tasks."""
    cluster = make_cluster(**options)
    with serving(cluster), serving(make_node(manager=cluster.address, workers=workers, **(node or {}))) as helper:
        yield ThreadNetwork(cluster, helper)


class TaskGate:
    """The gate of one task, which says when it has begun and goes on when it is let: ``client.submit(*gate.call)``.

    For a gate that many tasks pass, take `SharedGate`.
    """

    def __init__(self, folder: Path, name: str = "gate", task: str = "hold") -> None:
        paths = [str(folder / f"{name}-{what}") for what in ("started", "go")]
        for path in paths:
            os.mkfifo(path)
        self._started, self._go = (os.open(path, os.O_RDWR) for path in paths)  # so that nobody waits for an opener
        self.call = (f"tests.support.light_tasks:{task}", *paths)

    def wait(self) -> None:
        """Waits until the task runs."""
        ready, _, _ = select.select([self._started], [], [], WITHIN_S)
        assert ready, "the task did not begin"
        os.read(self._started, 1)

    def open(self) -> None:
        """Lets the task end, now or when it has begun."""
        os.write(self._go, b".")

    def __del__(self) -> None:
        os.close(self._started)
        os.close(self._go)


def pid_ended(pid: int) -> bool:
    """Whether a process is gone, or dead and not buried yet."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return True


def lines(path: Path) -> list[str]:
    """The lines that tasks have left."""
    return path.read_text().split()


def cut(server: Cluster) -> None:
    """Ends every connection of a cluster at once, as a broken network does; the cluster goes on."""

    def abort() -> None:
        for link in list(server._shell.links.values()):
            link.abort("the network broke")

    assert server._loop is not None
    server._loop.call_soon_threadsafe(abort)


@contextmanager
def held(folder: Path, **options: Any) -> Iterator[tuple[ThreadNetwork, Client, TaskGate]]:
    """A network whose only worker is inside a task."""
    with network(**options) as net, net.client() as client:
        gate = TaskGate(folder)
        client.submit(*gate.call)
        gate.wait()
        yield net, client, gate


async def greeted(cluster: Cluster, downs: list[str]) -> tuple[Dialer, Welcome]:
    """A raw client's connection, that says nothing by itself, and the welcome it was given."""
    welcomes: list[Welcome] = []

    def up(_: Channel, welcome: Welcome) -> None:
        welcomes.append(welcome)

    def said(_: Channel, messages: list[Message]) -> None: ...

    dialer = Dialer(
        cluster.address,
        Role.CLIENT,
        parse_token(TOKEN, ""),
        on_up=up,
        on_messages=said,
        on_down=lambda _, reason: downs.append(reason),
    )
    await dialer.connect()
    return dialer, welcomes[0]
