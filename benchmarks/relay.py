"""The ceiling: what a network of Argon's shape could do at most in Python, with none of Argon's features.

    client -> cluster -> node -> worker, and back

over loopback TCP and socket pairs, on uvloop, one small header a frame, payloads that only client and worker look into;
all frames of a read are handled before anything is written, and then each peer that was touched is written to once.
In: functions and arguments. Out: results. No authentication, no limits, no deadlines, no answers for failures: whatever
goes wrong ends it all. It must never gain a feature, nor lose a step that Argon cannot do without; nor import anything
of Argon's, since what a small process has loaded shows in its round trip.

`python -m benchmarks.relay cluster` prints its port and serves; `python -m benchmarks.relay node PORT WORKERS` prints
`ready` once it is registered.
"""

from __future__ import annotations

import asyncio
import os
import pickle
import socket
import struct
import sys
import time
from collections.abc import Callable, Coroutine, Sequence
from contextlib import ExitStack
from heapq import heappop, heappush
from operator import attrgetter
from typing import Any, Protocol, TypeVar, cast

import uvloop

from benchmarks.peers.child import Child, process_cpu_s
from benchmarks.peers.driven import WORKERS, Driven

T = TypeVar("T")

HEADER = struct.Struct("<QIB")  # number, size of the body, what it is
HEADER_BYTES = HEADER.size
TASK, RESULT, HELLO = range(3)
BUSY = attrgetter("busy")
AHEAD = 64  # tasks that a node may have for each of its workers
WINDOW = 1000  # tasks that the client has outstanding at most
NORMAL = 2  # the priority of every task
READ_BYTES = 256 << 10
WEIGHT_OF_LATEST = 0.1
TIMEOUT_S = 120.0
ENDED = "the relay has ended"


class Role(Protocol):
    """What one process does with the frames that reach it."""

    touched: list[Peer]  # those with something to write

    def handle(self, peer: Peer, number: int, what: int, body: bytes) -> None: ...

    def lost(self, peer: Peer) -> None: ...


class Peer(asyncio.Protocol):
    """The other end of one connection; `busy`, `room` and `average_s` count only where tasks are sent to it."""

    out: Callable[[bytes], object]  # the transport's or the socket's way of writing

    def __init__(self, role: Role) -> None:
        self._role = role
        self._handle = role.handle
        self._pieces: list[bytes] = []  # of a frame that is not whole yet
        self._missing_bytes = 0
        self._unwritten: list[bytes] = []
        self.busy = 0
        self.room = 0
        self.average_s = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self.out = self._transport.write
        connection = transport.get_extra_info("socket")
        if connection.family == socket.AF_INET:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def data_received(self, data: bytes) -> None:
        if self._pieces:
            self._pieces.append(data)
            self._missing_bytes -= len(data)
            if self._missing_bytes > 0:
                return
            data = b"".join(self._pieces)
            self._pieces = []
        handle, unpack = self._handle, HEADER.unpack_from
        begin, have = 0, len(data)
        while (body := begin + HEADER_BYTES) <= have:
            number, size, what = unpack(data, begin)
            end = body + size
            if end > have:
                self._missing_bytes = end - have
                break
            handle(self, number, what, data[body:end])
            begin = end
        else:
            self._missing_bytes = body - have
        if begin < have:
            self._pieces.append(data[begin:])
        if touched := self._role.touched:
            for peer in touched:
                peer.write()
            touched.clear()

    def connection_lost(self, exc: Exception | None) -> None:
        self._role.lost(self)

    def send(self, number: int, what: int, body: bytes) -> None:
        """Puts a frame behind those that are not written yet."""
        unwritten = self._unwritten
        if not unwritten:
            self._role.touched.append(self)
        unwritten += (HEADER.pack(number, len(body), what), body)

    def write(self) -> None:
        self.out(b"".join(self._unwritten))
        self._unwritten = []

    def close(self) -> None:
        self._transport.close()


def say(what: object) -> None:
    """Prints a line that RelaySubject waits for."""
    sys.stdout.write(f"{what}\n")
    sys.stdout.flush()


# ---- the cluster -----------------------------------------------------------------------------------------------------


