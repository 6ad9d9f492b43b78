"""gearmand, the C job server, at its best: pickled calls, one pipelined connection, two minimal Python workers.

In: functions and arguments. Out: results. Where it waits for them, it must never have more than `OUTSTANDING` jobs at
the server: that many keep both workers busy, and more only make it slower.
"""

from __future__ import annotations

import pickle
import socket
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from itertools import islice
from typing import Any

from benchmarks.peers import path_of
from benchmarks.peers.child import Child
from benchmarks.peers.driven import WORKERS, Done, Driven
from benchmarks.peers.gearman_packets import ERROR, FUNCTION, JOB_CREATED, SUBMIT_JOB, WORK_COMPLETE, Connection, packet
from benchmarks.peers.ports import serving

OUTSTANDING = 256
_TIMEOUT_S = 60.0


class GearmanSubject(Driven):
    """gearmand with its workers; its client runs in this process.

    Args:
        maxqueue: most jobs that the server lets wait; None for any number, as it is by default.
    """

    name = "gearmand"

    def __init__(self, workers: int = WORKERS, maxqueue: int | None = None) -> None:
        super().__init__(workers)
        self._maxqueue = maxqueue
        self._outstanding = OUTSTANDING if maxqueue is None else min(OUTSTANDING, maxqueue)

    def open(self, ends: ExitStack) -> None:
        options = ["--listen", "127.0.0.1", "--log-file", "none", "--threads", "4"]
        self._server, port = serving(
            lambda port: Child([path_of("gearmand"), "--port", str(port), *options], quiet=True),
            ends,
        )
        command = [sys.executable, "-m", "benchmarks.peers.gearman_worker", str(port)]
        self._workers = [ends.enter_context(Child(command)) for _ in range(self.workers)]
        for worker in self._workers:
            worker.line()
        self._connection = Connection(port, _TIMEOUT_S)
        ends.callback(self._connection.close)
        if self._maxqueue is not None:
            _limit_queue(port, self._maxqueue)
        self._open_loop = OpenLoopClient(port)
        ends.callback(self._open_loop.close)

    def many(self, function: Callable[[Any], Any], arguments: Sequence[Any]) -> list[Any]:
        results: list[Any] = [None] * len(arguments)
        missing = len(arguments)
        places: dict[bytes, int] = {}  # of the jobs that have a handle
        unnamed: deque[int] = deque()  # places of the jobs that have none yet: handles come in the order of the jobs
        left = iter(enumerate(arguments))

        def submit(count: int) -> None:
            jobs = list(islice(left, count))
            if jobs:
                unnamed.extend(place for place, _ in jobs)
                calls = (pickle.dumps((function, argument)) for _, argument in jobs)
                self._connection.send(b"".join(packet(SUBMIT_JOB, FUNCTION + b"\0\0" + call) for call in calls))

        submit(self._outstanding)
        while missing:
            done = 0
            for what, data in self._connection.receive():
                if what == JOB_CREATED:
                    places[data] = unnamed.popleft()
                elif what == WORK_COMPLETE:
                    handle, result = data.split(b"\0", 1)
                    results[places.pop(handle)] = pickle.loads(result)
                    done += 1
                elif what == ERROR:
                    raise RuntimeError(f"gearmand: {data!r}")
            missing -= done
            submit(done)
        return results

    def one(self, function: Callable[[Any], Any], argument: Any) -> Any:
        return self.many(function, [argument])[0]

    def hand_over(self, function: Callable[[Any], Any], argument: Any, done: Done) -> None:
        self._open_loop.submit(pickle.dumps((function, argument)), done)

    def cpu_s(self) -> dict[str, float]:
        return {
            "cluster": self._server.cpu_s(),
            "client": time.process_time(),
            "workers": sum(worker.cpu_s() for worker in self._workers),
        }


class OpenLoopClient:
    """A connection whose answers a thread of its own reads, so that submitting never waits for them.

    The server answers each job at once, in the order of the jobs: with its handle, or with an error when it takes none.
    """

    def __init__(self, port: int) -> None:
        self._connection = Connection(port)
        self._unnamed: deque[Done] = deque()
        self._named: dict[bytes, Done] = {}
        threading.Thread(target=self._read, daemon=True).start()

    def submit(self, call: bytes, done: Done) -> None:
        self._unnamed.append(done)
        self._connection.send(packet(SUBMIT_JOB, FUNCTION + b"\0\0" + call))

    def close(self) -> None:
        self._connection.shut_down()

    def _read(self) -> None:
        while True:
            try:
                packets = self._connection.receive()
            except OSError:  # it was closed
                self._connection.close()
                return
            for what, data in packets:
                if what == JOB_CREATED:
                    self._named[data] = self._unnamed.popleft()
                elif what == WORK_COMPLETE:
                    self._named.pop(data.split(b"\0", 1)[0])(None)
                elif what == ERROR:
                    self._unnamed.popleft()(RuntimeError(data.replace(b"\0", b": ").decode()))


def _limit_queue(port: int, jobs: int) -> None:
    """By the server's text commands, which it takes at the same port."""
    with socket.create_connection(("127.0.0.1", port), _TIMEOUT_S) as server:
        server.sendall(f"maxqueue {FUNCTION.decode()} {jobs}\n".encode())
        answer = server.recv(100)
    if not answer.startswith(b"OK"):
        raise RuntimeError(f"gearmand does not limit its queue: {answer!r}")
