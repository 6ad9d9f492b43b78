"""The event loop that a process of Argon runs on."""

from __future__ import annotations

import asyncio
import sys

import pytest

from argon.process.event_loop import run_on_own_loop


def test_own_loop_is_closed_after_the_run_and_gives_the_value() -> None:
    async def main() -> asyncio.AbstractEventLoop:
        return asyncio.get_running_loop()

    assert run_on_own_loop(main()).is_closed()


def test_own_loop_is_asyncios_where_there_is_no_uvloop(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "uvloop", None)

    async def main() -> str:
        return type(asyncio.get_running_loop()).__module__

    assert run_on_own_loop(main()).startswith("asyncio.")
