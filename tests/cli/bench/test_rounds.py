"""The rounds of the benchmark submit what the plan says, and count how it ended."""

from __future__ import annotations

import asyncio
from typing import Any, cast

import pytest

from argon.cli.bench.rounds import Measured, Plan, Tally, measured_rounds, one_round, submitter
from argon.cli.bench.tasks import echo, nap, noop
from argon.errors import Rejected, TaskLost


class FakeAsyncClient:
    """Every task is done at once, as `outcome` says."""

    def __init__(self, outcome: Any = None) -> None:
        self.outcome = outcome
        self.calls: list[tuple[Any, ...]] = []
        self.outstanding = 0
        self.most_outstanding = 0

    def submit(self, function: Any, *args: Any) -> asyncio.Future[Any]:
        self.calls.append((function, *args))
        self.outstanding += 1
        self.most_outstanding = max(self.most_outstanding, self.outstanding)
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        asyncio.get_running_loop().call_soon(self._settle, future, args[-1])
        return future

    def _settle(self, future: asyncio.Future[Any], value: Any) -> None:
        self.outstanding -= 1
        if isinstance(self.outcome, BaseException):
            future.set_exception(self.outcome)
        else:
            future.set_result(value)


def rounds(clients: list[FakeAsyncClient], plan: Plan) -> Measured:
    return asyncio.run(measured_rounds(cast(Any, clients), 2, plan))


def test_rounds_are_a_warm_up_three_rounds_and_round_trips() -> None:
    client = FakeAsyncClient()
    measured = rounds([client], Plan(tasks=50))
    assert len(client.calls) == 50 + 3 * 50 + 50
    assert (measured.completed, measured.failed, measured.rejected) == (150, 0, 0)
    assert measured.tasks_per_s > 0
    assert 0 < measured.rt_p50_us <= measured.rt_p99_us


def test_tasks_are_shared_between_the_clients() -> None:
    clients = [FakeAsyncClient(), FakeAsyncClient()]
    tally = Tally()
    asyncio.run(one_round(cast(Any, clients), submitter(Plan(tasks=7)), 7, 10, tally))
    assert [len(client.calls) for client in clients] == [4, 3]
    assert tally.completed == 7


def test_no_more_than_a_part_is_outstanding() -> None:
    client = FakeAsyncClient()
    asyncio.run(one_round(cast(Any, [client]), submitter(Plan(tasks=95)), 95, 10, Tally()))
    assert client.most_outstanding == 10


def test_part_is_smaller_for_large_payloads() -> None:
    assert Plan(tasks=1).part == 1000
    assert Plan(tasks=1, size_bytes=1 << 20).part == 32
    assert Plan(tasks=1, size_bytes=64 << 20).part == 1


@pytest.mark.parametrize(
    ("plan", "function"),
    [
        (Plan(tasks=1), noop),
        (Plan(tasks=1, size_bytes=10), echo),
        (Plan(tasks=1, sleep_ms=5), nap),
        (Plan(tasks=1, sleep_ms=5, size_bytes=10), nap),
    ],
)
def test_task_is_that_of_the_plan(plan: Plan, function: object) -> None:
    client = FakeAsyncClient()
    rounds([client], plan)
    call = client.calls[0]
    assert call[0] is function
    assert call[1] == 0.005 if plan.sleep_ms else call[1] == 0 or len(call[1]) == 10
    assert plan.size_bytes in (0, len(call[-1]) if isinstance(call[-1], bytes) else -1)


def test_tally_tells_rejections_from_failures() -> None:
    tally = Tally()
    tally.count([1, None, Rejected("full"), TaskLost("gone"), ValueError("odd")])
    assert (tally.completed, tally.rejected, tally.failed) == (2, 1, 2)
    assert str(tally.error) == "full"


def test_task_that_fails_in_a_round_is_counted() -> None:
    tally = Tally()
    clients = cast(Any, [FakeAsyncClient(TaskLost("gone"))])
    asyncio.run(one_round(clients, submitter(Plan(tasks=5)), 5, 10, tally))
    assert (tally.completed, tally.failed) == (0, 5)


def test_dictionary_has_what_programs_read() -> None:
    plain = Measured(Plan(tasks=10), 2, 1000, 50, 90, Tally(30, 0, 0)).as_dict()
    assert plain == {
        "tasks_per_s": 1000,
        "rt_p50_us": 50,
        "rt_p99_us": 90,
        "tasks": 10,
        "clients": 1,
        "workers": 2,
        "completed": 30,
        "failed": 0,
        "rejected": 0,
    }


def test_dictionary_of_a_payload_or_a_sleep_says_so() -> None:
    assert Measured(Plan(1, size_bytes=10), 2, 1, 1, 1).as_dict()["size_bytes"] == 10
    sleeping = Measured(Plan(1, sleep_ms=10), 2, 150, 1, 1).as_dict()
    assert sleeping["sleep_ms"] == 10
    assert sleeping["efficiency"] == 0.75  # 150 of the 200 that two workers could do in a second
