"""A whole scenario from one seed: a cluster, nodes, clients, a network between them, work, and faults.

`run(seed)` runs its plan, then heals everything, waits until it is quiet, and asks for one last round of work. The
checkers look on all the while and raise AssertionError at once when a promise is broken.
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
from tests.simulation.checkers import PROMISES, Checker
from tests.simulation.client_actor import ClientActor
from tests.simulation.cluster_actor import ClusterActor
from tests.simulation.cluster_checker import ClusterChecker
from tests.simulation.connection import Connection
from tests.simulation.faults import Faults
from tests.simulation.host_actor import HostActor
from tests.simulation.hostile_actor import HostileActor
from tests.simulation.node_actor import NodeActor
from tests.simulation.plan import Plan, plan_of
from tests.simulation.tasks import SimulatedTask, TaskTable

_ADDRESS = re.compile("<memory at 0x[0-9a-f]+>")  # no two runs have the same
HEAL_WITHIN_S = 300.0
QUIET_S = 15.0
LAST_RUN_S, LAST_PLACES, LAST_BYTES = 5.0, 20, 40


class PromiseBroken(AssertionError):
    """A seed under which something happens that must not; says how to see it again."""


class Scenario:
    """One simulation. ``trace`` gets a line for each thing seen."""

    def __init__(self, plan: Plan, trace: Callable[[str], None] | None = None) -> None:
        self.plan = plan
        self.rng = Random(f"world {plan.seed}")
        self.agenda = Agenda()
        self.task_table = TaskTable()
        self.connections: list[Connection] = []
        self.healed = False
        self.failed_starts = plan.failed_starts
        self._busy_moments: list[float] = []
        self._trace = trace
        self._looks: dict[str, list[Callable[..., None]]] = {}
        self.checkers: Sequence[Checker] = [checker(self) for checker in [*PROMISES, ClusterChecker]]
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

    def entered(self, assign: Any, node: NodeActor) -> SimulatedTask:
        """A worker enters the function of a task."""
        task = self.task_table.of(assign.payload)
        task.entered += 1
        self.saw("entered", task, node)
        self._faults.task_begins()
        return task

    def saw(self, event: str, *details: Any) -> None:
        """Tells every checker what has happened."""
        if self._trace is not None:
            self._trace(f"{self.agenda.now:.6f} {event} " + " ".join(map(_readable, details)))
        looks = self._looks.get(event)
        if looks is None:
            looks = self._looks[event] = [getattr(c, event) for c in self.checkers if hasattr(c, event)]
        for look in looks:
            look(*details)

    # ---- the run ------------------------------------------------------------------------------------------------

    def run(self) -> None:
        """Begins, works under faults, heals, works again."""
        self.cluster.start()
        for actor in [*self.nodes, *self.clients, *self.hostile]:
            self.agenda.after(self.rng.uniform(0.0, 0.2), actor.start)
        self._plan_work()
        self._faults = Faults(self, self._busy_moments)
        self.agenda.run(self.agenda.now + self.plan.seconds + 1.0)
        self._heal()
        limit = self.agenda.now + HEAL_WITHIN_S
        self.agenda.run(limit, done=self._is_all_answered)
        assert not self._open(), f"still without an answer: {', '.join(task.tag for task in self._open())}"
        self.agenda.run(self.agenda.now + QUIET_S)
        self._last_round()
        self.agenda.run(self.agenda.now + 1.0)
        for checker in self.checkers:
            checker.end()

    def _open(self) -> list[SimulatedTask]:
        return [e for e in self.task_table.tasks.values() if e.outcome is None and not e.abandoned]

    def _is_all_answered(self) -> bool:
        return all(task.outcome is not None or task.abandoned for task in self.task_table.tasks.values())

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
        task = client.submit(
            options,
            kind,
            run_s=1e6 if endless else plan.run_s * (kind + 1) * rng.uniform(0.5, 2.0),
            fate=rng.choice(fates),
            stubborn=plan.has("stubborn") and rng.random() < 0.2,
            padding=rng.choice([70_000, 100_000]) if plan.has("large payloads") and rng.random() < 0.2 else 10,
        )
        if plan.has("cancels") and rng.random() < 0.3:
            self.agenda.after(rng.uniform(0.0, 3 * plan.run_s), client.cancel, task, rng.random() < 0.3)

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
        """No more faults: what is down comes up, what ends for good has ended."""
        self.healed = True
        self.saw("fault", "none any more")
        for actor in [self.cluster, *self.nodes]:
            if actor.draining and actor.up:
                limit = max(self.agenda.now, actor.paused_until) + 10.0
                self.agenda.run(limit, done=lambda actor=actor: not actor.up)
                assert not actor.up, f"{actor.name} drains for five seconds, and has not stopped after ten"
            self._start(actor)
        for task in self._open():
            if task.run_s > 1e3 and task.options.timeout_s is None:
                client = next(client for client in self.clients if client.name == task.client)
                client.cancel(task, queued_only=False)

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
        took = max(task.settled_at for task in running) - begun
        assert took < 8.0, f"the last round took {took:.1f} s, so tasks waited though workers should be free"
        for task in [*running, *waiting]:
            fine = task.outcome is not None and task.outcome.status == Status.COMPLETED
            assert fine, f"{task.tag} of the last round ends as {task.outcome}"


def run(seed: int, trace: Callable[[str], None] | None = None) -> Scenario:
    """Runs the scenario of a seed; raises PromiseBroken from whatever went wrong."""
    return carry_out(plan_of(seed), trace)


def carry_out(plan: Plan, trace: Callable[[str], None] | None = None) -> Scenario:
    """Runs the scenario of a plan; raises PromiseBroken from whatever went wrong."""
    scenario = Scenario(plan, trace)
    try:
        scenario.run()
    except Exception as error:
        moment = f"seed {plan.seed} at {scenario.agenda.now:.6f}"
        raise PromiseBroken(f"{error} ({moment}; replay: python -m tests.simulation {plan.seed})") from error
    return scenario


def _readable(detail: object) -> str:
    if isinstance(detail, SimulatedTask):
        return detail.tag
    if isinstance(detail, Connection):
        return f"{detail.host.name}#{detail.peer}"
    name = getattr(detail, "name", None)
    text = name if isinstance(name, str) else _ADDRESS.sub("<memory>", repr(detail))
    return text if len(text) < 2000 else f"{text[:2000]}…"
