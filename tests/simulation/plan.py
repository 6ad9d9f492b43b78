"""What a seed means: how large the scenario is, what is asked of it, and what goes wrong.

Each fault is on or off for a whole run (as in FoundationDB's and TigerBeetle's swarms): a scenario in which all
of it happens all the time never gets deep into anything.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from math import inf
from random import Random

NETWORK = ["cut", "silent cut", "reset", "clog", "one-way loss", "slow link", "slow client"]
PROCESSES = ["node kill", "node drain", "client kill", "client end", "cluster crash", "cluster drain", "pause"]
STRIKES = [*NETWORK, *PROCESSES]  # what happens at moments; the others last
FAULTS = [
    *STRIKES,
    *("splits", "skew", "hostile client", "worker deaths", "failed starts"),
    *("cancels", "timeouts", "stubborn", "large payloads", "endless"),
]
DISRUPTIVE = [*NETWORK, "node kill", "cluster crash", "cluster drain", "pause", "client end"]


@dataclass
class Plan:
    """The sizes and faults of one run.

    ``burst`` is how many tasks come at a time, ``levels`` how many priorities are used, ``drain_s`` how long a node
    that drains may take.
    """

    seed: int
    nodes: int
    workers: int
    clients: int
    tasks: int
    seconds: float
    queue_limit: int
    queue_bytes: int
    age_step_s: float
    max_requests: int | None
    run_s: float
    idempotent: float
    burst: int
    levels: int
    drain_s: float
    queue_target_s: float | None = inf
    failed_starts: float = 0.0
    faults: list[str] = field(default_factory=list)

    def is_peaceful(self) -> bool:
        """Whether nothing goes wrong by which a task could get lost, or its answer late."""
        return not any(map(self.has, DISRUPTIVE)) and not (self.has("node drain") and self.drain_s < 5.0)

    def has(self, fault: str) -> bool:
        """Whether this goes wrong in this run."""
        return fault in self.faults


def plan_of(seed: int) -> Plan:
    """The plan that a seed stands for."""
    rng = Random(f"plan {seed}")
    run_s = rng.choice([0.0001, 0.0005, 0.01, 0.2])
    peaceful = rng.random() < 0.3
    possible = [fault for fault in FAULTS if not (peaceful and fault in DISRUPTIVE)]
    faults = [fault for fault in possible if rng.random() < 0.35]
    return Plan(
        seed=seed,
        nodes=rng.choice([1, 1, 2, 3]),
        workers=rng.choice([1, 2, 3]),
        clients=rng.choice([1, 2, 3]),
        tasks=rng.choice([10, 40, 100]) * (2 if run_s < 0.001 else 1),
        seconds=rng.choice([0.3, 2.0, 6.0]) / (4 if run_s < 0.001 else 1),
        queue_limit=rng.choice([1, 2, 5, 20, 100]),
        queue_bytes=rng.choice([300, 200_000, 1 << 28]),
        age_step_s=rng.choice([0.05, 1.0, 1000.0]),
        max_requests=rng.choice([None, None, 1, 3]),
        run_s=run_s,
        idempotent=rng.choice([0.0, 0.5, 1.0]),
        burst=rng.choice([1, 1, 5, 20]),
        levels=rng.choice([1, 2, 5]),
        drain_s=rng.choice([0.0, 0.3, 5.0, 5.0]),
        queue_target_s=rng.choice([inf, None, 0.02]),
        failed_starts=0.3 if "failed starts" in faults else 0.0,
        faults=faults,
    )
