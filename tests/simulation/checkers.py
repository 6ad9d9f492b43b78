"""Who looks on: each checker knows one promise, and only what it has seen from outside.

The scenario tells a checker of an event by calling the method of that name, if it has one. What the states know of
themselves is checked by their own `check()`; these count again, from messages.
"""

from __future__ import annotations

from collections.abc import Iterable
from math import inf
from typing import TYPE_CHECKING

from argon.errors import RejectReason
from argon.protocol.handshake import Role
from argon.protocol.messages import (
    Answer,
    Assign,
    Drain,
    Entered,
    Heartbeat,
    Message,
    Outcome,
    Reject,
    Status,
    Submit,
    Welcome,
)
from argon.scheduling.effects import AssignWorker, Close, Recall, Send, Spawn
from tests.simulation.actor import DRIFT

if TYPE_CHECKING:
    from tests.simulation.actor import Actor
    from tests.simulation.client_actor import ClientActor
    from tests.simulation.connection import Connection
    from tests.simulation.host_actor import HostActor
    from tests.simulation.network import Stream
    from tests.simulation.node_actor import NodeActor
    from tests.simulation.scenario import Scenario
    from tests.simulation.tasks import SimulatedTask

LONGEST_RUNS = 6.0  # of the plan's run time: that of the longest kind, at its longest
LATE_S = 0.1
ANSWER_GRACE_S = 1.0
UNREAD_BEATS = 2.2  # a process that slept for so many heartbeats may not have read yet what has come


class Checker:
    """One promise."""

    def __init__(self, scenario: Scenario) -> None:
        self.scenario = scenario

    def end(self) -> None:
        """Everything is over and quiet."""

    def now(self) -> float:
        return self.scenario.agenda.now

    def late_s(self, task: SimulatedTask) -> float:
        """How late an answer may be, and how early the end of a deadline: no two clocks count the same seconds."""
        return LATE_S + DRIFT * (task.options.timeout_s or 0.0)


class OneOutcome(Checker):
    """Every submit ends in exactly one outcome, in time."""

    def settled(self, client: ClientActor, task: SimulatedTask, outcome: Answer) -> None:
        assert task.outcome is None, f"{task.tag} is answered twice"
        task.outcome = outcome
        task.settled_at = self.now()
        if not client.was_paused:
            late_s = self.now() - task.deadline
            grace_s = 0.0 if self.scenario.plan.is_peaceful() else ANSWER_GRACE_S
            assert late_s <= grace_s + self.late_s(task), f"{task.tag} is answered {late_s:.2f} s after its deadline"

    def cancel_too_late(self, client: ClientActor, task: SimulatedTask) -> None:
        assert task.outcome is None, f"{task.tag} has an answer, and is then said to be running"

    def end(self) -> None:
        for task in self.scenario.task_table.tasks.values():
            assert task.outcome is not None or task.abandoned, f"{task.tag} has no answer"


class Honest(Checker):
    """`may_have_run` is true; a rejected task never ran."""

    def settled(self, client: ClientActor, task: SimulatedTask, outcome: Answer) -> None:
        if outcome.entered == Entered.NO:
            assert not task.entered, f"{task.tag} is said not to have run, and it did"
        elif outcome.entered == Entered.YES:
            assert task.entered, f"{task.tag} is said to have run, and it did not"
        if outcome.status == Status.REJECTED:
            assert outcome.entered == Entered.NO
        if outcome.status == Status.COMPLETED:
            assert outcome.payload == f"{task.tag}={task.entered}".encode() or task.options.idempotent
            assert task.fate == "ok"

    def entered(self, task: SimulatedTask, node: NodeActor) -> None:
        outcome = task.outcome
        if outcome is not None:
            assert outcome.entered != Entered.NO, f"{task.tag} was said not to have run, and now it does"


class Deserved(Checker):
    """Nobody gets an outcome for which there was no reason."""

    def settled(self, client: ClientActor, task: SimulatedTask, outcome: Answer) -> None:
        plan, tag = self.scenario.plan, task.tag
        match outcome.status:
            case Status.FAILED:
                assert task.fate in ("raise", "die"), f"{tag} did nothing wrong, and failed"
            case Status.CANCELLED:
                assert task.cancelled, f"{tag} is cancelled, and nobody wanted that"
            case Status.EXPIRED:
                late_s = self.now() - task.deadline
                foreseen_s = 0.0 if outcome.entered == Entered.YES else LONGEST_RUNS * plan.run_s
                assert late_s >= -self.late_s(task) - foreseen_s, f"{tag} expired {-late_s:.3f} s before its time"
            case Status.LOST:
                lasting = plan.has("node drain") and task.run_s > 3.0
                assert lasting or not plan.is_peaceful(), f"{tag} is lost in a scenario where nothing gets lost"
            case Status.REJECTED if task.options.retries is None and task.options.timeout_s is None:
                assert outcome.reason == RejectReason.TOO_LARGE or task.cancelled, f"{tag} should have been tried again"


