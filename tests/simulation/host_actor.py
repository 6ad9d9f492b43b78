"""What the nodes and clients of a simulation have in common: they dial, are welcomed, and dial again."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable
from typing import TYPE_CHECKING

from argon.protocol.handshake import Role
from argon.protocol.messages import Message, Welcome
from argon.settings import HELLO_TIMEOUT_S
from tests.simulation.actor import Actor
from tests.simulation.connection import Connection

if TYPE_CHECKING:
    from argon.scheduling.client.client_state import ClientState
    from argon.scheduling.node.node_state import NodeState
    from tests.simulation.scenario import Scenario


class HostActor(Actor):
    """A process that dials the cluster.

    Attributes:
        honest: whether it says what it should.
        session: the number of its connection, for its state.
    """

    role = Role.CLIENT
    honest = True
    state: ClientState | NodeState

    def __init__(self, scenario: Scenario, name: str) -> None:
        super().__init__(scenario, name)
        self.connection: Connection | None = None
        self.lost_connection: Connection | None = None
        self.session = 0
        self.welcomed = False
        self._dialling = False

    def dial(self) -> None:
        """Connects, now or when there is a cluster."""
        if self._dialling or self.connection is not None or not self.up:
            return
        self._dialling = True
        self.scenario.agenda.after(self.scenario.rng.uniform(0.001, 0.3), self._dial)

    def _dial(self) -> None:
        self._dialling = False
        if not self.up or self.connection is not None:
            return
        cluster = self.scenario.cluster
        if not cluster.up or cluster.draining:
            self.dial()
            return
        self.connection = self.scenario.connect(self)
        self.welcomed = False
        self.scenario.agenda.after(self.scenario.rng.uniform(0.0, 0.005), cluster.accept, self.connection, self.role)
        self.scenario.agenda.after(HELLO_TIMEOUT_S, self._give_up, self.connection)

    def _give_up(self, connection: Connection) -> None:
        """Nobody has welcomed this host in time."""
        if self.up and self.connection is connection and not self.welcomed:
            self.close("no welcome in time")

    def hears(self, connection: Connection, data: bytes | None) -> None:
        if not self.soon(self.hears, connection, data) or self.connection is not connection:
            return
        now = self.now()
        if data is None:
            self.hang_up()
            return
        for said in connection.to_host.read(data):
            if said and not self.welcomed and isinstance(said[0], Welcome):
                self.welcomed = True
                self.session += 1
                welcome = said.pop(0)
                self.scenario.saw("welcomed", self, welcome)
                self.perform(self.connected(self.session, welcome, now))
            if self.welcomed and self.connection is connection:
                self.scenario.saw("heard", self, said)
                self.perform(self.received(self.session, said, now))

    def hang_up(self) -> None:
        """The connection is gone; the state hears of it, and another one is sought."""
        self.lost_connection, self.connection = self.connection, None
        if self.welcomed:
            self.welcomed = False
            self.scenario.saw("lost", self)
            self.perform(self.lost(self.session, self.now()))
        self.dial()

    def say(self, message: Message) -> None:
        assert self.connection is not None, f"{message} is said to nobody"
        assert self.welcomed
        self.connection.to_cluster.say(message)

    def flush(self) -> None:
        if self.connection is not None and self.connection.open:
            self.connection.to_cluster.flush()

    def close(self, reason: str) -> None:
        if self.connection is not None:
            self.scenario.saw("hangs_up", self, reason)
            self.leave(self.connection, reason)
            self.hang_up()

    def leave(self, connection: Connection, reason: str) -> None:
        """Says goodbye, if there is somebody already to say it to."""
        if self.welcomed:
            connection.close_from(connection.to_cluster, connection.to_host, reason)
        else:
            connection.cut(silently=False)

    def kill(self) -> None:
        """kill -9: the process is gone; the cluster learns of it, or not."""
        self.ends()
        if self.connection is not None:
            self.connection.cut(silently=self.scenario.rng.random() < 0.3)
            self.connection = None

    # ---- what its state hears -----------------------------------------------------------------------------------

    def tick(self) -> None:
        liveness, now = self.state.liveness, self.now()
        if liveness.silent(now) and self.has_waiting(self.hears, self.connection):
            liveness.stands(self.session, now)
        self.perform(self.state.tick(self.now()))

    def connected(self, peer: int, welcome: Welcome, now: float) -> Iterable[object]:
        return self.state.connected(peer, welcome, now)

    def received(self, peer: int, messages: list[Message], now: float) -> Iterable[object]:
        return self.state.received(peer, messages, now)

    def lost(self, peer: int, now: float) -> Iterable[object]:
        return self.state.lost(peer, now)

    @abstractmethod
    def perform(self, effects: Iterable[object]) -> None: ...
