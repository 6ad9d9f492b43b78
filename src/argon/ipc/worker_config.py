"""What a node tells a worker process when it starts it.

In and out: JSON on the worker's command line. It is apart from the worker so that the node need not load what pickles.
"""

from __future__ import annotations

import msgspec


class WorkerConfig(msgspec.Struct):
    """What a node tells its worker, as JSON on the command line."""

    inbox_fd: int
    claims_fd: int
    outbox_fd: int
    parent_pid: int
    node: str
    include: list[str]
    max_payload_bytes: int
