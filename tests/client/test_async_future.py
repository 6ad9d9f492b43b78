"""The future of one task for asyncio: it ends once, on its own loop."""

from __future__ import annotations

import asyncio
import pickle

import pytest

from argon.call.payload import pack_result
from argon.client.async_future import AsyncFuture
from argon.errors import TaskLost
from argon.protocol.messages import Outcome, Status


def a_future() -> AsyncFuture:
    future = AsyncFuture()
    future.local_run, future.session, future.client_task_id = None, 0, 7
    return future


def test_value_is_settled_once_and_later_answers_are_too_late() -> None:
    async def main() -> None:
        future = a_future()
        future.settle(Outcome(7, Status.COMPLETED, payload=pack_result("first", 1000)), 2)
        future.settle(Outcome(7, Status.CANCELLED), 2)
        assert await future == "first"
        assert future.task_id.endswith("7")

    asyncio.run(main())


def test_task_that_the_cluster_says_was_cancelled_is_cancelled() -> None:
    async def main() -> None:
        future = a_future()
        future.settle(Outcome(1, Status.CANCELLED), 2)
        assert future.cancelled()

    asyncio.run(main())


def test_failure_is_raised() -> None:
    async def main() -> None:
        future = a_future()
        future.settle(Outcome(1, Status.LOST), 2)
        with pytest.raises(TaskLost):
            await future

    asyncio.run(main())


def test_what_has_run_here_does_not_end_it_twice() -> None:
    async def main() -> None:
        future = a_future()
        future._finish_soon("here", None)
        future._finish_soon("again", None)
        assert await future == "here"

    asyncio.run(main())


def test_it_is_for_no_other_process() -> None:
    async def main() -> None:
        with pytest.raises(TypeError, match="an AsyncFuture belongs to the process"):
            pickle.dumps(a_future())

    asyncio.run(main())
