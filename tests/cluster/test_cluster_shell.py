"""The synchronous half of a cluster: when it writes, whom it knows, and what becomes of a broken invariant."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable

import pytest

from argon.cluster.cluster_shell import ClusterShell
from argon.net.channel import Channel
from argon.net.memory import MemoryChannel, join
from argon.protocol.handshake import ClusterHandshake, Role
from argon.protocol.messages import Goodbye, Heartbeat, Message, Welcome
from argon.scheduling.effects import Close, Send
from argon.settings import ClusterSettings
from tests.support.ending import Ending
from tests.support.in_process import soon, within

Reads = list[list[Message]]


def a_shell(ending: Ending, on_stop: Callable[[], None] | None = None) -> ClusterShell:
    return ClusterShell(ClusterSettings(), on_stop or ending.stopped, ending.broken)


def a_peer(shell: ClusterShell, role: Role = Role.CLIENT) -> tuple[MemoryChannel, MemoryChannel, Reads]:
    """A peer that has connected: the shell's end, its own, and what it reads."""
    reads: Reads = []
    ours = MemoryChannel(role, shell.received, shell.lost)
    theirs = MemoryChannel(None, lambda _, messages: reads.append(messages), lambda *_: None)
    join(ours, theirs)
    shell.opened(ours)
    return ours, theirs, reads


async def turns(count: int = 3) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


@pytest.mark.parametrize(("peers", "at_once"), [(8, True), (9, False)])
def test_what_is_said_in_one_turn_leaves_at_once_or_from_nine_peers_on_in_one_write(peers: int, at_once: bool) -> None:
    async def main() -> None:
        shell = a_shell(Ending())
        all_peers = [a_peer(shell) for _ in range(peers)]
        link, _, reads = all_peers[0]
        await turns()
        reads.clear()
        shell._perform([Send(1, Heartbeat(1))])
        shell._perform([Send(1, Heartbeat(2))])
        assert link.pending is not at_once
        await turns()
        assert reads == ([[Heartbeat(1)], [Heartbeat(2)]] if at_once else [[Heartbeat(1), Heartbeat(2)]])

    within(main())


def test_peer_is_welcomed_and_known_until_it_leaves() -> None:
    async def main() -> None:
        shell = a_shell(Ending())
        link, theirs, reads = a_peer(shell)
        assert shell.links == {1: link}
        shell.empty = asyncio.Event()
        await turns()
        assert [type(message) for message in reads[0]] == [Welcome]
        theirs.close("enough")
        await turns()
        assert shell.links == {}
        assert shell.empty.is_set()

    within(main())


def test_effects_for_a_peer_that_is_gone_are_dropped() -> None:
    async def main() -> None:
        ending = Ending()
        shell = a_shell(ending)
        _, _, reads = a_peer(shell)
        shell._perform([Send(7, Heartbeat(1)), Close(7, "silent"), Send(1, Heartbeat(2))])
        await turns()
        assert reads[-1] == [Heartbeat(2)]
        assert ending.errors == []

    within(main())


def test_what_an_unknown_link_says_is_dropped() -> None:
    async def main() -> None:
        ending = Ending()
        shell = a_shell(ending)
        shell.received(MemoryChannel(Role.CLIENT, shell.received, shell.lost), [Heartbeat(1)])
        assert ending.errors == []

    within(main())


def test_peer_that_is_closed_is_told_why_and_a_line_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "argon.cluster")

    async def main() -> None:
        shell = a_shell(Ending())
        _, _, reads = a_peer(shell)
        shell._perform([Close(1, "silent")])
        await turns()
        assert reads[-1] == [Goodbye("silent")]

    within(main())
    assert any(record.getMessage() == "closing the connection to peer 1: silent" for record in caplog.records)


def test_close_says_goodbye_to_every_peer() -> None:
    async def main() -> None:
        shell = a_shell(Ending())
        peers = [a_peer(shell) for _ in range(3)]
        shell.close("enough")
        await turns()
        assert [reads[-1] for _, _, reads in peers] == [[Goodbye("enough")]] * 3

    within(main())


def test_drain_with_nothing_to_finish_stops_once() -> None:
    async def main() -> None:
        ending = Ending()
        shell = a_shell(ending)
        shell.drain(0.0)
        shell.drain(0.0)
        assert ending.stops == 1

    within(main())


def a_stranger(shell: ClusterShell) -> Channel:
    return Channel(
        ClusterHandshake(bytes(32), random.randbytes(32)),
        max_payload_bytes=1,
        on_open=shell.opened,
        on_messages=shell.received,
        on_lost=shell.lost,
    )


def test_stranger_that_leaves_is_forgotten() -> None:
    async def main() -> None:
        ending = Ending()
        shell = a_shell(ending)
        stranger = a_stranger(shell)
        shell.strangers[stranger] = None
        shell.lost(stranger, "it speaks HTTP")
        assert shell.strangers == {}
        assert ending.errors == []

    within(main())


def test_what_an_event_raises_ends_the_cluster() -> None:
    async def main() -> None:
        ending = Ending()
        shell = a_shell(ending)
        shell.lost(MemoryChannel(Role.CLIENT, shell.received, shell.lost), "it never was here")
        assert [type(error) for error in ending.errors] == [AssertionError]

    within(main())


def test_what_an_event_raises_after_the_end_is_raised_where_it_happens() -> None:
    async def main() -> None:
        ending = Ending(lives=False)
        shell = a_shell(ending)
        with pytest.raises(AssertionError) as caught:
            shell.lost(MemoryChannel(Role.CLIENT, shell.received, shell.lost), "it never was here")
        assert ending.errors == [caught.value]

    within(main())


def test_what_the_cluster_calls_is_left_for_it_to_guard() -> None:
    async def main() -> None:
        ending = Ending()
        shell = a_shell(ending, ending.stopped_badly)
        with pytest.raises(AssertionError, match="two rooms"):
            shell.drain(0.0)
        assert ending.errors == []

    within(main())


def test_node_that_is_held_back_is_not_taken_for_dead_while_it_can_say_nothing() -> None:
    async def main() -> None:
        ending = Ending()
        shell = ClusterShell(ClusterSettings(heartbeat_s=0.02, dead_after_s=0.1), ending.stopped, ending.broken)
        link, _, _ = a_peer(shell, Role.NODE)
        a_peer(shell, Role.NODE)
        link.held_back = True
        await soon(lambda: set(shell.links) == {1})
        await asyncio.sleep(0.1)  # as long again
        assert set(shell.links) == {1}
        link.held_back = False
        await soon(lambda: shell.links == {})

    within(main())
