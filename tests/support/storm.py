"""A crowd of clients that offers a cluster more than it can do, in virtual time, with the real states of all three
roles.

In: how many clients and workers, how long a task takes, which options, and how much is offered when. Out: what became
of every task and when, how many tasks wait in the clients, what the cluster has rejected, and how many workers were
killed in the midst of a task. Equal seeds give equal histories.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from math import inf
from random import Random
from typing import Any, NamedTuple

from argon.protocol.handshake import Role
from argon.protocol.messages import Entered, Message, Outcome, Status, Welcome
from argon.scheduling.client.client_state import ClientState
from argon.scheduling.cluster.cluster_state import ClusterState
from argon.scheduling.effects import AssignWorker, Kill, Recall, Send, Settle, Spawn
from argon.scheduling.node.node_state import NodeState
from argon.scheduling.node.worker_slot import Recalled, WorkerExit
from argon.scheduling.task_options import TaskOptions
from argon.settings import ClusterSettings, NodeSettings
from tests.simulation.agenda import Agenda

KIND = 1
WIRE_S = 0.0002
WORKER_START_S = 0.05
DEATH_S = 0.001
NODE = 1_000_000


class AnsweredTask(NamedTuple):
    """One task: when it was submitted and answered, and how it ended; whose it was, and what was asked."""

    submitted_at: float
    answered_at: float
    status: int
    client: int
    priority: int


class Flow(NamedTuple):
    """Tasks of one client: what they offer, as a share of what the workers can do, and how long each takes, if not as
    long as the storm's."""

    client: int
    priority: int
    load: float
    run_s: float | None = None


class Host:
    """A process with one state: it performs what the state asks for, and wakes it when the state wants to be woken."""

    def __init__(self, storm: Storm, state: Any) -> None:
        self.storm = storm
        self.state = state
        self._wake_at = inf

    def perform(self, effects: Iterable[Any]) -> None:
        for effect in effects:
            self.act(effect)
        moment = self.state.next_deadline()
        if moment is not None and moment < self._wake_at:
            self._wake_at = moment
            self.storm.agenda.at(moment, self._wake, moment)

    def act(self, effect: Any) -> None:
        raise NotImplementedError

    def _wake(self, moment: float) -> None:
        if moment == self._wake_at:
            self._wake_at = inf
            self.perform(self.state.tick(self.storm.agenda.now))


class Hub(Host):
    """The cluster."""

    def act(self, effect: Any) -> None:
        assert isinstance(effect, Send), effect
        host = self.storm.node if effect.peer == NODE else self.storm.clients[effect.peer]
        self.storm.agenda.after(WIRE_S, host.hear, effect.message)

    def hear(self, peer: int, message: Message) -> None:
        self.perform(self.state.received(peer, [message], self.storm.agenda.now))


class Crowder(Host):
    """A client and its callers."""

    def __init__(self, storm: Storm, peer: int) -> None:
        super().__init__(storm, ClientState(Random(storm.rng.random())))
        self.peer = peer
        self.open: dict[int, tuple[float, int]] = {}

    def submit(self, options: TaskOptions, kind: int = KIND) -> None:
        now = self.storm.agenda.now
        deadline = inf if options.timeout_s is None else now + options.timeout_s
        id_, effects = self.state.submit(kind, bytes([kind]), options, deadline, now)
        self.open[id_] = now, options.priority
        self.perform(effects)

    def hear(self, message: Message) -> None:
        if isinstance(message, Welcome):
            self.perform(self.state.connected(1, message, self.storm.agenda.now))
        else:
            self.perform(self.state.received(1, [message], self.storm.agenda.now))

    def act(self, effect: Any) -> None:
        if isinstance(effect, Send):
            self.storm.agenda.after(WIRE_S, self.storm.hub.hear, self.peer, effect.message)
        elif isinstance(effect, Settle):
            now = self.storm.agenda.now
            came_at, priority = self.open.pop(effect.task)
            self.storm.answered.append(AnsweredTask(came_at, now, effect.answer.status, self.peer, priority))
        else:
            raise AssertionError(effect)


class Helper(Host):
    """The node and its workers."""

    def __init__(self, storm: Storm, workers: int) -> None:
        super().__init__(storm, NodeState(NodeSettings("node", 1, workers)))
        self.workers: dict[int, Hand] = {}
        self.perform(self.state.start())

    def hear(self, message: Message) -> None:
        now = self.storm.agenda.now
        if isinstance(message, Welcome):
            self.perform(self.state.connected(1, message, now))
        else:
            self.perform(self.state.received(1, [message], now))

    def act(self, effect: Any) -> None:
        agenda = self.storm.agenda
        match effect:
            case Send(message=message):
                agenda.after(WIRE_S, self.storm.hub.hear, NODE, message)
            case AssignWorker(worker=number):
                self.workers[number].assign(effect)
            case Recall(worker=number):
                hand = self.workers[number]
                recalled = Recalled(number, hand.take_back(), [], hand.entered)
                self.perform(self.state.worker_recalled(recalled, agenda.now))
            case Kill(worker=number):
                agenda.after(DEATH_S, self._died, number)
            case Spawn(worker=number):
                self.workers[number] = Hand(self, number)
                agenda.after(WORKER_START_S, self._ready, number)
            case _:
                raise AssertionError(effect)

    def answered(self, number: int, outcome: Outcome) -> None:
        self.perform(self.state.worker_answered(number, [outcome], self.storm.agenda.now))

    def _ready(self, number: int) -> None:
        self.perform(self.state.worker_ready(number, self.storm.agenda.now))

    def _died(self, number: int) -> None:
        hand = self.workers.pop(number, None)
        if hand is not None:
            self.storm.killed += 1
            unstarted = hand.take_back()
            exit_ = WorkerExit(number, signal=15, exit_code=0, unstarted=unstarted, outcomes=[], entered=hand.entered)
            hand.running = None
            self.perform(self.state.worker_ended(exit_, self.storm.agenda.now))


