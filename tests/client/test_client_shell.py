"""The synchronous half of a client: when what was submitted leaves. What it reports is in test_client_connection."""

from __future__ import annotations

import socket
from math import inf
from time import monotonic

from argon.client.client_connection import ClientConnection
from argon.client.client_shell import _FLUSH_MESSAGES
from argon.protocol.messages import Heartbeat, Submit
from argon.scheduling.task_options import TaskOptions
from tests.support.fake_cluster import SECRET, FakeCluster, fake_cluster
from tests.support.in_process import soon, within
from tests.support.slip import Slip


def submits(cluster: FakeCluster) -> int:
    return sum(isinstance(message, Submit) for message in cluster.heard)


def test_first_of_many_tasks_leave_while_the_rest_are_being_submitted() -> None:
    async def main() -> None:
        async with fake_cluster() as cluster:
            connection = ClientConnection(cluster.address, SECRET)
            await connection.connect(5.0)
            shell = connection.shell
            shell.submit(7, b"first", TaskOptions(), inf, Slip())
            await soon(lambda: submits(cluster) == 1)
            cluster.say(Heartbeat(credits=1000))
            await soon(lambda: shell.window(TaskOptions()) == 2000)
            channel = shell._channel
            assert channel is not None
            pending = []
            for _ in range(2 * _FLUSH_MESSAGES + 1):
                shell.submit(7, b"more", TaskOptions(), inf, Slip())
                pending.append(channel.pending)
            leaves = [number for number, is_pending in enumerate(pending, 1) if not is_pending]
            assert leaves == [_FLUSH_MESSAGES, 2 * _FLUSH_MESSAGES]
            await soon(lambda: submits(cluster) == 2 * _FLUSH_MESSAGES + 2)
            await connection.close()

    within(main())


def test_nothing_is_sent_into_a_connection_that_has_ended_while_nobody_looked() -> None:
    async def main() -> None:
        async with fake_cluster() as cluster:
            connection = ClientConnection(cluster.address, SECRET)
            await connection.connect(5.0)
            shell = connection.shell
            shell._look_at = 0.0  # as after a pause
            sock = cluster.open[0].open_socket()
            assert sock is not None
            sock.shutdown(socket.SHUT_RDWR)
            slips = [Slip() for _ in range(3)]
            for slip in slips:
                shell.submit(7, b"work", TaskOptions(), inf, slip)
            await soon(lambda: submits(cluster) == len(slips))
            assert cluster.accepted == 2
            assert not any(slip.done() for slip in slips)
            await connection.close()

    within(main())


def test_look_at_the_connection_is_taken_after_each_pause_and_seldom_otherwise() -> None:
    async def main() -> None:
        async with fake_cluster() as cluster:
            connection = ClientConnection(cluster.address, SECRET)
            await connection.connect(5.0)
            shell = connection.shell
            shell.submit(7, b"work", TaskOptions(), inf, Slip())
            looked_until = shell._look_at
            assert looked_until > monotonic()
            shell.submit(7, b"work", TaskOptions(), inf, Slip())
            assert shell._look_at == looked_until
            await soon(lambda: monotonic() >= looked_until)
            cluster.say(Heartbeat(credits=10))
            await soon(lambda: shell._look_at > looked_until)
            await connection.close()

    within(main())


def test_cluster_is_silent_only_if_nothing_of_it_waits_to_be_read() -> None:
    async def main() -> None:
        async with fake_cluster() as cluster:
            connection = ClientConnection(cluster.address, SECRET)
            await connection.connect(5.0)
            shell = connection.shell
            for unread in (True, False):
                liveness = shell._state.liveness
                liveness._heard_at = dict.fromkeys(liveness._heard_at, -inf)
                liveness._next_look = 0.0
                if unread:
                    cluster.say(Heartbeat())  # it is in the kernel at once, and this loop has not read it yet
                channel = shell._channel
                assert channel is not None
                shell._tick()
                assert (channel.open_socket() is not None) is unread
                await soon(lambda channel=channel: not channel.has_unread())
            await connection.close()

    within(main())
