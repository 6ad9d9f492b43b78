"""The event loop of virtual time: production's cluster, nodes and clients, on a network without faults.

In: a fleet, a workload, a routing rule and a few circumstances. Out: the course of every task. It decides nothing
itself: what is admitted, queued, assigned, prefetched and retried is decided by `ClusterState`, `NodeState` and
`ClientState`.

Each message travels equally long, so none overtakes another. The cluster takes ``cluster_s`` for each message. If more
come than it can read, they wait, as at a real cluster.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import Final

from argon.errors import ArgonError
from argon.planning.agenda import Agenda, Timer
from argon.planning.callers import VirtualClient
from argon.planning.course import Course
from argon.planning.fleet import VirtualNode, node_name
from argon.planning.node_plan import NodePlan
from argon.planning.rules import ComparedRule, Oracle, make_rule
from argon.planning.workload import Workload
from argon.protocol.handshake import Role
from argon.protocol.ids import PeerId
from argon.protocol.messages import Message, Welcome
from argon.scheduling.cluster.cluster_state import ClusterState
from argon.scheduling.effects import ClusterEffect, Send
from argon.scheduling.task_options import TaskOptions
from argon.settings import CLIENT_LIMIT, HEARTBEAT_S, QUEUE_LIMIT, ClusterSettings

LATENCY_S: Final = 100e-6
OVERHEAD_S: Final = 70e-6
CLUSTER_S: Final = 2e-6
_STALLED_S: Final = 1000.0


class SimulationStalled(ArgonError):
    """Tasks wait and nothing more is answered. That is a bug of Argon's scheduling: report it with the command line."""


@dataclass(frozen=True)
class Circumstances:
    """What a cluster and its network are like.

    Attributes:
        latency_s: one way, between the cluster and anybody.
        overhead_s: how long a task occupies its worker beyond its own run time.
        cluster_s: how long the cluster takes for each message that it reads.
        queue_limit, queue_target_s, client_limit: as of a real cluster.
        timeout_s: of each task, None for none.
        retries: of each task, None for ever.
    """

    latency_s: float = LATENCY_S
    overhead_s: float = OVERHEAD_S
    cluster_s: float = CLUSTER_S
    queue_limit: int = QUEUE_LIMIT
    queue_target_s: float | None = None
    client_limit: int = CLIENT_LIMIT
    timeout_s: float | None = None
    retries: int | None = None