class Cluster:
    """A queue, and the choice of a node for each task."""

    def __init__(self, ended: asyncio.Event) -> None:
        self.touched: list[Peer] = []
        self._ended = ended
        self._nodes: list[Peer] = []
        self._queue: list[tuple[int, int, Peer, int, bytes]] = []
        self._running: dict[int, tuple[Peer, int, Peer, float]] = {}
        self._latest = 0

    def handle(self, peer: Peer, number: int, what: int, body: bytes) -> None:
        if what == TASK:
            self._latest = latest = self._latest + 1
            heappush(self._queue, (NORMAL, latest, peer, number, body))
        elif what == RESULT:
            client, its_number, node, since_s = self._running.pop(number)
            node.busy -= 1
            node.average_s += WEIGHT_OF_LATEST * (time.monotonic() - since_s - node.average_s)
            client.send(its_number, RESULT, body)
        else:
            peer.room = number
            self._nodes.append(peer)
            peer.send(number, HELLO, b"")
        self._assign()

    def lost(self, peer: Peer) -> None:
        if peer in self._nodes:
            self._ended.set()

    def _assign(self) -> None:
        """Gives the first of the queue to the least loaded node, for as long as there is room."""
        queue = self._queue
        while queue:
            chosen, least_s = None, 1e9
            for node in self._nodes:
                if node.busy < node.room and (wait_s := node.average_s * (node.busy + 1)) < least_s:
                    chosen, least_s = node, wait_s
            if chosen is None:
                return
            _, number, client, its_number, body = heappop(queue)
            chosen.busy += 1
            self._running[number] = (client, its_number, chosen, time.monotonic())
            chosen.send(number, TASK, body)


async def serve_cluster() -> None:
    ended = asyncio.Event()
    cluster = Cluster(ended)
    server = await asyncio.get_running_loop().create_server(lambda: Peer(cluster), "127.0.0.1", 0)
    say(server.sockets[0].getsockname()[1])
    await ended.wait()


# ---- the node and its workers ----------------------------------------------------------------------------------------


class Node:
    """Hands tasks to the least busy worker, and results to the cluster."""

    def __init__(self, ended: asyncio.Event) -> None:
        self.touched: list[Peer] = []
        self.cluster: Peer
        self.workers: list[Peer] = []
        self._ended = ended

    def handle(self, peer: Peer, number: int, what: int, body: bytes) -> None:
        if what == RESULT:
            peer.busy -= 1
            self.cluster.send(number, RESULT, body)
        elif what == TASK:
            worker = min(self.workers, key=BUSY)
            worker.busy += 1
            worker.send(number, TASK, body)
        else:
            say("ready")

    def lost(self, peer: Peer) -> None:
        self._ended.set()


async def serve_node(port: int, connections: Sequence[socket.socket]) -> None:
    loop, ended = asyncio.get_running_loop(), asyncio.Event()
    node = Node(ended)
    for connection in connections:
        _, worker = await loop.create_connection(lambda: Peer(node), sock=connection)
        node.workers.append(worker)
    _, node.cluster = await loop.create_connection(lambda: Peer(node), "127.0.0.1", port)
    node.cluster.send(AHEAD * len(connections), HELLO, b"")
    node.cluster.write()
    node.touched.clear()
    await ended.wait()


def fork_worker() -> socket.socket:
    """Returns the node's end of the connection to a new worker process."""
    near, far = socket.socketpair()
    if os.fork():
        far.close()
        return near
    try:
        near.close()
        work(far)
    finally:
        os._exit(0)


class Worker:
    """Runs the tasks of a read, one after the other; they are answered together."""

    def __init__(self) -> None:
        self.touched: list[Peer] = []

    def handle(self, peer: Peer, number: int, what: int, body: bytes) -> None:
        function, argument = pickle.loads(body)
        peer.send(number, RESULT, pickle.dumps(function(argument)))

    def lost(self, peer: Peer) -> None:
        """Only event loops call this, and a worker has none."""


def work(connection: socket.socket) -> None:
    """A worker process, until its node has closed the connection."""
    node = Peer(Worker())
    node.out = connection.sendall
    while data := connection.recv(READ_BYTES):
        node.data_received(data)


# ---- the client ------------------------------------------------------------------------------------------------------


