"""A connection inside one process looks like a channel and never delivers while the sender speaks."""

from __future__ import annotations

import asyncio

from argon.net.memory import MemoryChannel, join
from argon.protocol.handshake import Role
from argon.protocol.messages import Cancel, Goodbye, Message
from tests.support.in_process import within


class End:
    def __init__(self, role: Role | None = None) -> None:
        self.reads: list[list[Message]] = []
        self.lost: list[str] = []
        self.channel = MemoryChannel(
            role, lambda _, messages: self.reads.append(messages), lambda _, reason: self.lost.append(reason)
        )


def joined() -> tuple[End, End]:
    ours, theirs = End(), End(Role.NODE)
    join(ours.channel, theirs.channel)
    return ours, theirs


def test_messages_of_one_flush_come_together_on_a_later_turn_of_the_loop() -> None:
    async def main() -> None:
        ours, theirs = joined()
        assert theirs.channel.role is Role.NODE
        ours.channel.send(Cancel(1))
        ours.channel.send(Cancel(2))
        assert ours.channel.pending
        ours.channel.flush()
        assert not ours.channel.pending
        assert theirs.reads == []
        await asyncio.sleep(0)
        assert theirs.reads == [[Cancel(1), Cancel(2)]]
        assert ours.reads == []

    within(main())


def test_flush_of_nothing_delivers_nothing() -> None:
    async def main() -> None:
        ours, theirs = joined()
        ours.channel.flush()
        await asyncio.sleep(0)
        assert theirs.reads == []

    within(main())


def test_close_delivers_what_was_said_then_goodbye_and_both_ends_are_lost_once() -> None:
    async def main() -> None:
        ours, theirs = joined()
        ours.channel.send(Cancel(1))
        ours.channel.close("enough")
        ours.channel.close("again")
        theirs.channel.close("me too")
        assert (ours.lost, theirs.lost) == ([], [])
        await asyncio.sleep(0)
        assert theirs.reads[0] == [Cancel(1), Goodbye("enough")]
        assert (ours.lost, theirs.lost) == (["enough"], ["enough"])
        await asyncio.sleep(0)
        assert (len(ours.lost), len(theirs.lost)) == (1, 1)

    within(main())


def test_what_is_sent_after_the_end_goes_nowhere() -> None:
    async def main() -> None:
        ours, theirs = joined()
        ours.channel.abort("enough")
        await asyncio.sleep(0)
        heard = len(theirs.reads)
        ours.channel.send(Cancel(1))
        ours.channel.flush()
        ours.channel.close("again")
        ours.channel.discard_payload()
        await asyncio.sleep(0)
        assert len(theirs.reads) == heard
        assert ours.lost == ["enough"]

    within(main())
