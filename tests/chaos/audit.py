"""What a stage holds at one moment: memory, descriptors, threads and processes, and the cluster's own numbers.

In: a stage that is quiet. Out: a table of numbers, and what differs between two of them that should not.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.chaos.stage import NODES, WORKERS, Stage
from tests.support.network import RunningCommand, quiet
from tests.support.waiting import wait_until

# Allocators keep what a peak has needed, and a peak is made of payloads of 2 MiB. A leak of one small task's record for
# each task of a long run would be beyond it.
GROWTH_MAX_BYTES = 32 << 20
QUIET_WITHIN_S = 120.0


@dataclass
class Holding:
    """What one process holds."""

    memory: int
    descriptors: int
    threads: int
    processes: int  # it and its descendants


@dataclass
class Audit:
    """What everybody holds, by name, and what the cluster says of itself."""

    holdings: dict[str, Holding]
    numbers: dict[str, Any] = field(default_factory=dict)


def holding(command: RunningCommand) -> Holding:
    """What a process holds now."""
    process = Path("/proc") / str(command.pid)
    status = dict(line.split(":", 1) for line in (process / "status").read_text().splitlines())
    return Holding(
        memory=int(status["VmRSS"].split()[0]) << 10,
        descriptors=len(os.listdir(process / "fd")),
        threads=int(status["Threads"]),
        processes=len(command.family()),
    )


def audit(stage: Stage) -> Audit:
    """Waits until everything is quiet, with every worker there, and looks at everybody.

    Raises:
        AssertionError: it does not become quiet.
    """
    numbers: dict[str, Any] = {}

    def is_quiet() -> bool:
        numbers.update(client.status())
        return quiet(numbers, NODES * WORKERS) and numbers["clients"] == 1 and len(numbers["nodes"]) == NODES

    with stage.network.client(stage.cluster) as client:
        try:
            wait_until(is_quiet, QUIET_WITHIN_S)
        except AssertionError as error:
            raise AssertionError(f"it did not become quiet within {QUIET_WITHIN_S:g} s: {numbers}") from error
        wait_until(lambda: all(len(node.workers()) == WORKERS for node in stage.nodes.values()))
        commands = {"cluster": stage.cluster, **stage.nodes}
        return Audit({name: holding(command) for name, command in commands.items()}, numbers)


def differences(before: Audit, after: Audit) -> list[str]:
    """What has not come back to where it was."""
    found = []
    for name, was in before.holdings.items():
        now = after.holdings[name]
        found += [
            f"{name}: {getattr(was, what)} {what} before, {getattr(now, what)} after"
            for what in ("descriptors", "threads", "processes")
            if getattr(now, what) != getattr(was, what)
        ]
        if now.memory > was.memory + GROWTH_MAX_BYTES:
            found.append(f"{name}: {was.memory >> 20} MiB before, {now.memory >> 20} MiB after")
    return found
