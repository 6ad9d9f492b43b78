"""The synchronous half of a client: when what was submitted leaves. What it reports is in test_client_connection."""

from __future__ import annotations

from math import inf

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
