"""gearmand, the C job server, at its best: pickled calls, one pipelined connection, two minimal Python workers.

In: functions and arguments. Out: results. It must never have more than `OUTSTANDING` jobs at the server: that many
keep both workers busy, and more only make it slower.
"""

from __future__ import annotations

import pickle
import sys
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from itertools import islice
from typing import Any

from benchmarks.peers import path_of
from benchmarks.peers.child import Child
from benchmarks.peers.driven import WORKERS, Driven
from benchmarks.peers.gearman_packets import ERROR, FUNCTION, JOB_CREATED, SUBMIT_JOB, WORK_COMPLETE, Connection, packet
from benchmarks.peers.ports import serving

OUTSTANDING = 256
_TIMEOUT_S = 60.0


class GearmanSubject(Driven):
    """gearmand with two workers; its client runs in this process."""

    name = "gearmand"

    def open(self, ends: ExitStack) -> None:
        options = ["--listen", "127.0.0.1", "--log-file", "none", "--threads", "4"]
        self._server, port = serving(
            lambda port: Child([path_of("gearmand"), "--port", str(port), *options], quiet=True),
            ends,
        )
        command = [sys.executable, "-m", "benchmarks.peers.gearman_worker", str(port)]
        self._workers = [ends.enter_context(Child(command)) for _ in range(WORKERS)]
        for worker in self._workers:
            worker.line()
        self._connection = Connection(port, _TIMEOUT_S)
        ends.callback(self._connection.close)

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

        submit(OUTSTANDING)
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

    def cpu_s(self) -> dict[str, float]:
        return {
            "cluster": self._server.cpu_s(),
            "client": time.process_time(),
            "workers": sum(worker.cpu_s() for worker in self._workers),
        }
