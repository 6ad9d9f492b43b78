"""The cluster process of a simulation: what `argon.cluster.cluster_shell` and `argon.net.channel` do, around the real
ClusterState.

Bytes to messages to effects, one timer, and nothing else. Bytes that mean nothing end their connection, and must not
do more.
"""

from __future__ import annotations

from collections.abc import Iterable
from random import Random
from typing import TYPE_CHECKING

from argon.protocol.codec import ProtocolViolation
from argon.protocol.handshake import Role
from argon.protocol.messages import Message, Submit
from argon.scheduling.cluster.cluster_state import ClusterState
from argon.scheduling.cluster.reporting.invariants import check_cluster
from argon.scheduling.cluster.reporting.report import reply
from argon.scheduling.effects import Close, DiscardPayload, Report, Send, Stop
from argon.settings import ClusterSettings
from tests.simulation.actor import Actor
from tests.simulation.connection import Connection

if TYPE_CHECKING:
    from tests.simulation.scenario import Scenario


class ClusterActor(Actor):
    """The cluster process."""

    def __init__(self, scenario: Scenario, settings: ClusterSettings) -> None:
        super().__init__(scenario, "cluster")
        self.settings = settings
        self.connections: dict[int, Connection] = {}
        self.draining = False

    def start(self) -> None:
        self.wind_clock()
        self.state = ClusterState(self.settings, Random(self.scenario.rng.random()))
        self.up = True
        self.draining = False
        self.scenario.saw("cluster_started", self)

    def crash(self) -> None:
        """kill -9: everything is forgotten, every connection breaks."""
        self.ends()
        connections, self.connections = list(self.connections.values()), {}
        for connection in connections:
            connection.cut(silently=False)

    def accept(self, connection: Connection, role: Role) -> None:
        if not self.soon(self.accept, connection, role):
            if not self.up:
                connection.cut(silently=False)
            return
        self.connections[connection.peer] = connection
        self.scenario.saw("cluster_accepted", connection, role)
        self.perform(self.state.connected(connection.peer, role, self.now()))

    def hears(self, connection: Connection, data: bytes | None) -> None:
        if not self.soon(self.hears, connection, data):
            return
        if self.connections.get(connection.peer) is not connection:
            return
        if data is None:
            self._lose(connection)
            return
        try:
            for said in connection.to_cluster.read(data):
                if self.connections.get(connection.peer) is not connection:
                    return
                self._adopt(connection, said)
                self.scenario.saw("cluster_heard", connection, said)
                self.perform(self.state.received(connection.peer, said, self.now()))
        except ProtocolViolation as violation:
            if self.connections.get(connection.peer) is not connection:
                return
            self.scenario.saw("violated", connection, violation.reason)
            connection.close_from(connection.to_host, connection.to_cluster, violation.reason)
            self._lose(connection)

    def _adopt(self, connection: Connection, said: list[Message]) -> None:
        """A hostile client may have made a task of any bytes: from now on it is one that the simulation knows."""
        for message in said if not connection.host.honest else ():
            if isinstance(message, Submit):
                self.scenario.task_table.adopt(connection.host.name, message)

    def _lose(self, connection: Connection) -> None:
        del self.connections[connection.peer]
        self.scenario.saw("cluster_lost", connection)
        self.perform(self.state.lost(connection.peer, self.now()))

    def tick(self) -> None:
        liveness, now = self.state.liveness, self.now()
        for peer in liveness.silent(now):
            connection = self.connections[peer]
            if connection.held_back:
                liveness.stands(peer, now)
            elif connection.host.role is Role.CLIENT:
                silent_s = connection.silent_for_s() * self.rate
                if silent_s < self.settings.dead_after_s:
                    self.scenario.saw("cluster_finds_standing", connection)
                    self.perform(self.state.stands(peer, now - silent_s, now))
        self.perform(self.state.tick(self.now()))

    def drain(self, timeout_s: float) -> None:
        if self.up:
            self.draining = True
            self.perform(self.state.drain(self.now(), timeout_s))

    def perform(self, effects: Iterable[object]) -> None:
        scenario, effects = self.scenario, list(effects)
        scenario.saw("cluster_decided", effects)
        check_cluster(self.state)
        touched: dict[int, Connection] = {}
        stopped = False
        for effect in effects:
            match effect:
                case Send():
                    connection = self.connections.get(effect.peer)
                    assert connection is not None, f"{effect.message} is said to nobody"
                    connection.to_host.say(effect.message)
                    touched[effect.peer] = connection
                case Report():
                    connection = self.connections[effect.peer]
                    connection.to_host.say(reply(self.state, effect.asked, self.now()))
                    touched[effect.peer] = connection
                case Close():
                    connection = self.connections.pop(effect.peer)
                    connection.close_from(connection.to_host, connection.to_cluster, effect.reason)
                case DiscardPayload():
                    self.connections[effect.peer].to_cluster.framing.discard()
                case Stop():
                    scenario.saw("cluster_stopped")
                    stopped = True
                case _:
                    raise AssertionError(f"a cluster cannot do {effect}")
        for connection in touched.values():
            if connection.open:
                connection.to_host.flush()
        if stopped:
            self.crash()
            scenario.comes_back(self)
        else:
            self.arm(self.state.next_deadline())
