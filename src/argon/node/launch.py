"""How a node starts its workers: what is the same for all of them.

In: what the node was given, and its own environment. Out: a command line for each worker, and the environment that it
and all that its tasks start have. It must never pass on the node's token, nor settings that are for the node alone.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import msgspec

from argon.ipc.owner import NOBODY
from argon.ipc.worker_config import WorkerConfig
from argon.node.reaper import VARIABLE
from argon.process.interpreter import command

# What libraries read when they are loaded, to know how many threads they may start.
THREAD_VARIABLES: Final = (
    *("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "BLIS_NUM_THREADS", "VECLIB_MAXIMUM_THREADS"),
    *("NUMEXPR_NUM_THREADS", "NUMBA_NUM_THREADS", "POLARS_MAX_THREADS", "RAYON_NUM_THREADS"),
)


@dataclass(frozen=True)
class Launch:
    """What all workers of a node are started with.

    Attributes:
        node: the node's name.
        include: directories in which workers look for modules first.
        max_payload_bytes: most bytes of a result.
        flags: the options of their interpreter.
        environment: what they and all that they start have around them.
        owner_fd: says of the process that owns the node, see ``ipc/owner.py``; by default nobody does.
        descriptors_max: how many files a worker may have open; 0, the default, for as many as the node.
    """

    node: str
    include: Sequence[str]
    max_payload_bytes: int
    flags: Sequence[str] = ()
    environment: Mapping[str, str] = field(default_factory=lambda: dict(os.environ))
    owner_fd: int = NOBODY
    descriptors_max: int = 0

    def command(self, inbox_fd: int, claims_fd: int, outbox_fd: int) -> list[str]:
        """The command line of a worker that has these descriptors."""
        config = WorkerConfig(
            inbox_fd,
            claims_fd,
            outbox_fd,
            os.getpid(),
            self.node,
            list(self.include),
            self.max_payload_bytes,
            self.owner_fd,
            self.descriptors_max,
        )
        return command("argon.worker.main", [msgspec.json.encode(config).decode()], self.flags)

    def marked(self, mark: str) -> dict[str, str]:
        """The environment of a worker, and the mark by which all that it starts is found."""
        return {**self.environment, VARIABLE: mark}


def worker_environment(around: Mapping[str, str], threads: int, *, owned: bool) -> dict[str, str]:
    """The environment of workers.

    Args:
        around: the node's.
        threads: how many threads a library may start in one worker, where ``around`` does not say it.
        owned: the node is a local cluster's. A token in its environment is then one of its owner's own, for another
            cluster, and stays for tasks that want it.
    """
    limits = dict.fromkeys(THREAD_VARIABLES, str(threads))
    kept = {name: value for name, value in around.items() if owned or name != "ARGON_TOKEN"}
    return {**limits, **kept}
