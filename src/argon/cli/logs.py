"""The log of a cluster or a node, on standard error.

In: whether the user wants all of it. Out: one line for each record: time, level, logger, message. Standard output stays
for the ready line.
"""

from __future__ import annotations

import logging
import sys
from typing import TextIO

from argon.build import this_build


class StderrHandler(logging.Handler):
    """Writes to whatever standard error is at the moment."""

    def emit(self, record: logging.LogRecord) -> None:
        """Writes one line; where nobody can read it any more, it is dropped."""
        stream: TextIO | None = sys.stderr
        try:
            if stream is not None:
                stream.write(f"{self.format(record)}\n")
                stream.flush()
        except (OSError, ValueError):
            return  # the terminal or the pipe is gone; what runs goes on


def log_to_stderr(debug: bool) -> None:
    """Shows warnings, or everything with ``debug``. The first line warns of a build that is slower than need be."""
    argon = logging.getLogger("argon")
    argon.handlers = [handler for handler in argon.handlers if not isinstance(handler, StderrHandler)]
    handler = StderrHandler()
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    argon.addHandler(handler)
    argon.setLevel(logging.DEBUG if debug else logging.WARNING)
    build = this_build()
    slower = build.reason and not build.from_sources
    argon.log(logging.WARNING if slower else logging.DEBUG, "%s", build)
