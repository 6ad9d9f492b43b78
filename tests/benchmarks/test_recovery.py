"""What the measurements of recovery are made of."""

from __future__ import annotations

import asyncio
import subprocess
import sys

import pytest

from argon import AsyncClient
from argon.errors import ConnectionFailed
from benchmarks import recovery
from benchmarks.recovery import Load, NotRecovered, bar, family, is_alive, status_is, until
from tests.support.in_process import TOKEN, network, within


def test_bar_is_met_by_what_is_no_larger() -> None:
    assert bar("node", "what", "s", 1.0, 1.0).met is True
    assert bar("node", "what", "s", 1.01, 1.0).met is False
    assert bar("node", "what", "s", 1.01, 1000.0).bar == "<= 1,000"


def test_family_is_all_that_descend_from_a_process_and_the_dead_are_not_alive() -> None:
    nested = "import subprocess, sys; subprocess.run([sys.executable, '-c', 'print(1, flush=True); input()'])"
    with subprocess.Popen(
        [sys.executable, "-c", nested], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        (child,) = family(process.pid)
        assert is_alive(child)
        process.communicate("\n")
        assert not is_alive(child)
        assert not is_alive(process.pid)


def test_load_notes_every_end_and_waits_for_the_last() -> None:
    async def main(address: str) -> None:
        async with AsyncClient(address, token=TOKEN) as client:
            assert await status_is(client, nodes=1, workers=1, clients=1)
            assert not await status_is(client, nodes=2)
            load = Load([client])
            held = load.submit(client, 0.3)
            assert held in load.pending()
            await load.end()
            assert not load.pending()
            assert [error for _, error in load.ended] == [None] * len(load.ended) != []

    with network() as net:
        within(main(net.address))


def test_waiting_bears_a_lost_connection_and_ends_when_it_takes_too_long(monkeypatch: pytest.MonkeyPatch) -> None:
    tries = []

    async def reached() -> bool:
        tries.append(len(tries))
        if len(tries) == 1:
            raise ConnectionFailed("not yet", address="")
        return len(tries) > 2

    async def never() -> bool:
        return False

    asyncio.run(until(reached, "so"))
    assert tries == [0, 1, 2]
    monkeypatch.setattr(recovery, "WITHIN_S", 0.05)
    with pytest.raises(NotRecovered, match="not so after"):
        asyncio.run(until(never, "so"))
