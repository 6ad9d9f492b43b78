"""What a cluster or a node has to say while it runs, on standard error.

In: whether the user wants all of it. Out: one line a record, its first character telling what happened: ``=`` a state,
``x`` an end, ``!`` something amiss. Standard output stays for the ready line.
"""

from __future__ import annotations

import logging
import sys


def log_to_stderr(debug: bool) -> None:
    """Shows warnings, or everything with ``debug``."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(asctime)s %(name)s %(message)s"))
    argon = logging.getLogger("argon")
    argon.addHandler(handler)
    argon.setLevel(logging.DEBUG if debug else logging.WARNING)