class Simulation:
    """One run, from an idle cluster until every task is answered."""

    def __init__(
        self,
        fleet: Sequence[NodePlan],
        work: Workload,
        rule: ComparedRule | None,
        circumstances: Circumstances,
        rng: Random,
    ) -> None:
        self._work = work
        self._circumstances = circumstances
        self._agenda = Agenda()
        self._course = Course(len(work))
        self._rule = rule
        settings = ClusterSettings(
            queue_limit=circumstances.queue_limit,
            queue_target_s=circumstances.queue_target_s,
            client_limit=circumstances.client_limit,
        )
        self._state = ClusterState(settings, rng, rule)
        self._timer = Timer(self._agenda, self._state.next_deadline, self._tick)
        self._read_until_s = 0.0
        self._peers: dict[PeerId, VirtualNode | VirtualClient] = {}
        self._clients: list[VirtualClient] = []
        slowest = min(min(plan.speed, plan.later_speed) for plan in fleet)
        self._stalled_s = _STALLED_S + 2 * max(work.service_s) / slowest
        for plan in fleet:
            self._add_node(plan, rng)
        for _ in range(work.clients):
            self._add_client(rng)

    def run(self) -> Course:
        """Submits every task, and goes on until each is answered."""
        total = len(self._work)
        self._agenda.at(self._work.at_s[0], self._arrive, 0)
        self._agenda.at(self._stalled_s, self._look_for_progress, 0)
        self._agenda.run(lambda: self._course.answered < total)
        return self._course

    # ---- the beginning ------------------------------------------------------------------------------------------

    def _add_node(self, plan: NodePlan, rng: Random) -> None:
        peer = len(self._peers) + 1
        node = VirtualNode(
            peer,
            plan,
            service_s=self._work.service_s,
            overhead_s=self._circumstances.overhead_s,
            course=self._course,
            agenda=self._agenda,
            send=self._send_to_cluster,
        )
        self._peers[peer] = node
        first = node.start(self._welcome(peer, Role.NODE), _came_at(rng))
        self._perform(self._state.received(peer, first, 0.0))
        if isinstance(self._rule, Oracle):
            self._agenda.at(plan.turns_at_s, self._rule.turned, node_name(peer), plan.later_speed)

    def _add_client(self, rng: Random) -> None:
        peer = len(self._peers) + 1
        client = VirtualClient(
            peer, course=self._course, agenda=self._agenda, rng=Random(rng.random()), send=self._send_to_cluster
        )
        self._peers[peer] = client
        self._clients.append(client)
        client.start(self._welcome(peer, Role.CLIENT), _came_at(rng))

    def _welcome(self, peer: PeerId, role: Role) -> Welcome:
        (effect,) = self._state.connected(peer, role, 0.0)
        assert isinstance(effect, Send)
        assert isinstance(effect.message, Welcome)
        return effect.message

    # ---- what happens -------------------------------------------------------------------------------------------

    def _arrive(self, task: int) -> None:
        """Submits a task, and plans the next one."""
        work = self._work
        if task + 1 < len(work):
            self._agenda.at(work.at_s[task + 1], self._arrive, task + 1)
        key = task + 1 if isinstance(self._rule, Oracle) else 0
        given = self._circumstances
        options = TaskOptions(work.priority[task], given.timeout_s, given.retries, key=key)
        self._clients[work.client[task]].submit(task, work.kind[task], options)

    def _send_to_cluster(self, peer: PeerId, messages: list[Message]) -> None:
        """Delivers messages when they have travelled, and the cluster has read what came before them."""
        begins_s = max(self._agenda.now + self._circumstances.latency_s, self._read_until_s)
        self._read_until_s = begins_s + self._circumstances.cluster_s * len(messages)
        self._agenda.at(self._read_until_s, self._cluster_receives, peer, messages)

    def _cluster_receives(self, peer: PeerId, messages: list[Message]) -> None:
        self._perform(self._state.received(peer, messages, self._agenda.now))

    def _tick(self) -> None:
        self._perform(self._state.tick(self._agenda.now))

    def _perform(self, effects: list[ClusterEffect]) -> None:
        sent: dict[PeerId, list[Message]] = {}
        for effect in effects:
            if not isinstance(effect, Send):
                raise AssertionError(f"without faults a cluster never does {effect}")
            messages = sent.get(effect.peer)
            if messages is None:
                sent[effect.peer] = [effect.message]
            else:
                messages.append(effect.message)
        arrives_s = self._agenda.now + self._circumstances.latency_s
        for peer, messages in sent.items():
            self._agenda.at(arrives_s, self._peers[peer].receive, messages)
        self._timer.set()

    def _look_for_progress(self, answered: int) -> None:
        now = self._course.answered
        arriving = self._agenda.now <= self._work.at_s[-1]
        if now == answered and not arriving:
            missing = len(self._work) - now
            raise SimulationStalled(f"{missing:,} tasks wait, and none was answered for {self._stalled_s:g} s")
        self._agenda.at(self._agenda.now + self._stalled_s, self._look_for_progress, now)


def simulate(
    rule: str, fleet: Sequence[NodePlan], work: Workload, circumstances: Circumstances, seed: int = 0
) -> Course:
    """Runs a workload under one of the RULES; the same seed gives the same course."""
    rng = Random(seed)
    compared = make_rule(rule, fleet, work, Random(rng.random()))
    return Simulation(fleet, work, compared, circumstances, rng).run()


def _came_at(rng: Random) -> float:
    """When a peer connected, before the first task: not all at once, else their heartbeats would always be sent at
    once."""
    return -HEARTBEAT_S * rng.random()
