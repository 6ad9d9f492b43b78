"""The three real state machines, joined by lists instead of connections, and a note of everything that happens.

In: what callers do and what workers come to. Out: the lines of a transcript, and the events, which can be played again.
Every message passes through the codec, as on the wire: no machine ever holds an object of another's.

A worker here runs one task at a time, in the order in which it was given them, and for as long as the scene says.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from math import inf
from random import Random
from typing import Any

import msgspec

from argon.errors import MayHaveRun
from argon.protocol.codec import HEADER_BYTES, decode, encode, read_header
from argon.protocol.handshake import Role
from argon.protocol.messages import (
    STATUS_NAMES,
    Capacity,
    Entered,
    Heartbeat,
    Message,
    Outcome,
    Register,
    Status,
    Welcome,
)
from argon.record import Record
from argon.scheduling.client.client_state import ClientState
from argon.scheduling.cluster.cluster_state import ClusterState
from argon.scheduling.cluster.reporting.invariants import check_cluster
from argon.scheduling.effects import AssignWorker, Close, Kill, Recall, Send, Settle, Spawn
from argon.scheduling.node.node_state import NodeState
from argon.scheduling.node.worker_slot import Recalled, WorkerExit
from argon.scheduling.task_options import TaskOptions
from argon.settings import ClusterSettings, NodeSettings, Priority
from tests.support.client_invariants import check_client

CLUSTER = 1  # what clients and nodes call their cluster; the cluster numbers its own peers
SEED = 1
RUN_S = 0.02
QUIET = (Welcome, Register, Capacity)  # how a connection begins, not what a task does


class Stage:
    """A cluster with its clients and nodes, by name.

    Attributes:
        lines: the transcript.
        events: what happened to which machine, as ``play`` takes it.
        effects: what each event came to, as text.
    """

    def __init__(self, **settings: float) -> None:
        self.settings = settings
        self._machines: dict[str, Any] = {"cluster": _cluster(settings)}
        self._peers: dict[str, int] = {}
        self._wire: deque[tuple[str, str, bytes]] = deque()
        self._workers: dict[tuple[str, int], deque[int]] = {}
        self._starting: deque[tuple[str, int]] = deque()
        self._ended: deque[tuple[str, int, int]] = deque()
        self.node_workers: dict[str, int] = {}
        self.now = 0.0
        self.lines: list[str] = []
        self.events: list[Event] = []
        self.effects: list[str] = []

    # ---- what scenes say ----------------------------------------------------------------------------------------

    def client(self, name: str) -> None:
        """A client connects."""
        self._machines[name] = ClientState(Random(SEED))
        self._connect(name, Role.CLIENT)

    def node(self, name: str, workers: int = 1) -> None:
        """A node connects, and its workers come up."""
        self.node_workers[name] = workers
        self._machines[name] = _node(name, workers)
        self._happens(name, "start")
        self._connect(name, Role.NODE)

    def submit(self, client: str, *, timeout_s: float | None = None, **options: Any) -> int:
        """A caller submits a task; returns its number at the client."""
        deadline = inf if timeout_s is None else self.now + timeout_s
        number = self._happens(
            client, "submit", 1, b"call", TaskOptions(timeout_s=timeout_s, **options), deadline, self.now
        )
        self._deliver()
        return int(number)

    def cancel(self, client: str, number: int) -> None:
        """A caller cancels a task."""
        self._happens(client, "cancel", number, False, self.now)
        self._deliver()

    def finish(self, node: str, worker: int = 1) -> None:
        """A worker finishes the task that it runs."""
        self.now += RUN_S
        task = self._workers[node, worker].popleft()
        outcome = Outcome(task, Status.COMPLETED, Entered.YES, run_s=RUN_S, payload=b"value")
        self._happens(node, "worker_answered", worker, [_packed(outcome)], self.now)
        self._deliver()

    def busy_workers(self) -> list[tuple[str, int]]:
        """The workers that run a task, with their nodes."""
        return [key for key, tasks in self._workers.items() if tasks]

    def lose(self, node: str) -> None:
        """The connection between a node and its cluster ends."""
        self._happens("cluster", "lost", self._peers[node], self.now)
        del self._machines[node]
        self._deliver()

    def wait(self, seconds: float) -> None:
        """Time passes."""
        until = self.now + seconds
        while (due := self._next()) is not None and due[0] <= until:
            self.now = max(self.now, due[0])
            self._happens(due[1], "tick", self.now)
            self._deliver()
        self.now = until

    # ---- what follows -------------------------------------------------------------------------------------------

    def _connect(self, name: str, role: Role) -> None:
        self._peers[name] = len(self._peers) + 1
        self._happens("cluster", "connected", self._peers[name], role.value, self.now)
        self._deliver()

    def _next(self) -> tuple[float, str] | None:
        moments = [(machine.next_deadline(), name) for name, machine in self._machines.items()]
        return min(((moment, name) for moment, name in moments if moment is not None), default=None)

    def _deliver(self) -> None:
        """What was sent arrives, and workers do what they are told, until nothing is on its way."""
        while self._wire or self._starting or self._ended:
            if self._starting and self._starting[0][0] in self._peers:
                node, worker = self._starting.popleft()
                self._workers[node, worker] = deque()
                self._happens(node, "worker_ready", worker, self.now)
            elif self._wire:
                sender, receiver, data = self._wire.popleft()
                if receiver not in self._machines:
                    continue
                if isinstance(_unpacked(data), Welcome):
                    self._happens(receiver, "connected", CLUSTER, data, self.now)
                else:
                    peer = self._peers[sender] if receiver == "cluster" else CLUSTER
                    self._happens(receiver, "received", peer, [data], self.now)
            else:
                node, worker, signal = self._ended.popleft()
                tasks = self._workers.pop((node, worker))
                running = tasks.popleft() if tasks else 0
                self._happens(node, "worker_ended", worker, signal, list(tasks), running, self.now)

    def _happens(self, name: str, method: str, *arguments: Any) -> Any:
        event = Event(name, method, arguments)
        self.events.append(event)
        number, effects = apply(self._machines[name], event)
        self.effects += [repr(effect) for effect in effects]
        self._say_event(event)
        for effect in effects:
            self._perform(name, effect)
        return number

    def _perform(self, name: str, effect: object) -> None:
        match effect:
            case Send(peer=peer, message=message):
                others = {number: other for other, number in self._peers.items()}
                receiver = others[peer] if name == "cluster" else "cluster"
                self._wire.append((name, receiver, _packed(message)))
                if not is_quiet(message):
                    self._say(f"  -> {receiver}: {described(message)}")
            case Settle(answer=answer):
                self._say(f"  -> its caller: {described(answer)}")
            case Spawn(worker=worker):
                self._starting.append((name, worker))
            case AssignWorker(worker=worker, local_task_id=local_task_id):
                self._workers[name, worker].append(local_task_id)
                self._say(f"  -> worker {worker}: task {local_task_id}")
            case Recall(worker=worker):
                self._say(f"  -> worker {worker}: give back what you have not started")
                tasks = self._workers[name, worker]
                unstarted = [tasks.pop() for _ in range(len(tasks) - 1)]
                self._happens(name, "worker_recalled", worker, unstarted, [], tasks[0] if tasks else 0, self.now)
            case Kill(worker=worker, forced=forced):
                self._say(f"  -> worker {worker}: {'SIGKILL' if forced else 'SIGTERM'}")
                self._ended.append((name, worker, 9 if forced else 15))
            case Close(reason=reason):
                self._say(f"  -> closes the connection: {reason}")

    def _say_event(self, event: Event) -> None:
        text = spoken(event, {number: name for name, number in self._peers.items()})
        if text:
            self._say(f"{event.machine}: {text}")

    def _say(self, line: str) -> None:
        self.lines.append(line)


class Event:
    """One call of a state machine. Messages are kept as bytes, so that nothing can change them afterwards."""

    def __init__(self, machine: str, method: str, arguments: tuple[Any, ...]) -> None:
        self.machine = machine
        self.method = method
        self.arguments = arguments


def play(stage: Stage, events: Sequence[Event]) -> list[str]:
    """What recorded events come to on new machines, as text."""
    machines: dict[str, Any] = {"cluster": _cluster(stage.settings)}
    effects: list[str] = []
    for event in events:
        if event.machine not in machines:
            workers = stage.node_workers.get(event.machine)
            machines[event.machine] = _node(event.machine, workers) if workers else ClientState(Random(SEED))
        effects += [repr(effect) for effect in apply(machines[event.machine], event)[1]]
    return effects


def apply(machine: Any, event: Event) -> tuple[int, list[object]]:
    """Calls a machine; returns the number of a new task, else 0, and the effects."""
    arguments = [_unpacked_all(argument) for argument in event.arguments]
    if event.method == "connected" and isinstance(machine, ClusterState):
        arguments[1] = Role(arguments[1])
    if event.method == "worker_ended":
        worker, signal, unstarted, running, now = arguments
        exit_ = WorkerExit(worker, signal=signal, exit_code=0, unstarted=unstarted, outcomes=[], entered=running)
        arguments = [exit_, now]
    if event.method == "worker_recalled":
        arguments = [Recalled(*arguments[:-1]), arguments[-1]]
    method: Callable[..., Any] = getattr(machine, event.method)
    result = method(*arguments)
    if isinstance(machine, ClusterState):
        check_cluster(machine)
    elif isinstance(machine, ClientState):
        check_client(machine)
    else:
        machine.check()
    return result if event.method == "submit" else (0, result)


def described(message: object) -> str:
    """A message with those of its fields that say something."""
    fields = message.fields() if isinstance(message, Record) else msgspec.structs.asdict(message)  # type: ignore[type-var]
    said = [f"{name}={value}" for name, value in ((n, _shown(n, v)) for n, v in fields.items()) if value]
    return f"{type(message).__name__}({', '.join(said)})"


def spoken(event: Event, names: dict[int, str]) -> str:
    """What an event is, in words; nothing for how connections begin and workers come up."""
    arguments = [_unpacked_all(argument) for argument in event.arguments]
    match event.method:
        case "received":
            sender = names[arguments[0]] if event.machine == "cluster" else "the cluster"
            heard = [named(message) for message in arguments[1] if not is_quiet(message)]
            return f"receives from {sender}: {', '.join(heard)}" if heard else ""
        case "submit":
            return "its caller submits a task"
        case "cancel":
            return f"its caller cancels task {arguments[0]}"
        case "lost":
            return f"the connection to {names[arguments[0]]} is lost"
        case "worker_answered":
            return f"worker {arguments[0]} answers: {', '.join(map(named, arguments[1]))}"
        case "worker_recalled":
            return f"worker {arguments[0]} gives back {arguments[1] or 'nothing'}, and runs task {arguments[3]}"
        case "worker_ended":
            return f"worker {arguments[0]} has ended by signal {arguments[1]}, while it ran task {arguments[3]}"
        case "tick":
            return f"time has passed ({arguments[0]:.2f} s)"
    return ""


def is_quiet(message: object) -> bool:
    """Whether a message tells nothing of a task. A heartbeat that offers credits does."""
    return isinstance(message, QUIET) or (isinstance(message, Heartbeat) and not message.credits)


def named(message: object) -> str:
    """A message as who sent it called it: by its type, its task, and how that ended."""
    status = f", {STATUS_NAMES[message.status]}" if isinstance(message, Outcome) else ""
    return f"{type(message).__name__}({getattr(message, 'id', '')}{status})"


def _shown(name: str, value: Any) -> str:
    match name, value:
        case (("payload" | "kind"), _):
            return ""
        case "status", _:
            return STATUS_NAMES[value]
        case "entered", _:
            return list(MayHaveRun)[value].name
        case "priority", _:
            return "" if value == Priority.NORMAL else Priority(value).name
        case _, float():
            return f"{value:.3g}" if value else ""
        case _, bool() | int():
            return str(value) if value else ""
    return str(value)


def _packed(message: Message) -> bytes:
    header, payload = encode(message)
    return header + (payload if isinstance(payload, bytes) else b"".join(payload))


def _unpacked(data: bytes) -> Message:
    _, *fields = read_header(data, 0)
    return decode(*fields, data[HEADER_BYTES:])


def _unpacked_all(argument: Any) -> Any:
    if isinstance(argument, bytes) and argument != b"call":
        return _unpacked(argument)
    if isinstance(argument, list) and argument and isinstance(argument[0], bytes):
        return [_unpacked(data) for data in argument]
    return argument


def _cluster(settings: dict[str, float]) -> ClusterState:
    return ClusterState(ClusterSettings(**settings), Random(SEED))  # type: ignore[arg-type]


def _node(name: str, workers: int) -> NodeState:
    return NodeState(NodeSettings(name, 1, workers))