class AtMostOnce(Checker):
    """A task that is not idempotent is entered at most once."""

    def entered(self, task: SimulatedTask, node: NodeActor) -> None:
        assert task.entered == 1 or task.options.idempotent, f"{task.tag} runs for the second time"


class Heeded(Checker):
    """A client sends what it was asked to send, no more than its credits, and no more often than its options say."""

    def __init__(self, scenario: Scenario) -> None:
        super().__init__(scenario)
        self.credits: dict[str, int] = {}
        self.outstanding: dict[str, dict[int, SimulatedTask]] = {}
        self.drained: set[str] = set()
        self.unsent_of: dict[str, dict[int, SimulatedTask]] = {}

    def settled(self, client: ClientActor, task: SimulatedTask, outcome: Answer) -> None:
        unsent = self.unsent_of.get(client.name, {})
        assert client.closed or task.id not in unsent or outcome.entered == Entered.NO, f"{task.tag} never left"

    def welcomed(self, host: HostActor, welcome: Welcome) -> None:
        if host.honest:
            self.unsent_of.pop(host.name, None)
            self.credits[host.name] = welcome.credits
            self.outstanding[host.name] = {}
            self.drained.discard(host.name)

    def heard(self, host: HostActor, said: list[Message]) -> None:
        for message in said if host.name in self.credits else ():
            if isinstance(message, Heartbeat) and message.credits:
                self.credits[host.name] = message.credits
            if isinstance(message, Drain):
                self.drained.add(host.name)
            if isinstance(message, Answer):
                task = self.outstanding[host.name].pop(message.id, None)
                assert task is not None, f"{host.name} is answered what it has not asked, task {message.id}"
                self.credits[host.name] = message.credits
                task.rejected += message.status == Status.REJECTED
                ignored = isinstance(message, Reject) and message.reason is RejectReason.CLIENT_LIMIT
                assert not ignored, f"{host.name} heeds its credits and is rejected for ignoring them"

    def lost(self, host: HostActor) -> None:
        for task in self.outstanding.pop(host.name, {}).values():
            if host.name in self.drained:
                task.rejected += 1  # the cluster had answered all that it had read
            else:
                task.losses += 1

    def unsent(self, client: ClientActor, tasks: set[int]) -> None:
        self.unsent_of[client.name] = {id_: client.tasks[id_] for id_ in tasks}
        if client.name not in self.drained:
            for task in map(client.tasks.get, tasks):
                assert task is not None
                task.losses -= 1  # nothing of it has left the client
                task.sent -= 1

    def client_sent(self, client: ClientActor, message: Submit) -> None:
        task = client.tasks[message.id]
        over = client.has_waiting(client.hears, client.connection, None)
        assert not over, f"{task.tag} is sent on a connection whose end has come"
        options = task.options
        assert task.outcome is None, f"{task.tag} has an answer and is sent"
        assert (message.priority, message.idempotent, message.key) == (
            options.priority,
            options.idempotent,
            options.key,
        ), f"{task.tag} is not sent as its caller wished"
        assert bool(message.timeout_s) == (options.timeout_s is not None), f"{task.tag} is sent without its timeout"
        waited_s = client.now() - task.since
        assert abs(message.waited_s - waited_s) < 1e-6, f"{task.tag} has waited {waited_s} s, and says {message}"
        task.sent += 1
        retries = inf if options.retries is None else options.retries
        assert task.sent <= 1 + retries + task.losses, f"{task.tag} is sent too often"
        assert task.sent <= 1 + task.rejected + task.losses
        assert options.idempotent or not task.losses, f"{task.tag} is sent again after a loss"
        mine = self.outstanding[client.name]
        mine[message.id] = task
        assert len(mine) <= self.credits[client.name], f"{client.name} has {len(mine)} tasks out, more than its credits"


