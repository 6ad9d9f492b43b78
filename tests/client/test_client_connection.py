"""What every client has inside, against a cluster that says what a test wants: each ticket gets one outcome."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator
from concurrent.futures import Future
from math import inf
from typing import Any

import msgspec
import pytest

from argon.client.client_connection import ClientConnection
from argon.errors import AuthenticationFailed, ConnectionFailed
from argon.net.security import make_token, parse_token
from argon.protocol.messages import (
    Answer,
    Cancel,
    ExplainReply,
    ExplainRequest,
    Goodbye,
    Heartbeat,
    Outcome,
    Status,
    StatusReply,
    StatusRequest,
    StillRunning,
    Submit,
    Welcome,
)
from argon.scheduling.task_options import TaskOptions
from tests.support.fake_cluster import SECRET, FakeCluster, fake_cluster
from tests.support.in_process import free_port, soon, within
from tests.support.slip import Slip

DEFAULTS = TaskOptions()


class Watched:
    """A connection, and the tickets that were handed to its shell, by their names."""

    def __init__(self, address: str, secret: bytes = SECRET) -> None:
        self.slips: dict[str, Slip] = {}
        self.connection = ClientConnection(address, secret)
        self.shell = self.connection.shell

    def submit(self, name: str, options: TaskOptions = DEFAULTS, deadline: float = inf) -> int:
        self.slips[name] = slip = Slip()
        self.shell.submit(7, b"payload", options, deadline, slip)
        return slip.client_task_id

    @property
    def answers(self) -> dict[str, Answer]:
        """The answer of each that has one."""
        assert all(len(slip.answers) <= 1 for slip in self.slips.values()), "a ticket was answered twice"
        return {name: slip.answers[0] for name, slip in self.slips.items() if slip.answers}

    @property
    def statuses(self) -> dict[str, int]:
        return {name: answer.status for name, answer in self.answers.items()}


@contextlib.asynccontextmanager
async def connected(*greeting: Any) -> AsyncIterator[tuple[FakeCluster, Watched]]:
    async with fake_cluster(*greeting) as cluster:
        watched = Watched(cluster.address)
        await watched.connection.connect(5.0)
        try:
            yield cluster, watched
        finally:
            await watched.connection.close()


def submits(cluster: FakeCluster) -> list[Submit]:
    return [message for message in cluster.heard if isinstance(message, Submit)]


# ---- connecting --------------------------------------------------------------------------------------------------


def test_connecting_that_is_cancelled_at_the_moment_of_the_welcome_leaves_no_connection() -> None:
    async def main() -> None:
        async with fake_cluster() as cluster:
            watched = Watched(cluster.address)
            connecting = asyncio.create_task(watched.connection.connect(10.0))
            watched.connection._dialer._on_up = lambda *_: connecting.cancel()
            await asyncio.wait([connecting])
            assert connecting.cancelled()
            assert watched.connection._keeping is None
            await soon(lambda: cluster.lost)

    within(main())


def test_nobody_there_is_told() -> None:
    async def main() -> None:
        with pytest.raises(ConnectionFailed, match="no Argon cluster at"):
            await Watched(f"127.0.0.1:{free_port()}").connection.connect(None)

    within(main())


def test_other_token_is_told() -> None:
    async def main() -> None:
        async with fake_cluster() as cluster:
            with pytest.raises(AuthenticationFailed):
                await Watched(cluster.address, parse_token(make_token(), "")).connection.connect(5.0)

    within(main())


def test_cluster_that_does_not_answer_in_time_is_told() -> None:
    async def main() -> None:
        with socket.create_server(("127.0.0.1", 0)) as silent:
            address = f"127.0.0.1:{silent.getsockname()[1]}"
            with pytest.raises(ConnectionFailed, match=f"no answer from {address} within 0.05 s") as caught:
                await Watched(address).connection.connect(0.05)
            assert caught.value.address == address

    within(main())


# ---- tasks -------------------------------------------------------------------------------------------------------


def test_outcome_reaches_its_ticket() -> None:
    async def main() -> None:
        async with connected() as (cluster, watched):
            numbers = [watched.submit("one"), watched.submit("two")]
            await soon(lambda: len(submits(cluster)) == 2)
            assert [(m.id, m.kind, m.payload) for m in submits(cluster)] == [(n, 7, b"payload") for n in numbers]
            cluster.say(Outcome(numbers[1], Status.COMPLETED, credits=8, payload=b"second"))
            cluster.say(Outcome(numbers[0], Status.FAILED, credits=8, payload=b"first"))
            await soon(lambda: len(watched.answers) == 2)
            assert watched.answers == {
                "one": Outcome(numbers[0], Status.FAILED, credits=8, payload=b"first"),
                "two": Outcome(numbers[1], Status.COMPLETED, credits=8, payload=b"second"),
            }
            assert {slip.session for slip in watched.slips.values()} == {watched.shell.session}

    within(main())


def test_tasks_of_one_turn_leave_together() -> None:
    async def main() -> None:
        async with connected() as (cluster, watched):
            for n in range(8):
                watched.submit(str(n))
            await soon(lambda: len(submits(cluster)) == 8)
            assert len([read for read in cluster.reads if any(isinstance(m, Submit) for m in read)]) == 1

    within(main())


def test_options_travel_with_the_task() -> None:
    async def main() -> None:
        async with connected() as (cluster, watched):
            watched.submit("one", TaskOptions(priority=4, idempotent=True, key=99))
            await soon(lambda: submits(cluster))
            (task,) = submits(cluster)
            assert (task.priority, task.idempotent, task.key, task.timeout_s) == (4, True, 99, 0.0)

    within(main())


def test_outcome_nobody_asked_for_is_dropped() -> None:
    async def main() -> None:
        async with connected() as (cluster, watched):
            number = watched.submit("one")
            cluster.say(Outcome(number + 5, Status.COMPLETED, credits=8))
            await soon(lambda: submits(cluster))
            for _ in range(2):
                cluster.say(Outcome(number, Status.COMPLETED, credits=8))
            await soon(lambda: watched.answers)
            cluster.say(Heartbeat())
            assert watched.statuses == {"one": Status.COMPLETED}

    within(main())


def test_cancel_is_sent_and_answered() -> None:
    async def main() -> None:
        async with connected() as (cluster, watched):
            number = watched.submit("one")
            assert watched.shell.is_sent(number)
            watched.shell.cancel(number)
            await soon(lambda: Cancel(number) in cluster.heard)
            cluster.say(Outcome(number, Status.CANCELLED, credits=8))
            await soon(lambda: watched.statuses == {"one": Status.CANCELLED})

    within(main())


def test_queued_only_cancel_is_decided_when_it_came_too_late_or_its_task_has_ended() -> None:
    async def main() -> None:
        async with connected() as (cluster, watched):
            runs, waits = watched.submit("runs"), watched.submit("waits")
            too_late: list[Future[None]] = [Future(), Future()]
            cancelled: Future[None] = Future()
            for decided in too_late:
                watched.shell.cancel_queued(runs, decided)
            watched.shell.cancel_queued(waits, cancelled)
            await soon(lambda: Cancel(runs, True) in cluster.heard and Cancel(waits, True) in cluster.heard)
            assert not any(decided.done() for decided in (*too_late, cancelled))
            cluster.say(StillRunning(runs), StillRunning(waits + 5))
            await soon(lambda: all(decided.done() for decided in too_late))
            assert watched.statuses == {}
            cancelled.add_done_callback(lambda _: seen.append(watched.statuses))
            seen: list[dict[str, int]] = []
            cluster.say(Outcome(waits, Status.CANCELLED, credits=8))
            await soon(cancelled.done)
            assert seen == [{"waits": Status.CANCELLED}], "the ticket has its answer by then"

    within(main())


@pytest.mark.parametrize("end", ["answered", "closed", "never submitted"])
def test_queued_only_cancel_of_a_task_that_is_not_there_is_decided_at_once(end: str) -> None:
    async def main() -> None:
        async with connected() as (cluster, watched):
            number = 0 if end == "never submitted" else watched.submit("one")
            decided: Future[None] = Future()
            if end == "answered":
                cluster.say(Outcome(number, Status.COMPLETED, credits=8))
                await soon(lambda: watched.answers)
            watched.shell.cancel_queued(number, decided)
            if end == "closed":
                await watched.connection.close()
            assert decided.done()

    within(main())


def test_what_the_credits_do_not_cover_waits_here_and_is_answered_here_when_cancelled() -> None:
    async def main() -> None:
        async with connected(Welcome(1, 1, 1000, 5.0, 15.0)) as (cluster, watched):
            assert watched.shell.window(TaskOptions()) == 2
            first, second = watched.submit("one"), watched.submit("two")
            assert (watched.shell.is_sent(first), watched.shell.is_sent(second)) == (True, False)
            watched.shell.cancel(second)
            assert watched.statuses == {"two": Status.CANCELLED}
            third = watched.submit("three")
            await soon(lambda: len(submits(cluster)) == 1)
            cluster.say(Outcome(first, Status.COMPLETED, credits=1))
            await soon(lambda: len(submits(cluster)) == 2)
            assert submits(cluster)[1].id == third

    within(main())


def test_timeout_of_a_task_that_waits_here_is_told_in_time() -> None:
    async def main() -> None:
        async with connected(Welcome(1, 0, 1000, 5.0, 15.0)) as (_, watched):
            now = asyncio.get_running_loop().time()
            watched.submit("one", TaskOptions(timeout_s=0.05), now + 0.05)
            await soon(lambda: watched.answers)
            assert watched.statuses == {"one": Status.EXPIRED}

    within(main())


# ---- losses ------------------------------------------------------------------------------------------------------


def test_lost_connection_is_renewed_and_only_idempotent_tasks_are_sent_again() -> None:
    async def main() -> None:
        async with connected() as (cluster, watched):
            watched.submit("once")
            again = watched.submit("again", TaskOptions(idempotent=True))
            await soon(lambda: len(submits(cluster)) == 2)
            cluster.open[0].abort("the network broke")
            await soon(lambda: len(submits(cluster)) == 3)
            assert watched.statuses == {"once": Status.LOST}
            assert submits(cluster)[2].id == again
            cluster.say(Outcome(again, Status.COMPLETED, credits=8))
            await soon(lambda: watched.statuses == {"once": Status.LOST, "again": Status.COMPLETED})

    within(main())


def test_goodbye_ends_the_connection_and_it_is_renewed() -> None:
    async def main() -> None:
        async with connected() as (cluster, watched):
            watched.submit("one")
            cluster.say(Goodbye("the cluster is shutting down"))
            await soon(lambda: len(cluster.open) == 2)
            assert watched.statuses == {"one": Status.LOST}

    within(main())


def test_close_answers_everything_as_lost_and_says_goodbye() -> None:
    async def main() -> None:
        async with connected(Welcome(1, 1, 1000, 5.0, 15.0)) as (cluster, watched):
            watched.submit("sent")
            watched.submit("waiting")
            await watched.connection.close()
            assert watched.statuses == {"sent": Status.LOST, "waiting": Status.LOST}
            await soon(lambda: any(isinstance(message, Goodbye) for message in cluster.heard))
            assert len(cluster.open) == 1

    within(main())


def test_close_waits_until_what_was_sent_has_left() -> None:
    async def main() -> None:
        async with connected(Welcome(1, 64, 2 << 20, 5.0, 15.0)) as (cluster, watched):
            reading = cluster.open[0]._transport
            assert reading is not None
            reading.pause_reading()
            for n in range(64):
                watched.slips[str(n)] = slip = Slip()
                watched.shell.submit(7, bytes(1 << 20), TaskOptions(), inf, slip)
            closing = asyncio.create_task(watched.connection.close())
            await soon(lambda: len(watched.answers) == 64)
            await asyncio.wait([closing], timeout=0.05)
            assert not closing.done()
            reading.abort()
            await closing

    within(main())


# ---- numbers -----------------------------------------------------------------------------------------------------


def test_numbers_reach_those_who_asked_in_their_order() -> None:
    async def main() -> None:
        async with connected() as (cluster, watched):
            asked = [asyncio.create_task(watched.connection.status()) for _ in range(2)]
            await soon(lambda: cluster.heard.count(StatusRequest()) == 2)
            number = watched.submit("one")
            cluster.say(StatusReply(msgspec.json.encode({"n": 1})), Outcome(number, Status.COMPLETED, credits=8))
            cluster.say(StatusReply(msgspec.json.encode({"n": 2})))
            assert await asyncio.gather(*asked) == [{"n": 1}, {"n": 2}]
            assert watched.statuses == {"one": Status.COMPLETED}

    within(main())


def test_replies_of_both_kinds_reach_those_who_asked() -> None:
    async def main() -> None:
        async with connected() as (cluster, watched):
            asked = [
                asyncio.create_task(asking)
                for asking in (watched.connection.status(), watched.connection.explain("3.17"))
            ]
            await soon(lambda: ExplainRequest(3, 17) in cluster.heard)
            assert cluster.heard[-2:] == [StatusRequest(), ExplainRequest(3, 17)]
            cluster.say(StatusReply(b'{"n": 1}'), ExplainReply(b'{"task": "3.17"}'))
            assert await asyncio.gather(*asked) == [{"n": 1}, {"task": "3.17"}]

    within(main())


def test_reply_that_nobody_asked_for_ends_the_connection() -> None:
    async def main() -> None:
        async with connected() as (cluster, _):
            cluster.say(ExplainReply(b"{}"))
            await soon(lambda: any(isinstance(message, Goodbye) for message in cluster.heard))

    within(main())


def test_asker_that_gave_up_does_not_get_anothers_numbers() -> None:
    async def main() -> None:
        async with connected() as (cluster, watched):
            given_up, patient = (asyncio.create_task(watched.connection.status()) for _ in range(2))
            await soon(lambda: cluster.heard.count(StatusRequest()) == 2)
            given_up.cancel()
            await asyncio.sleep(0)
            cluster.say(StatusReply(b'{"n": 1}'), StatusReply(b'{"n": 2}'))
            assert await patient == {"n": 2}

    within(main())


def test_numbers_that_were_on_their_way_when_the_connection_broke_raise() -> None:
    async def main() -> None:
        async with connected() as (cluster, watched):
            asked = asyncio.create_task(watched.connection.status())
            await soon(lambda: StatusRequest() in cluster.heard)
            cluster.stop()
            with pytest.raises(ConnectionFailed, match="the connection was lost"):
                await asked
            with pytest.raises(ConnectionFailed, match="there is no connection to"):
                await watched.connection.status()

    within(main())


@pytest.mark.parametrize("answer", [b"garbage", b"[1]", b"\xff", b'{"name": "\xff"}'])
def test_numbers_that_cannot_be_read_hurt_nobody_else(answer: bytes) -> None:
    async def main() -> None:
        async with connected() as (cluster, watched):
            number = watched.submit("one")
            asked = asyncio.create_task(watched.connection.status())
            await soon(lambda: StatusRequest() in cluster.heard)
            cluster.say(StatusReply(answer), Outcome(number, Status.COMPLETED, credits=8))
            with pytest.raises(ConnectionFailed, match="cannot be read"):
                await asked
            await soon(lambda: watched.statuses == {"one": Status.COMPLETED})

    within(main())
