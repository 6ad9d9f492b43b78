"""What goes wrong in a scenario, and when: each fault of a plan strikes a few times, at bad moments.

In: a scenario. Out: events on its agenda. Everything ends by itself, or when the scenario is healed.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeAlias

from tests.simulation.connection import Connection
from tests.simulation.plan import STRIKES

if TYPE_CHECKING:
    from tests.simulation.node_actor import NodeActor
    from tests.simulation.scenario import Scenario

Strike: TypeAlias = Callable[[], None]
CLOGS_S = [0.05, 0.5, 2.5, 6.0]
SLOW_S = [1.0, 5.0, 12.0]
SIPS_BYTES = [0, 1, 4, 40]
TRICKLES_BYTES = [400, 2000]  # a large payload takes longer than the silence that is death, or almost
PAUSES_S = [0.1, 2.0, 3.2, 10.0]  # no harm, a heartbeat missed, longer than the silence that is death, far too long


class Faults:
    """The strikes of one scenario. ``busy_moments`` are those at which work comes."""

    def __init__(self, scenario: Scenario, busy_moments: list[float]) -> None:
        self._scenario = scenario
        self._rng = scenario.rng
        self._busy_moments = busy_moments
        self._begun = 0
        self._at_begin: dict[int, list[tuple[str, Strike]]] = {}
        strikes: dict[str, Strike] = {
            "cut": lambda: self._cut(silently=False),
            "silent cut": lambda: self._cut(silently=True),
            "reset": self._reset,
            "clog": self._clog,
            "one-way loss": self._lose_one_way,
            "slow link": self._slow_link,
            "slow client": self._slow_client,
            "node kill": lambda: self._kill(self._rng.choice(scenario.nodes)),
            "node drain": lambda: self._rng.choice(scenario.nodes).drain(scenario.plan.drain_s),
            "client kill": self._kill_client,
            "client end": lambda: self._rng.choice(scenario.clients).end(),
            "cluster crash": self._crash_cluster,
            "cluster drain": self._drain_cluster,
            "pause": self._pause,
        }
        for fault in STRIKES:
            if scenario.plan.has(fault):
                for _ in range(self._rng.choice([1, 2, 4, 8])):
                    self._plan(fault, strikes[fault])

    def task_begins(self) -> None:
        """A worker has entered a function: some faults wait for that."""
        self._begun += 1
        for fault, strike in self._at_begin.pop(self._begun, []):
            self._scenario.agenda.after(self._rng.uniform(0.0, self._scenario.plan.run_s), self._strike, fault, strike)

    def _plan(self, fault: str, strike: Strike) -> None:
        """At any moment, or one at which much is under way, or while a task runs."""
        rng, scenario = self._rng, self._scenario
        when = rng.random()
        if when < 0.3:
            scenario.agenda.after(rng.uniform(0.0, scenario.plan.seconds), self._strike, fault, strike)
        elif when < 0.7:
            moment = rng.choice(self._busy_moments) + rng.choice([0.002, 0.005, 0.2]) * rng.random()
            scenario.agenda.after(moment, self._strike, fault, strike)
        else:
            self._at_begin.setdefault(1 + rng.randrange(scenario.plan.tasks), []).append((fault, strike))

    def _strike(self, fault: str, strike: Strike) -> None:
        if not self._scenario.healed:
            self._scenario.saw("fault", fault)
            strike()

    # ---- the network --------------------------------------------------------------------------------------------

    def _one(self) -> Connection | None:
        alive = [connection for connection in self._scenario.connections if connection.open]
        return self._rng.choice(alive) if alive else None

    def _cut(self, silently: bool) -> None:
        connection = self._one()
        if connection is not None:
            connection.cut(silently)

    def _reset(self) -> None:
        """The connection ends inside the next thing that is said."""
        connection = self._one()
        if connection is not None:
            self._rng.choice(connection.streams()).break_off(lambda: connection.cut(silently=False))

    def _clog(self) -> None:
        """One direction stands still; or, now and then, all those of one process, one after the other."""
        connection = self._one()
        if connection is None:
            return
        if self._rng.random() < 0.7:
            self._rng.choice(connection.streams()).clog(self._rng.choice(CLOGS_S))
            return
        victim = self._rng.choice([connection.host, connection.cluster])
        clogged = [c for c in self._scenario.connections if c.open and victim in (c.host, c.cluster)]
        streams = [stream for c in clogged for stream in c.streams()]
        self._rng.shuffle(streams)
        for stream in streams:
            self._scenario.agenda.after(self._rng.uniform(0.0, 1.0), stream.clog, self._rng.choice(CLOGS_S))

    def _lose_one_way(self) -> None:
        """One direction swallows everything until somebody gives the connection up."""
        connection = self._one()
        if connection is not None:
            self._rng.choice(connection.streams()).swallow()

    def _slow_link(self) -> None:
        """One direction lets little through for a while."""
        connection = self._one()
        if connection is not None:
            stream = self._rng.choice(connection.streams())
            stream.take(self._rng.choice(TRICKLES_BYTES))
            self._scenario.agenda.after(self._rng.choice(SLOW_S), stream.take, None)

    def _slow_client(self) -> None:
        """A client takes nothing for a while, or next to nothing."""
        connection = self._rng.choice(self._scenario.clients).connection
        if connection is not None:
            connection.to_host.take(self._rng.choice(SIPS_BYTES))
            self._scenario.agenda.after(self._rng.choice(SLOW_S), connection.to_host.take, None)

    # ---- processes ----------------------------------------------------------------------------------------------

    def _kill(self, node: NodeActor) -> None:
        if node.up:
            node.kill()
            self._scenario.comes_back(node)

    def _kill_client(self) -> None:
        """Another client may come in its place."""
        self._rng.choice(self._scenario.clients).kill()
        if self._rng.random() < 0.5:
            self._scenario.agenda.after(self._rng.uniform(0.0, 0.3), self._scenario.client_comes)

    def _crash_cluster(self) -> None:
        self._scenario.cluster.crash()
        self._scenario.comes_back(self._scenario.cluster)

    def _drain_cluster(self) -> None:
        """Now and then somebody loses patience, or all nodes are lost meanwhile."""
        cluster = self._scenario.cluster
        cluster.drain(self._rng.choice([0.0, 0.5, 5.0]))
        worse = self._rng.random()
        if worse < 0.3:
            self._scenario.agenda.after(0.1, cluster.drain, 0.0)
        elif worse < 0.7:
            moment = self._rng.uniform(0.0, self._scenario.plan.run_s)
            for node in self._scenario.nodes:
                self._scenario.agenda.after(moment, self._kill, node)

    def _pause(self) -> None:
        actor = self._rng.choice([self._scenario.cluster, *self._scenario.nodes, *self._scenario.clients])
        actor.pause(self._rng.choice(PAUSES_S))
