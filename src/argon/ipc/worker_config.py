"""What a node passes to a worker process when it starts it.

In and out: JSON on the worker's command line. It is apart from the worker so that the node need not load what pickles.
"""

from __future__ import annotations

import msgspec

from argon.ipc.owner import NOBODY


class WorkerConfig(msgspec.Struct):
    """What a worker process needs to know when it starts, as JSON on its command line."""

    inbox_fd: int
    claims_fd: int
    outbox_fd: int
    parent_pid: int
    node: str
    include: list[str]
    max_payload_bytes: int
    owner_fd: int = NOBODY
    descriptors_max: int = 0
