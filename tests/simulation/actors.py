"""The processes of a simulation: a cluster, nodes with their workers, clients, each a thin shell around its real state.

A shell here does what the shells in `argon.roles` do: bytes to messages to effects, one timer, and nothing else. It can
be killed, paused and restarted at any moment.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Iterable
from random import Random
from typing import TYPE_CHECKING, Any

from argon.protocol.handshake import Role
from argon.protocol.messages import (
    Assign,
    Entered,
    Goodbye,
    Message,
    Outcome,
    Status,
    Submit,
    Welcome,
)
from argon.scheduling.client_state import ClientState
from argon.scheduling.cluster_state import ClusterState
from argon.scheduling.effects import (
    Close,
    DiscardPayload,
    Give,
    Kill,
    Recall,
    Refused,
    Retire,
    Send,
    Settle,
    Spawn,
    Stop,
)
from argon.scheduling.node_state import NodeState
from argon.scheduling.task_options import TaskOptions
from argon.scheduling.workers import WorkerEnd
from argon.settings import HELLO_TIMEOUT_S, ClusterSettings, NodeSettings
from tests.simulation.network import Stream
from tests.simulation.tasks import Errand
from tests.support.records import replaced

if TYPE_CHECKING:
    from tests.simulation.world import World


class Connection:
    """A connection between the cluster and one of the others; ``peer`` is what the cluster calls it."""

    def __init__(self, world: World, cluster: ClusterActor, host: HostActor, peer: int) -> None:
        limit = cluster.settings.max_payload_bytes
        self.peer = peer
        self.host = host
        self.cluster = cluster
        self.open = True
        self.to_cluster = Stream(world.agenda, world.rng, limit, lambda data: cluster.hears(self, data))
        self.to_host = Stream(world.agenda, world.rng, limit, lambda data: host.hears(self, data))
        self._world = world

    def cut(self, silently: bool) -> None:
        """The connection breaks; either side learns of it later, or not at all."""
        if not self.open:
            return
        self.open = False
        self.to_cluster.dead = self.to_host.dead = True
        if not silently:
            agenda, rng = self._world.agenda, self._world.rng
            agenda.after(rng.uniform(0.0, 0.05), self.cluster.hears, self, None)
            agenda.after(rng.uniform(0.0, 0.05), self.host.hears, self, None)

    def close_from(self, out: Stream, back: Stream, reason: str) -> None:
        """One side says goodbye and hangs up; nothing more reaches it."""
        back.dead = True
        if self.open:
            self.open = False
            out.say(Goodbye(reason))
            out.end()


class Actor(ABC):
    """A process: it hears, its timer rings, it can be paused."""

    def __init__(self, world: World, name: str) -> None:
        self.world = world
        self.name = name
        self.up = False
        self.paused_until = 0.0
        self.was_paused = False
        self._put_off: list[tuple[Callable[..., None], tuple[Any, ...]]] = []
        self._timer = 0
        self._timer_at: float | None = None

    def soon(self, event: Callable[..., None], *arguments: Any) -> bool:
        """Whether the process is awake; if not, the event is put off until it is."""
        if self.world.agenda.now < self.paused_until:
            self._put_off.append((event, arguments))
            return False
        return self.up

    def pause(self, seconds: float) -> None:
        """The process is stopped for a while, as by a busy machine."""
        self.paused_until = max(self.paused_until, self.world.agenda.now + seconds)
        self.was_paused = True
        self.world.agenda.at(self.paused_until, self._wakes)

    def _wakes(self) -> None:
        if self.world.agenda.now >= self.paused_until:
            put_off, self._put_off = self._put_off, []
            for event, arguments in put_off:
                event(*arguments)

    def ends(self) -> None:
        """The process is gone, and with it all that it had not got round to."""
        self.up = False
        self.paused_until = 0.0
        self._put_off.clear()
        self.disarm()

    def arm(self, deadline: float | None) -> None:
        """Sets the one timer."""
        if deadline == self._timer_at:
            return
        self._timer += 1
        self._timer_at = deadline
        if deadline is not None:
            late = self.world.rng.uniform(0.0, 0.001)
            self.world.agenda.at(deadline + late, self._rings, self._timer)

    def disarm(self) -> None:
        self._timer += 1
        self._timer_at = None

    def _rings(self, timer: int) -> None:
        if timer == self._timer and self.soon(self._rings, timer):
            self._timer_at = None
            self.tick()

    @abstractmethod
    def tick(self) -> None: ...


class ClusterActor(Actor):
    """The cluster process."""

    def __init__(self, world: World, settings: ClusterSettings) -> None:
        super().__init__(world, "cluster")
        self.settings = settings
        self.connections: dict[int, Connection] = {}
        self.draining = False

    def start(self) -> None:
        self.state = ClusterState(self.settings, Random(self.world.rng.random()))
        self.up = True
        self.draining = False
        self.world.saw("cluster_started", self)

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
        self.world.saw("cluster_accepted", connection, role)
        self.perform(self.state.connected(connection.peer, role, self.world.agenda.now))

    def hears(self, connection: Connection, data: bytes | None) -> None:
        if not self.soon(self.hears, connection, data):
            return
        if self.connections.get(connection.peer) is not connection:
            return
        now = self.world.agenda.now
        if data is None:
            del self.connections[connection.peer]
            self.world.saw("cluster_lost", connection)
            self.perform(self.state.lost(connection.peer, now))
            return
        said = connection.to_cluster.framing.feed(data)
        if said:
            self.world.saw("cluster_heard", connection, said)
            self.perform(self.state.received(connection.peer, said, now))

    def tick(self) -> None:
        self.perform(self.state.tick(self.world.agenda.now))

    def drain(self, timeout_s: float) -> None:
        if self.up:
            self.draining = True
            self.perform(self.state.drain(self.world.agenda.now, timeout_s))

    def perform(self, effects: Iterable[object]) -> None:
        world, effects = self.world, list(effects)
        world.saw("cluster_decided", effects)
        self.state.check()
        touched: dict[int, Connection] = {}
        stopped = False
        for effect in effects:
            match effect:
                case Send():
                    connection = self.connections.get(effect.peer)
                    assert connection is not None, f"{effect.message} is said to nobody"
                    connection.to_host.say(effect.message)
                    touched[effect.peer] = connection
                case Close():
                    connection = self.connections.pop(effect.peer)
                    connection.close_from(connection.to_host, connection.to_cluster, effect.reason)
                case DiscardPayload():
                    self.connections[effect.peer].to_cluster.framing.discard()
                case Stop():
                    world.saw("cluster_stopped")
                    stopped = True
                case _:
                    raise AssertionError(f"a cluster cannot do {effect}")
        for connection in touched.values():
            if connection.open:
                connection.to_host.flush()
        if stopped:
            self.crash()
            world.comes_back(self)
        else:
            self.arm(self.state.next_deadline())


class HostActor(Actor):
    """What nodes and clients have in common: they dial, are welcomed, and dial again."""

    role = Role.CLIENT

    def __init__(self, world: World, name: str) -> None:
        super().__init__(world, name)
        self.connection: Connection | None = None
        self.session = 0
        self.welcomed = False
        self._dialling = False

    def dial(self) -> None:
        """Connects, now or when there is a cluster."""
        if self._dialling or self.connection is not None or not self.up:
            return
        self._dialling = True
        self.world.agenda.after(self.world.rng.uniform(0.001, 0.3), self._dial)

    def _dial(self) -> None:
        self._dialling = False
        if not self.up or self.connection is not None:
            return
        cluster = self.world.cluster
        if not cluster.up or cluster.draining:
            self.dial()
            return
        self.connection = self.world.connect(self)
        self.welcomed = False
        self.world.agenda.after(self.world.rng.uniform(0.0, 0.005), cluster.accept, self.connection, self.role)
        self.world.agenda.after(HELLO_TIMEOUT_S, self._give_up, self.connection)

    def _give_up(self, connection: Connection) -> None:
        """Nobody has welcomed this host in time."""
        if self.up and self.connection is connection and not self.welcomed:
            self.close("no welcome in time")

    def hears(self, connection: Connection, data: bytes | None) -> None:
        if not self.soon(self.hears, connection, data) or self.connection is not connection:
            return
        now = self.world.agenda.now
        if data is None:
            self.hang_up()
            return
        said = connection.to_host.framing.feed(data)
        if said and not self.welcomed and isinstance(said[0], Welcome):
            self.welcomed = True
            self.session += 1
            welcome = said.pop(0)
            self.world.saw("welcomed", self, welcome)
            self.perform(self.connected(self.session, welcome, now))
        if said and self.connection is connection:
            self.world.saw("heard", self, said)
            self.perform(self.received(self.session, said, now))

    def hang_up(self) -> None:
        """The connection is gone; the state hears of it, and another one is sought."""
        self.connection = None
        if self.welcomed:
            self.welcomed = False
            self.world.saw("lost", self)
            self.perform(self.lost(self.session, self.world.agenda.now))
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
            self.connection.cut(silently=self.world.rng.random() < 0.3)
            self.connection = None

    @abstractmethod
    def connected(self, peer: int, welcome: Welcome, now: float) -> Iterable[object]: ...

    @abstractmethod
    def received(self, peer: int, messages: list[Message], now: float) -> Iterable[object]: ...

    @abstractmethod
    def lost(self, peer: int, now: float) -> Iterable[object]: ...

    @abstractmethod
    def perform(self, effects: Iterable[object]) -> None: ...


class SimulatedWorker:
    """A worker process: an inbox of tasks not yet taken, the one that runs, outcomes not yet sent, and outcomes sent
    that its node has not read yet."""

    def __init__(self, node: NodeActor, number: int) -> None:
        self.node = node
        self.number = number
        self.inbox: deque[Assign] = deque()
        self.running: Assign | None = None
        self.entered = 0
        self.outbox: list[Outcome] = []
        self.unread: list[Outcome] = []
        self.alive = True
        self.retiring = False
        self.killed = False
        self._turn = 0
        self._flushing = False
        rng, agenda = node.world.rng, node.world.agenda
        if rng.random() < node.world.plan.failed_starts:
            agenda.after(rng.uniform(0.01, 0.1), self.die, 0, 1)
        else:
            agenda.after(rng.uniform(0.01, 0.2), self._ready)

    def give(self, assign: Assign) -> None:
        """Puts a task into its inbox, where it lies untouched if the worker is dead and nobody has noticed."""
        self.inbox.append(assign)
        self._wake()

    def recall(self) -> tuple[list[int], list[Outcome]]:
        """What it has not begun, and all that it has finished, sent or not; it may send the same once more."""
        unstarted, outcomes = [assign.id for assign in self.inbox], [*self.unread, *map(replaced, self.outbox)]
        self.inbox.clear()
        self.unread = []
        if self.node.world.rng.random() < 0.7:
            self.outbox = []
        return unstarted, outcomes

    def kill(self, forced: bool) -> None:
        self.killed = True
        errand = self.node.world.ledger.of(self.running.payload) if self.running else None
        if forced or errand is None or not errand.stubborn:
            self.node.world.agenda.after(self.node.world.rng.uniform(0.0, 0.01), self.die, 9 if forced else 15, 0)

    def retire(self) -> None:
        self.retiring = True
        self._wake()

    def die(self, signal: int, exit_code: int) -> None:
        if self.alive:
            self.alive = False
            self.node.worker_ended(self, signal, exit_code)

    def _ready(self) -> None:
        if self.alive:
            self.node.worker_ready(self.number)

    def _wake(self) -> None:
        self.node.world.agenda.after(self.node.world.rng.uniform(0.0, 0.0002), self._take)

    def _take(self) -> None:
        if not self.alive or self.running is not None:
            return
        if not self.inbox:
            if self.retiring:
                self.die(0, 0)
            return
        self.running = self.inbox.popleft()
        self.entered = self.running.id
        self._turn += 1
        errand = self.node.world.entered(self.running, self.node)
        self.node.world.agenda.after(errand.run_s, self._finish, self._turn, errand)

    def _finish(self, turn: int, errand: Errand) -> None:
        assign = self.running
        if not self.alive or assign is None or turn != self._turn:
            return
        if errand.fate == "die":
            self.die(11, 0)
            return
        self.running = None
        status = Status.FAILED if errand.fate == "raise" else Status.COMPLETED
        payload = f"{errand.tag}={errand.entered}".encode()
        self.outbox.append(Outcome(assign.id, status, Entered.YES, 0, errand.run_s, payload=payload))
        if not self._flushing:
            self._flushing = True
            self.node.world.agenda.after(self.node.world.rng.uniform(0.0, 0.001), self._flush)
        self._take()

    def _flush(self) -> None:
        self._flushing = False
        if self.alive and self.outbox:
            self.unread += self.outbox
            self.outbox = []
            latency_s = self.node.world.rng.uniform(0.0, 0.0005)
            self.node.world.agenda.after(latency_s, self.node.worker_answered, self)


class NodeActor(HostActor):
    """A node process and its workers."""

    role = Role.NODE

    def __init__(self, world: World, name: str, workers: int, max_requests: int | None) -> None:
        super().__init__(world, name)
        self._count = workers
        self._max_requests = max_requests
        self.incarnation = 0
        self.draining = False
        self.workers: dict[int, SimulatedWorker] = {}

    def start(self) -> None:
        self.incarnation = self.world.rng.randrange(1 << 60)
        settings = NodeSettings(self.name, self.incarnation, self._count, self._max_requests, kill_after_s=0.3)
        self.state = NodeState(settings)
        self.world.saw("node_started", self)
        self.up = True
        self.draining = False
        self.perform(self.state.start())
        self.dial()

    def kill(self) -> None:
        super().kill()
        self._end_workers()

    def drain(self, timeout_s: float) -> None:
        if self.up:
            self.draining = True
            self.perform(self.state.drain(self.world.agenda.now, timeout_s))

    def worker_ready(self, number: int) -> None:
        if self.soon(self.worker_ready, number) and number in self.workers:
            self.perform(self.state.worker_ready(number, self.world.agenda.now))

    def worker_answered(self, worker: SimulatedWorker) -> None:
        if self.soon(self.worker_answered, worker) and worker.unread and self.workers.get(worker.number) is worker:
            outcomes, worker.unread = worker.unread, []
            self.perform(self.state.worker_answered(worker.number, outcomes, self.world.agenda.now))

    def worker_ended(self, worker: SimulatedWorker, signal: int, exit_code: int) -> None:
        if self.soon(self.worker_ended, worker, signal, exit_code) and self.workers.get(worker.number) is worker:
            del self.workers[worker.number]
            unstarted, outcomes = worker.recall()
            end = WorkerEnd(worker.number, signal, exit_code, False, "it ended", unstarted, worker.entered)
            self.perform(self.state.worker_ended(end, outcomes, self.world.agenda.now))

    def tick(self) -> None:
        self.perform(self.state.tick(self.world.agenda.now))

    def connected(self, peer: int, welcome: Welcome, now: float) -> Iterable[object]:
        return self.state.connected(peer, welcome, now)

    def received(self, peer: int, messages: list[Message], now: float) -> Iterable[object]:
        return self.state.received(peer, messages, now)

    def lost(self, peer: int, now: float) -> Iterable[object]:
        return self.state.lost(peer, now)

    def perform(self, effects: Iterable[object]) -> None:
        self.state.check()
        left = deque(effects)
        self.world.saw("node_decided", self, left)
        reason, stopped = None, False
        while left:
            match left.popleft():
                case Send(message=message):
                    self.say(message)
                case Recall(worker=number):
                    left.extend(self._recall(number))
                case Close(reason=why):
                    reason = why
                case Stop():
                    stopped = True
                case effect:
                    self._manage(effect)
        self.flush()
        if stopped:
            self._stop()
        elif reason is not None:
            self.close(reason)
        if self.up:
            self.arm(self.state.next_deadline())

    def _manage(self, effect: object) -> None:
        match effect:
            case Give(worker=number, assign=assign):
                self.workers[number].give(assign)
            case Kill(worker=number, forced=forced):
                if number in self.workers:
                    self.workers[number].kill(forced)
            case Retire(worker=number):
                self.workers[number].retire()
            case Spawn(worker=number):
                self.workers[number] = SimulatedWorker(self, number)
            case _:
                raise AssertionError(f"a node cannot do {effect}")

    def _recall(self, number: int) -> Iterable[object]:
        worker = self.workers.get(number)
        unstarted, outcomes = worker.recall() if worker else ([], [])
        entered = worker.entered if worker else 0
        effects = self.state.worker_recalled(number, unstarted, outcomes, entered, self.world.agenda.now)
        self.state.check()
        self.world.saw("node_decided", self, effects)
        return effects

    def _stop(self) -> None:
        self.ends()
        self._end_workers()
        self.world.saw("node_stopped", self)
        self.world.comes_back(self)
        if self.connection is not None:
            self.leave(self.connection, "drained")
            self.connection = None

    def _end_workers(self) -> None:
        for worker in self.workers.values():
            worker.alive = False
        self.workers.clear()


class ClientActor(HostActor):
    """A client process with callers."""

    def __init__(self, world: World, name: str) -> None:
        super().__init__(world, name)
        self.state = ClientState(Random(world.rng.random()))
        self.errands: dict[int, Errand] = {}
        self.closed = False

    def start(self) -> None:
        self.up = True
        self.dial()

    def submit(self, options: TaskOptions, kind: int, run_s: float, fate: str, stubborn: bool, padding: int) -> Errand:
        """A caller submits a task."""
        world = self.world
        now = world.agenda.now
        deadline = float("inf") if options.timeout_s is None else now + options.timeout_s
        number = len(self.errands) + 1
        tag = f"{self.name}:{number}"
        errand = Errand(tag, self.name, number, options, kind, deadline, run_s, fate, stubborn, padding)
        self.errands[number] = world.ledger.errands[tag] = errand
        world.saw("submitted", self, errand)
        id_, effects = self.state.submit(kind, errand.payload(), options, deadline, now)
        assert id_ == number
        self.perform(effects)
        return errand

    def cancel(self, errand: Errand, queued_only: bool) -> None:
        """A caller cancels a task."""
        if self.up:
            errand.cancelled = True
            self.perform(self.state.cancel(errand.id, queued_only, self.world.agenda.now))

    def end(self) -> None:
        """The client is closed by its program."""
        if self.up:
            self.closed = True
            self.perform(self.state.close())
            self.ends()
            if self.connection is not None:
                self.leave(self.connection, "closed")

    def kill(self) -> None:
        super().kill()
        for errand in self.errands.values():
            errand.abandoned = errand.abandoned or errand.outcome is None

    def tick(self) -> None:
        self.perform(self.state.tick(self.world.agenda.now))

    def connected(self, peer: int, welcome: Welcome, now: float) -> Iterable[object]:
        return self.state.connected(peer, welcome, now)

    def received(self, peer: int, messages: list[Message], now: float) -> Iterable[object]:
        return self.state.received(peer, messages, now)

    def lost(self, peer: int, now: float) -> Iterable[object]:
        return self.state.lost(peer, now)

    def perform(self, effects: Iterable[object]) -> None:
        self.state.check()
        reason = None
        for effect in effects:
            match effect:
                case Send(message=message):
                    if isinstance(message, Submit):
                        self.world.saw("client_sent", self, message)
                    self.say(message)
                case Settle(task=number, outcome=outcome):
                    self.world.saw("settled", self, self.errands[number], outcome)
                case Refused(task=number):
                    self.world.saw("refused", self, self.errands[number])
                case Close():
                    reason = effect.reason
                case _:
                    raise AssertionError(f"a client cannot do {effect}")
        self.flush()
        if reason is not None:
            self.close(reason)
        if self.up:
            self.arm(self.state.next_deadline())
