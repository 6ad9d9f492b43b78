"""`python -m benchmarks.recovery`: how long it takes until all is well again, and what a useless crowd costs.

In: which parts. Out: one table on stdout, measured beside asked; progress on stderr. Every process that is killed here
was started here. Exit status 0 when everything ran, also where a bar is missed.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import sys
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from rich.console import Console

from argon import AsyncClient
from argon.cli.child_process import ChildProcess, ended_by_exceptions, ready_address, running
from argon.errors import ConnectionFailed, MayHaveRun, TaskLost
from argon.net.security import make_token
from argon.process.event_loop import run_on_own_loop
from argon.settings import DEAD_AFTER_S
from benchmarks.crowd import ROOT, CrowdPlan, crowd
from benchmarks.report import Report, closing_lines, figure_table, machine
from benchmarks.rounds import percentile
from benchmarks.stack import children, cpu_s, rss_bytes
from benchmarks.subject import Figure
from benchmarks.tasks import noop

TASKS_PER_S = 1000
WORK_S = 0.002
CLIENTS = 10
CROWD = {"silent": 400, "slow": 300, "deaf": 300}
PEERS = {"nodes": 250, "clients": 250}
PING_S = 0.02
WITHIN_S = 60.0
LIMIT_S = 300.0
MIB = 1 << 20


class NotRecovered(Exception):
    """It was not well again in time."""


class Site:
    """A cluster at a fixed port, and nodes, each a process as the `argon` command starts it."""

    def __init__(self, life: ExitStack) -> None:
        self._life = life
        self._port = "0"
        self.token = make_token()
        self.cluster = self.start_cluster()
        self.address = ready_address(self.cluster.ready_line)
        self._port = self.address.rpartition(":")[2]

    def start_cluster(self) -> ChildProcess:
        """A cluster that listens, at the port of the one before."""
        self.cluster = self._child("cluster", "--port", self._port)
        return self.cluster

    def start_node(self, name: str, workers: int) -> ChildProcess:
        """A node whose workers are ready."""
        options = ["--workers", str(workers), "--name", name, "--include", str(ROOT)]
        return self._child("node", "--manager", self.address, *options)

    def client(self) -> AsyncClient:
        return AsyncClient(self.address, token=self.token)

    def kill_cluster(self) -> None:
        """kill -9."""
        self.cluster.kill()

    def _child(self, *arguments: str) -> ChildProcess:
        return self._life.enter_context(running(arguments, environment={"ARGON_TOKEN": self.token}))


@contextmanager
def site() -> Iterator[Site]:
    with ExitStack() as life:
        yield Site(life)


# ---- load, and what became of it -------------------------------------------------------------------------------------


class Load:
    """So many tasks a second, whatever becomes of them.

    Attributes:
        ended: for each task its outcome, None for a value, and when.
    """

    def __init__(self, clients: Sequence[AsyncClient]) -> None:
        self._clients = clients
        self._submitting = asyncio.create_task(self._submit())
        self._futures: set[asyncio.Future[Any]] = set()
        self.ended: list[tuple[float, BaseException | None]] = []

    async def end(self) -> None:
        """Submits no more, and waits for every answer."""
        self._submitting.cancel()
        if self._futures:
            _, waiting = await asyncio.wait(self._futures, timeout=WITHIN_S)
            if waiting:
                raise NotRecovered(f"{len(waiting)} tasks had no answer after {WITHIN_S:g} s")

    def submit(self, client: AsyncClient, work_s: float) -> asyncio.Future[Any]:
        """One task more."""
        future = client.submit(time.sleep, work_s)
        self._futures.add(future)
        future.add_done_callback(self._note)
        return future

    def pending(self) -> set[asyncio.Future[Any]]:
        """Those without an answer."""
        return set(self._futures)

    async def _submit(self) -> None:
        begin, submitted = time.monotonic(), 0
        while True:
            due = int((time.monotonic() - begin) * TASKS_PER_S)
            for number in range(submitted, due):
                self.submit(self._clients[number % len(self._clients)], WORK_S)
            submitted = due
            await asyncio.sleep(0.002)

    def _note(self, future: asyncio.Future[Any]) -> None:
        self._futures.discard(future)
        if not future.cancelled():
            self.ended.append((time.monotonic(), future.exception()))


async def until(reached: Callable[[], Awaitable[bool]], what: str) -> float:
    """The moment at which it was so."""
    end = time.monotonic() + WITHIN_S
    while time.monotonic() < end:
        try:
            if await reached():
                return time.monotonic()
        except ConnectionFailed:
            pass  # not yet, or not any more
        await asyncio.sleep(0.01)
    raise NotRecovered(f"not {what} after {WITHIN_S:g} s")


async def status_is(client: AsyncClient, **wanted: int) -> bool:
    """Whether the cluster has so many of each."""
    numbers = await client.status()
    there = {"nodes": len(numbers["nodes"]), "workers": numbers["workers"], "clients": numbers["clients"]}
    return all(there[name] == count for name, count in wanted.items())


def family(pid: int) -> list[int]:
    """A process's descendants."""
    found = children(pid)
    return found + [other for child in found for other in family(child)]


