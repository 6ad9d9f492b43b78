"""A network of a test's own, whose packets it may drop: this thread, and what it starts, move there for a while.

In: rules about packets. Out: how many packets they have dropped, since a fault that did not happen proves nothing. It
needs root and `nft`; elsewhere its tests are skipped with the reason. Nothing of it is left: the kernel removes the
network with its last process, and the machine's own is never touched.
"""

from __future__ import annotations

import ctypes
import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

_CLONE_NEWNET = 0x40000000
_TABLE = """
table inet faults {{
    counter dropped {{ }}
    chain arriving {{
        type filter hook input priority 0
        {rules}
    }}
}}
"""


class Namespace:
    """The network in which this thread is."""

    def drop(self, *matches: str) -> None:
        """Drops arriving packets that match one of these expressions of nftables, instead of those before."""
        self.heal()
        rules = "\n        ".join(f"{match} counter name dropped drop" for match in matches)
        subprocess.run(["nft", "-f", "-"], input=_TABLE.format(rules=rules), text=True, check=True)

    def heal(self) -> None:
        """Drops nothing more."""
        subprocess.run(["nft", "add table inet faults; delete table inet faults"], check=True)

    @property
    def dropped(self) -> int:
        """How many packets the present rules have dropped."""
        ran = subprocess.run(["nft", "-j", "list", "counters"], capture_output=True, check=True)
        return sum(entry["counter"]["packets"] for entry in json.loads(ran.stdout)["nftables"] if "counter" in entry)


@contextmanager
def own_namespace() -> Iterator[Namespace]:
    """Moves this thread to a network with nothing but a loopback, and back. Threads that it starts stay there."""
    for tool in ("ip", "nft"):
        if shutil.which(tool) is None:
            pytest.skip(f"dropping packets needs the command {tool}, which is not installed")
    libc = ctypes.CDLL(None, use_errno=True)
    before = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
    try:
        if libc.unshare(_CLONE_NEWNET):
            pytest.skip(f"a network of one's own cannot be made: {os.strerror(ctypes.get_errno())}")
        try:
            subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
            yield Namespace()
        finally:
            assert libc.setns(before, _CLONE_NEWNET) == 0, "this thread could not come back to its network"
    finally:
        os.close(before)
