"""What numbers stand for, by name, so that a signature says which of them it wants.

All are plain integers. A peer's id is its shell's; it is used for one connection and never again. A worker's number is
its node's. A task has three: the cluster's, its client's, and, while a node has it, that node's own.
"""

from __future__ import annotations

from typing import TypeAlias

PeerId: TypeAlias = int
WorkerId: TypeAlias = int
TaskId: TypeAlias = int
ClientTaskId: TypeAlias = int
LocalTaskId: TypeAlias = int
