"""What happens to the processes and connections of a stage: at random, several at a time, each written down.

In: a stage, a seed, and the kinds of fault that may happen. Out: the harm, and a record of each fault that did happen,
with its target, its time, and whether tasks may be lost by it. One that found nothing to harm is no fault and leaves no
record. A target has one fault at a time; all have ended when `rest` returns.
"""

from __future__ import annotations

import os
import random
import signal
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from tests.chaos.checker import CLUSTER
from tests.chaos.history import Record
from tests.chaos.stage import Stage, StageClosing
from tests.support.fault_proxy import Direction, FaultProxy

# A heartbeat comes every 5 s. A node or cluster that is silent for 15 s is dead; a client, if its kernel is.
SHORT_S = (0.3, 6.0)
LONG_S = (21.0, 24.0)
HELD_S = (1.0, 4.0)
CUT_WITHIN_BYTES = 100_000
FIRES_WITHIN_S = 10.0
DRAINS_WITHIN_S = 60.0
STEADY_NODE = "node-1"  # never killed and never restarted, so that its memory tells of leaks
FIRST_HALF_ONLY = {"kill cluster", "drain cluster"}

Who = Literal["cluster", "node", "client"]
Act = Callable[[Stage, str, random.Random], bool]


@dataclass(frozen=True)
class Fault:
    """A kind of fault.

    Attributes:
        name: what reports call it.
        whom: whose targets it has.
        act: does it and undoes it, to the target of that name; returns whether it happened.
        severs: whether tasks of the target may be lost.
        restarts: whether the target is another process afterwards.
        turns: how often it happens while every other kind happens; what stops everything for long, seldom.
    """

    name: str
    whom: tuple[Who, ...]
    act: Act
    severs: bool
    restarts: bool = False
    turns: int = 2


# ---- processes -------------------------------------------------------------------------------------------------------


def kill(stage: Stage, target: str, rng: random.Random) -> None:
    """Kills the cluster or a node, and lets a moment pass."""
    command = stage.still_running(target)
    command.signal(signal.SIGKILL)
    command.wait()
    command.end()
    stage.pause(rng.uniform(0.0, 2.0))


def drain(stage: Stage, target: str) -> None:
    """Tells the cluster or a node to finish and leave."""
    command = stage.still_running(target)
    command.signal(signal.SIGTERM)
    if status := command.wait(DRAINS_WITHIN_S):
        stage.complaints.append(f"{target} drained, and ended with {status}")
    command.end()


def kill_cluster(stage: Stage, target: str, rng: random.Random) -> bool:
    kill(stage, target, rng)
    stage.restart_cluster()
    return True


def drain_cluster(stage: Stage, target: str, rng: random.Random) -> bool:
    drain(stage, target)
    stage.restart_cluster()
    return True


def kill_node(stage: Stage, target: str, rng: random.Random) -> bool:
    kill(stage, target, rng)
    stage.start_node(target)
    return True


def drain_node(stage: Stage, target: str, rng: random.Random) -> bool:
    drain(stage, target)
    stage.start_node(target)
    return True


def kill_client(stage: Stage, target: str, rng: random.Random) -> bool:
    stage.drivers[target].process.kill()
    stage.drivers[target].process.communicate()
    stage.start_driver(target)
    return True


def kill_worker(stage: Stage, target: str, rng: random.Random) -> bool:
    pid = any_worker(stage, target, rng)
    return pid is not None and send(pid, signal.SIGKILL)


def stop_worker(stage: Stage, target: str, rng: random.Random, lasts_s: tuple[float, float]) -> bool:
    pid = any_worker(stage, target, rng)
    return pid is not None and stop(stage, pid, rng.uniform(*lasts_s))


def stop_process(stage: Stage, target: str, rng: random.Random, lasts_s: tuple[float, float]) -> bool:
    if target == CLUSTER:
        pid = stage.cluster.pid
    else:
        pid = stage.nodes[target].pid if target in stage.nodes else stage.drivers[target].process.pid
    return stop(stage, pid, rng.uniform(*lasts_s))


