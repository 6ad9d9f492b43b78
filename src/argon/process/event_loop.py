"""The event loop that a process of Argon runs on.

In: a coroutine. Out: what it returns. It must never run where a loop is running already.
"""

from __future__ import annotations

import asyncio
from typing import Any

from argon.process.standard_descriptors import open_standard_descriptors


def run_on_own_loop(main: Any) -> Any:
    """Runs a coroutine on a new event loop: uvloop's where there is one, asyncio's elsewhere."""
    open_standard_descriptors()
    try:
        import uvloop
    except ImportError:
        return asyncio.run(main)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(main)
