"""How many files and sockets this process may have open.

In: how many it will want. Out: the limit, raised as far as the system lets it. It must never lower a limit
but for those who had a lower one.
"""

from __future__ import annotations

import resource


def raise_descriptor_limit(wanted: int) -> int:
    """Raises the soft limit to ``wanted``, or to the hard limit if that is less; returns what it was before."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    possible = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    if soft != resource.RLIM_INFINITY and soft < possible:
        resource.setrlimit(resource.RLIMIT_NOFILE, (possible, hard))
    return soft


def set_descriptor_limit(soft: int) -> None:
    """Sets the soft limit of this process, for what ``raise_descriptor_limit`` has returned elsewhere."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