def stop(stage: Stage, pid: int, seconds: float) -> bool:
    """Stops a process for a while."""
    if not send(pid, signal.SIGSTOP):
        return False
    stage.pause(seconds)
    send(pid, signal.SIGCONT)  # a worker may have been killed meanwhile, at the deadline of its task
    return True


def any_worker(stage: Stage, target: str, rng: random.Random) -> int | None:
    """A worker of a node, if it has any just now."""
    workers = sorted(stage.nodes[target].workers())
    return rng.choice(workers) if workers else None


def send(pid: int, number: int) -> bool:
    """Sends a signal; returns whether the process was there."""
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return False
    return True


# ---- connections -----------------------------------------------------------------------------------------------------


def directions(proxy: FaultProxy, rng: random.Random, which: str) -> list[Direction]:
    """One or both, as asked."""
    if which == "both":
        return [proxy.up, proxy.down]
    return [rng.choice([proxy.up, proxy.down]) if which == "any" else getattr(proxy, which)]


def black_hole(stage: Stage, target: str, rng: random.Random, which: str) -> bool:
    """Nothing arrives. When the network is whole again, old connections are gone: bytes were lost inside them."""
    proxy = stage.proxies[target]
    chosen = directions(proxy, rng, which)
    before = sum(direction.fired for direction in chosen)
    for direction in chosen:
        direction.swallows = True
    stage.pause(rng.uniform(*LONG_S))
    proxy.reset()
    for direction in chosen:
        direction.swallows = False
    return sum(direction.fired for direction in chosen) > before


def hold_back(stage: Stage, target: str, rng: random.Random) -> bool:
    """A short partition: what is sent meanwhile arrives late, and whole."""
    return slow(stage, stage.proxies[target], rng.uniform(*HELD_S), 0.1)


def delay(stage: Stage, target: str, rng: random.Random) -> bool:
    return slow(stage, stage.proxies[target], rng.uniform(0.005, 0.05), rng.uniform(3.0, 8.0))


def slow(stage: Stage, proxy: FaultProxy, delay_s: float, lasts_s: float) -> bool:
    """Holds back each read for some time."""
    before = proxy.up.fired + proxy.down.fired
    proxy.up.delay_s = proxy.down.delay_s = delay_s
    stage.pause(lasts_s)
    proxy.up.delay_s = proxy.down.delay_s = 0.0
    return proxy.up.fired + proxy.down.fired > before


def reset(stage: Stage, target: str, rng: random.Random) -> bool:
    return stage.proxies[target].reset() > 0


def cut(stage: Stage, target: str, rng: random.Random) -> bool:
    """Resets the connection after some bytes: inside a frame, as a rule."""
    [direction] = directions(stage.proxies[target], rng, "any")
    before = direction.fired
    direction.cut_after = rng.randrange(1, CUT_WITHIN_BYTES)
    gives_up_at = time.monotonic() + FIRES_WITHIN_S
    while direction.fired == before and time.monotonic() < gives_up_at:
        stage.pause(0.02)
    direction.cut_after = -1
    return direction.fired > before


def _stopping(lasts_s: tuple[float, float]) -> Act:
    return lambda stage, target, rng: stop_process(stage, target, rng, lasts_s)


def _hole(which: str) -> Act:
    return lambda stage, target, rng: black_hole(stage, target, rng, which)


