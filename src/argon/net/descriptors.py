"""How many files and sockets this process may have open.

In: how many it will want. Out: the limit, raised as far as the system lets it. It must never lower a limit.
"""

from __future__ import annotations

import resource


def raise_descriptor_limit(wanted: int) -> None:
    """Raises the soft limit to ``wanted``, or to the hard limit if that is less."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    possible = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    if soft != resource.RLIM_INFINITY and soft < possible:
        resource.setrlimit(resource.RLIMIT_NOFILE, (possible, hard))
