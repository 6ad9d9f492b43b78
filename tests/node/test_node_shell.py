"""The synchronous half of a node: which link it listens to, when it is ready, what becomes of a broken invariant."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from argon.net.memory import MemoryChannel, join
from argon.node.launch import Launch
from argon.node.node_shell import NodeShell
from argon.node.pool import Pool
from argon.protocol.messages import Drain, Goodbye, Message, Outcome, Register, Welcome
from argon.settings import NodeSettings
from tests.support import tasks
from tests.support.ending import Ending
from tests.support.in_process import soon, within
from tests.support.processes import MAX_PAYLOAD_BYTES, ROOT, task, value_of

WELCOME = Welcome(5, 1, MAX_PAYLOAD_BYTES, 60.0, 600.0)


class ClusterSide:
    """A cluster's end of a link, and all that the node has said there."""

    def __init__(self, shell: NodeShell) -> None:
        self.heard: list[Message] = []
        self.gone = False
        self._shell = shell
        self.link = MemoryChannel(None, shell.received, self._lost)
        self._end = MemoryChannel(None, lambda _, messages: self.heard.extend(messages), lambda *_: None)
        join(self.link, self._end)

    def say(self, *messages: Message) -> None:
        for message in messages:
            self._end.send(message)
        self._end.flush()

    def close(self) -> None:
        self._end.close("the cluster is shutting down")

    def _lost(self, link: MemoryChannel, reason: str) -> None:
        self._shell.lost(link)
        self.gone = True

    def all(self, kind: type[Message]) -> list[Message]:
        return [message for message in self.heard if type(message) is kind]


def a_shell(ending: Ending, workers: int = 1) -> NodeShell:
    return NodeShell(NodeSettings("here", 1, workers), ending.stopped, ending.broken)


@asynccontextmanager
async def started(ending: Ending, workers: int = 1) -> AsyncIterator[NodeShell]:
    """A shell with a pool of its own, whose workers are on their way."""
    shell = a_shell(ending, workers)
    pool = Pool(
        launch=Launch("here", [str(ROOT)], MAX_PAYLOAD_BYTES),
        on_ready=shell.worker_ready,
        on_outcomes=shell.worker_answered,
        on_exit=shell.worker_ended,
    )
    try:
        shell.start(pool)
        yield shell
        assert ending.errors == []
    finally:
        shell.close("enough")
        pool.close()


def test_tasks_are_handed_to_workers_and_their_answers_to_the_cluster() -> None:
    async def main() -> None:
        async with started(Ending()) as shell:
            cluster = ClusterSide(shell)
            cluster.say(WELCOME)
            await soon(shell.ready.is_set)
            for number in range(3):
                cluster.say(task(number, tasks.identity, number))
                await soon(lambda count=number + 1: len(cluster.all(Outcome)) == count)
            assert cluster.heard[0] == Register("here", 1)
            outcomes = [message for message in cluster.heard if isinstance(message, Outcome)]
            assert {outcome.id: value_of(outcome) for outcome in outcomes} == {number: number for number in range(3)}

    within(main())


@pytest.mark.parametrize("first", ["welcome", "worker"])
def test_ready_is_set_when_it_is_welcomed_and_all_workers_can_run(first: str) -> None:
    async def main() -> None:
        async with started(Ending(), workers=2) as shell:
            cluster = ClusterSide(shell)
            if first == "worker":
                await soon(lambda: shell.state.ready_workers() == 2)
                assert not shell.ready.is_set()
            cluster.say(WELCOME)
            await soon(shell.ready.is_set)
            assert shell.state.ready_workers() == 2

    within(main())


def test_only_the_link_that_was_welcomed_is_listened_to_until_it_is_lost() -> None:
    async def main() -> None:
        async with started(Ending()) as shell:
            one, other, third = ClusterSide(shell), ClusterSide(shell), ClusterSide(shell)
            one.say(WELCOME)
            await soon(lambda: one.all(Register))
            other.say(WELCOME)
            other.close()
            await soon(lambda: other.gone)
            shell.drain(60.0)
            await soon(lambda: one.all(Drain))
            one.close()
            await soon(lambda: one.gone)
            third.say(WELCOME)
            await soon(lambda: third.all(Register))
            assert other.heard == []

    within(main())


def test_drain_without_a_cluster_stops_once() -> None:
    async def main() -> None:
        ending = Ending()
        async with started(ending) as shell:
            shell.drain(0.0)
            shell.drain(0.0)
            assert ending.stops == 1

    within(main())


def test_drain_is_sent_to_the_cluster_and_ends_when_that_has_heard_it() -> None:
    async def main() -> None:
        ending = Ending()
        async with started(ending) as shell:
            cluster = ClusterSide(shell)
            cluster.say(WELCOME)
            await soon(lambda: cluster.all(Register))
            shell.drain(60.0)
            await soon(lambda: cluster.all(Drain))
            assert ending.stops == 0
            cluster.say(Drain())
            await soon(lambda: cluster.all(Goodbye))
            assert ending.stops == 1

    within(main())


def nothing_said(shell: NodeShell) -> None:
    shell.received(ClusterSide(shell).link, [])


def worker_before_the_start(shell: NodeShell) -> None:
    shell.worker_ready(1)


def answer_before_the_start(shell: NodeShell) -> None:
    shell.worker_answered(1, [])


@pytest.mark.parametrize("event", [nothing_said, worker_before_the_start, answer_before_the_start])
def test_what_an_event_raises_ends_the_node(event: Callable[[NodeShell], None]) -> None:
    async def main() -> None:
        ending = Ending()
        event(a_shell(ending))
        assert [type(error) for error in ending.errors] in ([IndexError], [AssertionError])

    within(main())


@pytest.mark.parametrize("event", [nothing_said, worker_before_the_start, answer_before_the_start])
def test_what_an_event_raises_after_the_end_is_raised_where_it_happens(event: Callable[[NodeShell], None]) -> None:
    async def main() -> None:
        ending = Ending(lives=False)
        shell = a_shell(ending)
        with pytest.raises((IndexError, AssertionError)) as caught:
            event(shell)
        assert ending.errors == [caught.value]

    within(main())


def test_what_the_node_calls_is_left_for_it_to_guard() -> None:
    async def main() -> None:
        ending = Ending()
        with pytest.raises(AssertionError):
            a_shell(ending).drain(0.0)
        assert ending.errors == []

    within(main())