FAULTS = {
    fault.name: fault
    for fault in (
        Fault("kill cluster", ("cluster",), kill_cluster, severs=True, restarts=True),
        Fault("kill node", ("node",), kill_node, severs=True, restarts=True),
        Fault("kill worker", ("node",), kill_worker, severs=False),
        Fault("kill client", ("client",), kill_client, severs=True, restarts=True),
        # What is submitted while it closes its connections is lost; what it had admitted is not.
        Fault("drain cluster", ("cluster",), drain_cluster, severs=True, restarts=True),
        Fault("drain node", ("node",), drain_node, severs=False, restarts=True),
        Fault("stop cluster", ("cluster",), _stopping(SHORT_S), severs=False),
        Fault("stop node", ("node",), _stopping(SHORT_S), severs=False),
        Fault("stop worker", ("node",), lambda s, t, r: stop_worker(s, t, r, SHORT_S), severs=False),
        Fault("stop client", ("client",), _stopping(SHORT_S), severs=False),
        Fault("stop cluster for long", ("cluster",), _stopping(LONG_S), severs=True, turns=1),
        Fault("stop node for long", ("node",), _stopping(LONG_S), severs=True),
        Fault("stop worker for long", ("node",), lambda s, t, r: stop_worker(s, t, r, LONG_S), severs=False),
        Fault("stop client for long", ("client",), _stopping(LONG_S), severs=False),
        Fault("black hole", ("node", "client"), _hole("both"), severs=True),
        Fault("black hole towards the cluster", ("node", "client"), _hole("up"), severs=True),
        Fault("black hole from the cluster", ("node", "client"), _hole("down"), severs=True),
        Fault("hold back", ("node", "client"), hold_back, severs=False),
        Fault("delay", ("node", "client"), delay, severs=False),
        Fault("reset", ("node", "client"), reset, severs=True),
        Fault("cut inside a frame", ("node", "client"), cut, severs=True),
    )
}


class FaultInjector:
    """Lets faults happen, one kind after the other in random order, until every kind has had its turn, and again."""

    def __init__(self, stage: Stage, rng: random.Random, kinds: list[str], gap_s: float) -> None:
        self._stage = stage
        self._rng = rng
        self._kinds = kinds
        self._gap_s = gap_s
        self._bag: list[str] = []
        self._busy: set[str] = set()
        self._threads: list[threading.Thread] = []
        self._failures: list[Exception] = []

    def run(self, seconds: float) -> None:
        """Injects faults for so long. The cluster is ended in the first half only, so that the one which is there at
        the end has lived long enough to show leaks."""
        begun = time.monotonic()
        while (now := time.monotonic()) < begun + seconds:
            if not self._bag:
                turns = [kind for kind in self._kinds for _ in range(FAULTS[kind].turns)]
                self._bag = self._rng.sample(turns, len(turns))
            kind = FAULTS[self._bag.pop()]
            if kind.name not in FIRST_HALF_ONLY or now < begun + seconds / 2:
                self._begin(kind)
            self._stage.pause(min(self._rng.expovariate(1 / self._gap_s), 3 * self._gap_s))

    def rest(self) -> None:
        """Waits until every fault has ended; raises what one of them has raised."""
        for thread in self._threads:
            thread.join()
        if self._failures:
            raise ExceptionGroup("faults failed", self._failures)

    def _begin(self, kind: Fault) -> None:
        free = [target for target in self._targets(kind) if target not in self._busy]
        if not free:
            self._bag.insert(0, kind.name)
            return
        target = self._rng.choice(free)
        self._busy.add(target)
        self._threads = [thread for thread in self._threads if thread.is_alive()]
        rng = random.Random(self._rng.randrange(1 << 32))
        self._threads.append(threading.Thread(target=self._happen, args=(kind, target, rng), daemon=True))
        self._threads[-1].start()

    def _targets(self, kind: Fault) -> list[str]:
        named = {"cluster": [CLUSTER], "node": list(self._stage.nodes), "client": list(self._stage.drivers)}
        found = [target for whom in kind.whom for target in named[whom]]
        return [target for target in found if not (kind.restarts and target == STEADY_NODE)]

    def _happen(self, kind: Fault, target: str, rng: random.Random) -> None:
        driver = self._stage.drivers.get(target)
        begun = time.monotonic()
        try:
            if kind.act(self._stage, target, rng):
                known_as = driver.name if driver else target
                self._stage.history.write(
                    Record(
                        "fault",
                        begun,
                        fault=kind.name,
                        target=known_as,
                        until=time.monotonic(),
                        severs=kind.severs,
                    )
                )
        except StageClosing:
            pass  # what it has begun ends with the stage
        except Exception as failure:  # noqa: BLE001 - `rest` raises it, on the thread that decides
            self._failures.append(failure)
        finally:
            self._busy.discard(target)
