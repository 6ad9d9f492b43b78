"""What the cluster or a node knows about an outcome beyond its header: the payload of an outcome that they write.

In: fields. Out: fields. It stands by itself, since a class with keywords must not be compiled: they would be lost.
"""

from __future__ import annotations

import msgspec


class Diagnosis(msgspec.Struct, omit_defaults=True):
    """What the cluster or a node knows about an outcome beyond the header."""

    reason: str = ""
    node: str = ""
    signal: int = 0
    exit_code: int = 0
    oom: bool = False
