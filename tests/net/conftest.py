"""What the tests of connections share: they run on both event loops."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

import pytest
import uvloop

from tests.support.in_process import WITHIN_S, Run


@pytest.fixture(params=["asyncio", "uvloop"])
def run(request: pytest.FixtureRequest) -> Run:
    """Runs a coroutine on this event loop."""

    def on_loop(coroutine: Coroutine[Any, Any, None]) -> None:
        async def main() -> None:
            await asyncio.wait_for(coroutine, WITHIN_S)

        factory = uvloop.new_event_loop if request.param == "uvloop" else asyncio.new_event_loop
        with asyncio.Runner(loop_factory=factory) as runner:
            runner.run(main())

    return on_loop
