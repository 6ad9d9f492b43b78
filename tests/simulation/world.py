"""A whole little world from one seed: a cluster, nodes, clients, a network between them, work, and trouble.

`run(seed)` lets it live through its plan, then heals everything, waits until it is quiet, and asks for one last round
of work. The checkers look on all the while and raise AssertionError at once when a promise is broken.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from math import inf
from random import Random
from typing import Any

from argon.protocol.messages import Status
from argon.scheduling.task_options import TaskOptions
from argon.settings import ClusterSettings
from tests.simulation.agenda import Agenda
from tests.simulation.census import Census
from tests.simulation.checkers import PROMISES, Checker
from tests.simulation.client_actor import ClientActor
from tests.simulation.cluster_actor import ClusterActor
from tests.simulation.connection import Connection
from tests.simulation.host_actor import HostActor
from tests.simulation.hostile_actor import HostileActor
from tests.simulation.node_actor import NodeActor
from tests.simulation.plan import Plan, plan_of
from tests.simulation.tasks import Errand, Ledger
from tests.simulation.troubles import Troubles

_ADDRESS = re.compile("<memory at 0x[0-9a-f]+>")  # no two runs have the same
HEAL_WITHIN_S = 300.0
QUIET_S = 15.0
LAST_RUN_S, LAST_PLACES, LAST_BYTES = 5.0, 20, 40


class PromiseBroken(AssertionError):
    """A seed under which something happens that must not; says how to see it again."""


class World:
    """One simulation. ``trace`` gets a line for each thing seen."""

    def __init__(self, plan: Plan, trace: Callable[[str], None] | None = None) -> None:
        self.plan = plan
        self.rng = Random(f"world {plan.seed}")
        self.agenda = Agenda()
        self.ledger = Ledger()
        self.connections: list[Connection] = []
        self.healed = False
        self.failed_starts = plan.failed_starts
        self._busy_moments: list[float] = []
        self._trace = trace
        self._looks: dict[str, list[Callable[..., None]]] = {}
        self.checkers: Sequence[Checker] = [checker(self) for checker in [*PROMISES, Census]]
        settings = ClusterSettings(
            queue_limit=plan.queue_limit,
            queue_bytes=plan.queue_bytes,
            queue_target_s=plan.queue_target_s,
            max_payload_bytes=100_000,
            age_step_s=plan.age_step_s,
            heartbeat_s=1.0,
            dead_after_s=3.0,
        )
        self.cluster = ClusterActor(self, settings)
        self.nodes = [NodeActor(self, f"node-{n}", plan.workers, plan.max_requests) for n in range(plan.nodes)]
        self.clients = [ClientActor(self, f"client-{n}") for n in range(plan.clients)]
        self.hostile = [HostileActor(self, "hostile-0")] if plan.has("hostile client") else []

    # ---- what the actors call -----------------------------------------------------------------------------------

    def connect(self, host: HostActor) -> Connection:
        connection = Connection(self, self.cluster, host, len(self.connections) + 1)
        self.connections.append(connection)
        return connection

    def entered(self, assign: Any, node: NodeActor) -> Errand:
        """A worker enters the function of a task."""
        errand = self.ledger.of(assign.payload)
        errand.entered += 1
        self.saw("entered", errand, node)
        self._troubles.task_begins()
        return errand

    def saw(self, event: str, *details: Any) -> None:
        """Tells every checker what has happened."""
        if self._trace is not None:
            self._trace(f"{self.agenda.now:.6f} {event} " + " ".join(map(_readable, details)))
        looks = self._looks.get(event)
        if looks is None:
            looks = self._looks[event] = [getattr(c, event) for c in self.checkers if hasattr(c, event)]
        for look in looks:
            look(*details)

    # ---- a life -------------------------------------------------------------------------------------------------

    def live(self) -> None:
        """Begins, works in trouble, heals, works again."""
        self.cluster.start()
        for actor in [*self.nodes, *self.clients, *self.hostile]:
            self.agenda.after(self.rng.uniform(0.0, 0.2), actor.start)
        self._plan_work()
        self._troubles = Troubles(self, self._busy_moments)
        self.agenda.run(self.agenda.now + self.plan.seconds + 1.0)
        self._heal()
        limit = self.agenda.now + HEAL_WITHIN_S
        self.agenda.run(limit, done=self._is_all_answered)
        assert not self._open(), f"still without an answer: {', '.join(errand.tag for errand in self._open())}"
        self.agenda.run(self.agenda.now + QUIET_S)
        self._last_round()
        self.agenda.run(self.agenda.now + 1.0)
        for checker in self.checkers:
            checker.end()

    def _open(self) -> list[Errand]:
        return [e for e in self.ledger.errands.values() if e.outcome is None and not e.abandoned]

    def _is_all_answered(self) -> bool:
        return all(errand.outcome is not None or errand.abandoned for errand in self.ledger.errands.values())

    def _plan_work(self) -> None:
        for _ in range(0, self.plan.tasks, self.plan.burst):
            moment = self.rng.uniform(0.0, self.plan.seconds)
            self._busy_moments.append(moment)
            self.agenda.after(moment, self._burst)

    def _burst(self) -> None:
        up = [client for client in self.clients if client.up]
        if up:
            client = self.rng.choice(up)
            for _ in range(self.plan.burst):
                self._submit(client)

    def _submit(self, client: ClientActor) -> None:
        plan, rng = self.plan, self.rng
        endless = plan.has("endless") and rng.random() < 0.1
        timed = endless or (plan.has("timeouts") and rng.random() < 0.4)
        options = TaskOptions(
            priority=rng.randrange(plan.levels),
            timeout_s=rng.choice([0.01, 0.1, 0.5, 2.0]) if timed else None,
            retries=rng.choice([None, None, None, 0, 2]),
            idempotent=rng.random() < plan.idempotent,
            key=rng.choice([0, 0, 0, 1, 2]),
        )
        kind = rng.randrange(3)
        fates = ["ok"] * 8 + ["raise"] + ["die"] * plan.has("worker deaths")
        errand = client.submit(
            options,
            kind,
            run_s=1e6 if endless else plan.run_s * (kind + 1) * rng.uniform(0.5, 2.0),
            fate=rng.choice(fates),
            stubborn=plan.has("stubborn") and rng.random() < 0.2,
            padding=rng.choice([70_000, 100_000]) if plan.has("large payloads") and rng.random() < 0.2 else 10,
        )
        if plan.has("cancels") and rng.random() < 0.3:
            self.agenda.after(rng.uniform(0.0, 3 * plan.run_s), client.cancel, errand, rng.random() < 0.3)

    def client_comes(self) -> ClientActor:
        """Another client process begins."""
        client = ClientActor(self, f"client-{len(self.clients)}")
        self.clients.append(client)
        client.start()
        return client

    def comes_back(self, actor: NodeActor | ClusterActor) -> None:
        """Somebody starts a process again after a while."""
        self.agenda.after(self.rng.uniform(0.0, 0.1 * self.plan.seconds), self._start, actor)

    def _start(self, actor: NodeActor | ClusterActor) -> None:
        if not actor.up:
            actor.start()

    def _heal(self) -> None:
        """No more trouble: what is down comes up, what ends for good has ended."""
        self.healed = True
        self.saw("trouble", "none any more")
        for actor in [self.cluster, *self.nodes]:
            if actor.draining and actor.up:
                limit = max(self.agenda.now, actor.paused_until) + 10.0
                self.agenda.run(limit, done=lambda actor=actor: not actor.up)
                assert not actor.up, f"{actor.name} drains for five seconds, and has not stopped after ten"
            self._start(actor)
        for errand in self._open():
            if errand.run_s > 1e3 and errand.options.timeout_s is None:
                client = next(client for client in self.clients if client.name == errand.client)
                client.cancel(errand, queued_only=False)

    def _last_round(self) -> None:
        """As many tasks as there are workers, from a new client: if no slot was lost, they all run at the same time.

        And behind them as many as the queue holds, where that is a number: if no place was lost, none is rejected.
        """
        capacity = sum(node.state.ready_workers() for node in self.nodes)
        assert capacity == self.plan.nodes * self.plan.workers, "workers are missing though everything is quiet"
        self.failed_starts = 0.0
        client = self.client_comes()
        self.agenda.run(self.agenda.now + 2.5)
        begun = self.agenda.now
        once = TaskOptions(retries=0)
        running = [client.submit(once, 99, LAST_RUN_S, "ok", stubborn=False, padding=10) for _ in range(capacity)]
        places = min(self.plan.queue_limit, self.plan.queue_bytes // LAST_BYTES, LAST_PLACES)
        if self.plan.queue_target_s != inf:
            places = 0
        waiting = [client.submit(once, 98, 0.01, "ok", stubborn=False, padding=10) for _ in range(places)]
        self.agenda.run(begun + 60.0, done=self._is_all_answered)
        took = max(errand.settled_at for errand in running) - begun
        assert took < 8.0, f"the last round took {took:.1f} s, so tasks waited though workers should be free"
        for errand in [*running, *waiting]:
            fine = errand.outcome is not None and errand.outcome.status == Status.COMPLETED
            assert fine, f"{errand.tag} of the last round ends as {errand.outcome}"


def run(seed: int, trace: Callable[[str], None] | None = None) -> World:
    """Lives the life that a seed stands for; raises PromiseBroken from whatever went wrong."""
    return carry_out(plan_of(seed), trace)


def carry_out(plan: Plan, trace: Callable[[str], None] | None = None) -> World:
    """Lives the life that a plan describes; raises PromiseBroken from whatever went wrong."""
    world = World(plan, trace)
    try:
        world.live()
    except Exception as error:
        moment = f"seed {plan.seed} at {world.agenda.now:.6f}"
        raise PromiseBroken(f"{error} ({moment}; replay: python -m tests.simulation {plan.seed})") from error
    return world


def _readable(detail: object) -> str:
    if isinstance(detail, Errand):
        return detail.tag
    if isinstance(detail, Connection):
        return f"{detail.host.name}#{detail.peer}"
    name = getattr(detail, "name", None)
    text = name if isinstance(name, str) else _ADDRESS.sub("<memory>", repr(detail))
    return text if len(text) < 2000 else f"{text[:2000]}…"