class Hand:
    """A worker: it runs one task after another."""

    def __init__(self, node: Helper, number: int) -> None:
        self.node = node
        self.number = number
        self.entered = 0
        self.running: AssignWorker | None = None
        self._inbox: deque[AssignWorker] = deque()

    def assign(self, assign: AssignWorker) -> None:
        self._inbox.append(assign)
        if self.running is None:
            self._begin()

    def take_back(self) -> list[int]:
        """What it has not begun."""
        ids = [assign.local_task_id for assign in self._inbox]
        self._inbox.clear()
        return ids

    def _begin(self) -> None:
        assign = self.running = self._inbox.popleft()
        self.entered = assign.local_task_id
        storm = self.node.storm
        run_s = storm.runs_s[assign.payload[0]] * storm.rng.uniform(0.5, 1.5)
        storm.agenda.after(run_s, self._finish, assign, run_s)

    def _finish(self, assign: AssignWorker, run_s: float) -> None:
        if self.running is not assign:
            return  # it was killed meanwhile
        self.running = None
        if self._inbox:
            self._begin()
        self.node.storm.worked_s += run_s
        self.node.answered(
            self.number, Outcome(assign.local_task_id, Status.COMPLETED, Entered.YES, run_s=run_s, payload=b"x")
        )


class Storm:
    """The crowd and its cluster.

    Attributes:
        answered: every task that was answered, in the order of the answers.
        killed: workers that were ended in the midst of a task.
        worked_s: the worker-seconds of the tasks that were finished.
        rejected: what the cluster has rejected.
    """

    def __init__(
        self, *, clients: int, workers: int, run_s: float, options: TaskOptions, seed: int = 1, **settings: float
    ) -> None:
        self.agenda = Agenda()
        self.rng = Random(seed)
        self.runs_s = {KIND: run_s}
        self.capacity = workers / run_s
        self.options = options
        self.answered: list[AnsweredTask] = []
        self.killed = 0
        self.worked_s = 0.0
        self.hub = Hub(self, ClusterState(ClusterSettings(**settings), Random(seed)))  # type: ignore[arg-type]
        self.node = Helper(self, workers)
        self.clients = {peer: Crowder(self, peer) for peer in range(1, clients + 1)}
        self._offered = 0.0
        self.hub.perform(self.hub.state.connected(NODE, Role.NODE, self.agenda.now))
        self.agenda.run(self.agenda.now + 0.5)
        for peer in self.clients:
            self.hub.perform(self.hub.state.connected(peer, Role.CLIENT, self.agenda.now))
        self.agenda.run(self.agenda.now + 0.5)

    def offer(self, load: float, seconds: float, watch: Callable[[], None] | None = None, every_s: float = 1.0) -> None:
        """Lets tasks come, at random moments and to random clients, for a while. A load of 1 is all that the workers
        can do."""
        begun = self._offered = self.agenda.now
        mean_s = 1.0 / (load * self.capacity)
        moment = begun + self.rng.expovariate(1.0 / mean_s)
        next_look = begun + every_s
        while moment < begun + seconds:
            if watch is not None and moment >= next_look:
                self.agenda.run(next_look)
                watch()
                next_look += every_s
                continue
            self.agenda.run(moment)
            self.clients[self.rng.randrange(1, len(self.clients) + 1)].submit(self.options)
            moment += self.rng.expovariate(1.0 / mean_s)
        self.agenda.run(begun + seconds)

    def flow(self, flows: list[Flow], seconds: float) -> None:
        """Lets several kinds of tasks come beside each other, each at random moments, for a while."""
        begun = self.agenda.now
        arrivals: list[tuple[float, int]] = []
        for number, one in enumerate(flows):
            run_s = self.runs_s[KIND] if one.run_s is None else one.run_s
            self.runs_s[KIND + 1 + number] = run_s
            rate = one.load * self.capacity * self.runs_s[KIND] / run_s
            moment = begun + self.rng.expovariate(rate)
            while moment < begun + seconds:
                arrivals.append((moment, number))
                moment += self.rng.expovariate(rate)
        for moment, number in sorted(arrivals):
            self.agenda.run(moment)
            client, priority, _, _ = flows[number]
            self.clients[client].submit(TaskOptions(priority=priority), KIND + 1 + number)
        self.agenda.run(begun + seconds)

    def waiting(self) -> int:
        """How many tasks have no answer yet."""
        return sum(len(client.open) for client in self.clients.values())

    def rejected(self) -> int:
        """How many tasks the cluster has rejected so far."""
        return self.hub.state.counters.rejected()