class Awake(Checker):
    """Nobody is taken for dead whose bytes have come: not by a process that has slept, nor while it is held back; and
    no client whose connection stands."""

    def cluster_decided(self, effects: list[object]) -> None:
        cluster = self.scenario.cluster
        for effect in effects:
            if isinstance(effect, Close) and effect.reason.startswith("nothing was heard"):
                connection = cluster.connections[effect.peer]
                assert not connection.held_back, f"{connection.host.name} is not read from, and taken for silent"
                self._silent(cluster, connection.to_cluster)
                if connection.host.role is Role.CLIENT:
                    gone_s = connection.silent_for_s() * cluster.rate
                    late = gone_s < cluster.settings.dead_after_s - LATE_S
                    assert not late, f"{connection.host.name} is taken for dead, and its connection stands"

    def hangs_up(self, host: HostActor, reason: str) -> None:
        if reason.startswith("nothing was heard from") and host.connection is not None:
            self._silent(host, host.connection.to_host)

    def _silent(self, listener: Actor, stream: Stream) -> None:
        settings, now = self.scenario.cluster.settings, self.now()
        begun = now - settings.dead_after_s / listener.rate
        read = now - UNREAD_BEATS * settings.heartbeat_s / listener.rate
        came = [moment for moment in stream.arrivals if begun < moment <= read]
        assert not came, f"{listener.name} takes for dead who was heard {now - came[-1]:.3f} s ago"


class Lawful(Checker):
    """Those who speak as they should are not sent away for what they say."""

    def violated(self, connection: Connection, reason: str) -> None:
        assert not connection.host.honest, f"{connection.host.name} sends bytes that mean nothing: {reason}"

    def cluster_decided(self, effects: list[object]) -> None:
        for effect in effects:
            if isinstance(effect, Close) and ("may not send" in effect.reason or "already in use" in effect.reason):
                host = self.scenario.cluster.connections[effect.peer].host
                assert not host.honest, f"{host.name} is sent away: {effect.reason}"


class Nodes(Checker):
    """A node answers what it was given and nothing else, and its workers are as many as they should be."""

    def __init__(self, scenario: Scenario) -> None:
        super().__init__(scenario)
        self.tasks: dict[str, dict[int, int]] = {}
        self.orphaned: dict[str, set[int]] = {}

    def welcomed(self, host: HostActor, welcome: Welcome) -> None:
        self.tasks[host.name] = {}

    def lost(self, host: HostActor) -> None:
        self.tasks[host.name] = {}
        workers = getattr(host, "workers", {})
        self.orphaned[host.name] = {n for n, worker in workers.items() if worker.running and not worker.killed}

    def heard(self, host: HostActor, said: list[Message]) -> None:
        for message in said:
            if isinstance(message, Assign):
                self.tasks[host.name][message.id] = message.attempt

    def node_decided(self, node: NodeActor, effects: Iterable[object]) -> None:
        recalled = set()
        for effect in effects:
            match effect:
                case Send(message=Outcome() as outcome):
                    attempt = self.tasks[node.name].pop(outcome.id, None)
                    assert attempt == outcome.attempt, f"{node.name} answers a task that it does not have"
                case AssignWorker(worker=number):
                    assert number in node.workers, f"{node.name} gives a task to a worker that is gone"
                case Recall(worker=number):
                    recalled.add(number)
                case Spawn():
                    serving = len(node.workers) + 1
                    assert serving <= 4 * self.scenario.plan.workers + 8, f"{node.name} starts ever more workers"
        left = self.orphaned.pop(node.name, set()) - recalled
        assert not left, f"{node.name} lets tasks go on though their cluster is gone"

    def node_started(self, node: NodeActor) -> None:
        self.tasks[node.name] = {}
        self.orphaned.pop(node.name, None)

    def node_stopped(self, node: NodeActor) -> None:
        assert not self.tasks.get(node.name), f"{node.name} leaves and owes answers"

    def end(self) -> None:
        for node in self.scenario.nodes:
            assert not self.tasks[node.name], f"{node.name} owes answers"
            spare = 1 if self.scenario.plan.max_requests is not None else 0
            assert len(node.workers) == self.scenario.plan.workers + spare, (
                f"{node.name} has a worker too many or too few"
            )
            for worker in node.workers.values():
                assert not worker.inbox
                assert not worker.outbox
                assert worker.running is None, f"a worker of {node.name} runs a task that nobody waits for"


PROMISES: list[type[Checker]] = [OneOutcome, Honest, Deserved, AtMostOnce, Heeded, Awake, Lawful, Nodes]