class Client:
    """Futures for calls; all calls of one turn of the loop are written at once."""

    def __init__(self) -> None:
        self.touched: list[Peer] = []
        self._loop = asyncio.get_running_loop()
        self._futures: dict[int, asyncio.Future[Any]] = {}
        self._latest = 0
        self._gone = self._loop.create_future()
        self._cluster: Peer

    async def connect(self, port: int) -> None:
        _, self._cluster = await self._loop.create_connection(lambda: Peer(self), "127.0.0.1", port)

    async def close(self) -> None:
        self._cluster.close()
        await self._gone

    def handle(self, peer: Peer, number: int, what: int, body: bytes) -> None:
        self._futures.pop(number).set_result(pickle.loads(body))

    def lost(self, peer: Peer) -> None:
        self._gone.set_result(None)
        for future in self._futures.values():
            if not future.done():
                future.set_exception(ConnectionError(ENDED))

    def submit(self, function: Callable[[Any], Any], argument: Any) -> asyncio.Future[Any]:
        self._latest = number = self._latest + 1
        self._futures[number] = future = self._loop.create_future()
        if not self.touched:
            self._loop.call_soon(self._write)
        self._cluster.send(number, TASK, pickle.dumps((function, argument)))
        return future

    async def many(self, function: Callable[[Any], Any], arguments: Sequence[Any]) -> list[Any]:
        self._check()
        submit, results = self.submit, []
        for begin in range(0, len(arguments), WINDOW):
            results += await asyncio.gather(*[submit(function, x) for x in arguments[begin : begin + WINDOW]])
        return results

    async def one_after_other(
        self, function: Callable[[Any], Any], arguments: Sequence[Any]
    ) -> tuple[list[Any], list[float]]:
        self._check()
        results, seconds = [], []
        for argument in arguments:
            begun_s = time.perf_counter()
            results.append(await self.submit(function, argument))
            seconds.append(time.perf_counter() - begun_s)
        return results, seconds

    def _check(self) -> None:
        """What is submitted to a connection that is lost would never come back."""
        if self._gone.done():
            raise ConnectionError(ENDED)

    def _write(self) -> None:
        self._cluster.write()
        self.touched.clear()


class RelaySubject(Driven):
    """The relay with two workers; its client runs in this process.

    It is no ceiling for long tasks: a worker answers all tasks of a read together, so the work is not spread evenly.
    """

    name = "null relay"

    def open(self, ends: ExitStack) -> None:
        role = [sys.executable, "-m", "benchmarks.relay"]
        self._cluster = ends.enter_context(Child([*role, "cluster"]))
        port = self._cluster.line()
        self._node = ends.enter_context(Child([*role, "node", port, str(WORKERS)]))
        self._node.line()
        self._runner = ends.enter_context(asyncio.Runner(loop_factory=uvloop.new_event_loop))
        self._client = self._run(_connected(int(port)))
        ends.callback(lambda: self._run(self._client.close()))

    def many(self, function: Callable[[Any], Any], arguments: Sequence[Any]) -> list[Any]:
        return self._run(self._client.many(function, arguments))

    def one(self, function: Callable[[Any], Any], argument: Any) -> Any:
        return self.one_after_other(function, [argument])[0][0]

    def one_after_other(
        self, function: Callable[[Any], Any], arguments: Sequence[Any]
    ) -> tuple[list[Any], list[float]]:
        return self._run(self._client.one_after_other(function, arguments))

    def cpu_s(self) -> dict[str, float]:
        node, *workers = self._node.pids()
        return {
            "cluster": self._cluster.cpu_s(),
            "node": process_cpu_s(node),
            "client": time.process_time(),
            "workers": sum(map(process_cpu_s, workers)),
        }

    def _run(self, action: Coroutine[Any, Any, T]) -> T:
        return self._runner.run(asyncio.wait_for(action, TIMEOUT_S))


async def _connected(port: int) -> Client:
    client = Client()
    await client.connect(port)
    return client


def main(role: str, *arguments: str) -> None:
    if role == "cluster":
        uvloop.run(serve_cluster())
    else:
        port, workers = map(int, arguments)
        connections = [fork_worker() for _ in range(workers)]
        uvloop.run(serve_node(port, connections))


if __name__ == "__main__":
    main(*sys.argv[1:])