def is_alive(pid: int) -> bool:
    """Whether a process is there and not dead."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False


def bar(area: str, what: str, unit: str, value: float, most: float) -> Figure:
    """A figure that is met when it is no larger."""
    return Figure(area, what, unit, (value,), f"<= {most:,g}", value <= most)


# ---- the parts -------------------------------------------------------------------------------------------------------


def node_killed() -> list[Figure]:
    """A node of two dies: its connections close with it."""
    return run_on_own_loop(_node_ends(signal.SIGKILL, "killed", 1.0))


def node_silent() -> list[Figure]:
    """A node of two stops without a word, as a machine does that vanishes."""
    return run_on_own_loop(_node_ends(signal.SIGSTOP, "stopped", DEAD_AFTER_S + 1.0))


async def _node_ends(number: int, how: str, most_s: float) -> list[Figure]:
    with site() as here:
        victim, _ = (here.start_node(name, workers=4) for name in ("victim", "other"))
        async with here.client() as client:
            load = Load([client])
            held = [load.submit(client, WITHIN_S) for _ in range(4)]  # so that the node has some for certain
            await asyncio.sleep(2.0)
            processes = family(victim.pid)
            begin = time.monotonic()
            os.kill(victim.pid, number)
            await until(lambda: status_is(client, nodes=1), "without the node")
            await asyncio.sleep(max(0.0, begin + 2.0 - time.monotonic()))
            left = sum(map(is_alive, processes))
            for future in held:
                future.cancel()
            await load.end()
            lost = [(at, error) for at, error in load.ended if error is not None]
            if not lost:
                raise NotRecovered("the node had no task when it ended, so nothing was measured")
            answered = max(at for at, _ in lost)
            others = [error for _, error in lost if not (isinstance(error, TaskLost) and error.node == "victim")]
            if number == signal.SIGSTOP:
                os.kill(victim.pid, signal.SIGCONT)
        figures = [
            bar(
                "node", f"{how}: until the callers of its {len(lost)} tasks are answered", "s", answered - begin, most_s
            ),
            bar("node", f"{how}: other tasks that failed, of {len(load.ended):,}", "tasks", len(others), 0),
        ]
        if number == signal.SIGKILL:
            figures.append(bar("node", f"{how}: processes of it left after 2 s, of {len(processes)}", "", left, 0))
        return figures


def cluster_killed() -> list[Figure]:
    """The cluster dies under load and is started again at once."""
    return run_on_own_loop(_cluster_killed())


async def _cluster_killed() -> list[Figure]:
    with site() as here:
        for name in ("one", "two"):
            here.start_node(name, workers=2)
        clients = [here.client() for _ in range(CLIENTS)]
        for client in clients:
            await client.connect()
        load = Load(clients)
        await asyncio.sleep(2.0)
        begin = time.monotonic()
        here.kill_cluster()
        pending = load.pending()
        start = asyncio.get_running_loop().run_in_executor(None, here.start_cluster)
        ended, _ = await asyncio.wait(pending, timeout=WITHIN_S)
        answered = time.monotonic()
        await start
        ready = time.monotonic()
        async with here.client() as observer:
            back = await until(lambda: status_is(observer, workers=4, clients=1 + CLIENTS), "complete again")
        await asyncio.sleep(1.0)
        await load.end()
        for client in clients:
            await client.close()
        untrue = [
            error
            for _, error in load.ended
            if error is not None and not (isinstance(error, TaskLost) and error.may_have_run == MayHaveRun.UNKNOWN)
        ]
    return [
        bar("cluster", f"killed: until its {len(ended)} pending calls have ended", "s", answered - begin, 5.0),
        bar("cluster", "killed: calls that ended otherwise than with a value or as lost", "tasks", len(untrue), 0),
        bar("cluster", "restarted: until nodes, workers and clients are back, from ready", "s", back - ready, 5.0),
        Figure("cluster", "restarted: the same, from the kill", "s", (back - begin,)),
    ]


def storm() -> list[Figure]:
    """500 peers come back at once, to a cluster that was away for a moment, and for long."""
    return [figure for away_s in (0.0, 10.0) for figure in run_on_own_loop(_storm(away_s))]


async def _storm(away_s: float) -> list[Figure]:
    loop = asyncio.get_running_loop()
    with site() as here, crowd(CrowdPlan(address=here.address, **PEERS), here.token):
        here.kill_cluster()
        await asyncio.sleep(away_s)
        await loop.run_in_executor(None, here.start_cluster)
        ready = time.monotonic()
        pings_s: list[float] = []

        async with here.client() as observer:

            async def complete() -> bool:
                begin = time.monotonic()
                there = await status_is(observer, nodes=PEERS["nodes"], clients=1 + PEERS["clients"])
                pings_s.append(time.monotonic() - begin)
                await asyncio.sleep(PING_S)
                return there

            back = await until(complete, "joined by all")
            for _ in range(100):
                await complete()
    what = f"away for {away_s:g} s, then {sum(PEERS.values())} peers"
    return [
        bar("storm", f"{what}: until all are back", "s", back - ready, 30.0),
        bar("storm", f"{what}: round trip of a client meanwhile, p99", "ms", percentile(pings_s, 99) * 1e3, 250.0),
    ]


def useless_crowd() -> list[Figure]:
    """1,000 connections that are silent, slow or deaf."""
    return run_on_own_loop(_useless_crowd())


async def _useless_crowd() -> list[Figure]:
    with site() as here:
        here.start_node("one", workers=2)
        async with here.client() as client:
            await trips_us(client)
            without = [await trips_us(client) for _ in range(3)]
            before = rss_bytes(here.cluster.pid)
            with crowd(CrowdPlan(address=here.address, **CROWD), here.token):
                await asyncio.sleep(15.0)  # until all have asked for what they will not read
                among = [await trips_us(client) for _ in range(3)]
                there, begin_s = rss_bytes(here.cluster.pid), cpu_s(here.cluster.pid)
                await asyncio.sleep(15.0)
                later, spent_s = rss_bytes(here.cluster.pid), cpu_s(here.cluster.pid) - begin_s
            again = [await trips_us(client) for _ in range(3)]
    p99 = {name: sorted(found)[1] for name, found in (("without", without), ("among", among), ("again", again))}
    count = f"{sum(CROWD.values()):,} connections"
    return [
        Figure("crowd", f"{count}: memory of the cluster more", "MiB", ((there - before) / MIB,)),
        bar("crowd", f"{count}: the same 15 s later, more than then", "MiB", (later - there) / MIB, 32.0),
        Figure("crowd", f"{count}: the cluster's CPU for them", "% of a core", (spent_s / 15.0 * 100,)),
        Figure("crowd", "round trip of a client without them, p99", "us", tuple(without)),
        Figure("crowd", "among them", "us", tuple(among)),
        Figure("crowd", "without them again", "us", tuple(again)),
        bar("crowd", "among them / without them, p99", "ratio", p99["among"] / max(p99["without"], p99["again"]), 1.25),
    ]


async def trips_us(client: AsyncClient, count: int = 2000) -> float:
    """The 99th percentile of one task at a time."""
    found = []
    for number in range(count):
        begin = time.perf_counter()
        await client.submit(noop, number)
        found.append(time.perf_counter() - begin)
    return percentile(found, 99) * 1e6


PARTS: dict[str, Callable[[], list[Figure]]] = {
    "node-killed": node_killed,
    "node-silent": node_silent,
    "cluster-killed": cluster_killed,
    "storm": storm,
    "crowd": useless_crowd,
}


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.recovery", description="Measures how Argon recovers.")
    parser.add_argument("--only", nargs="+", choices=PARTS, default=list(PARTS), metavar="PART", help=", ".join(PARTS))
    chosen = parser.parse_args(arguments)
    begin_s, figures, progress = time.monotonic(), [], Console(stderr=True)
    for part in chosen.only:
        progress.print(f"{time.monotonic() - begin_s:6.0f} s  {part}", highlight=False)
        with ended_by_exceptions(time_limit_s=LIMIT_S):
            figures += PARTS[part]()
    report = Report(
        machine=machine(), rounds=1, took_s=time.monotonic() - begin_s, figures=figures, notes=[], failed={}
    )
    console = Console(width=132)
    console.print(figure_table(figures), *closing_lines(report), sep="\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
