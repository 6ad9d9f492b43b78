"""The overload benchmark offers what its plan says, and tells from each future how its task ended."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any, cast

import pytest

from argon.cli.bench import load_figures, overload
from argon.cli.bench.load_figures import Recovery
from argon.cli.bench.open_loop import Ending, Sample
from argon.cli.bench.overload import (
    CALM_FACTOR,
    FactorFigures,
    Overloaded,
    OverloadPlan,
    factor_figures,
    measured_by_clients,
    measured_factor,
    note_answer,
    submitter,
    warm_up,
)
from argon.cli.bench.task_times import Distribution
from argon.cli.bench.tasks import nap
from argon.errors import MayHaveRun, Rejected, RejectReason, TaskExpired, TaskLost

PLAN = OverloadPlan(sleep_ms=10, calm_s=0.1, spike_s=0.2)


class RecordingClient:
    """Remembers what is submitted and with which options; a task is done one turn of the loop later."""

    def __init__(self, calls: list[tuple[RecordingClient, Any]] | None = None, **options: Any) -> None:
        self.calls = [] if calls is None else calls
        self.options = options

    def with_options(self, **options: Any) -> RecordingClient:
        return RecordingClient(self.calls, **options)

    def submit(self, *call: Any) -> asyncio.Future[Any]:
        self.calls.append((self, call))
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        asyncio.get_running_loop().call_soon(future.set_result, None)
        return future


def submitted(plan: OverloadPlan, clients: list[RecordingClient], count: int) -> list[tuple[RecordingClient, Any]]:
    async def submit_all() -> None:
        submit = submitter(cast(Any, clients), plan)
        for _ in range(count):
            submit(Sample(0.0, 0.03))

    asyncio.run(submit_all())
    return clients[0].calls


def ended(finish: Callable[[asyncio.Future[Any]], object], at_once: bool = False) -> Sample:
    async def run() -> Sample:
        sample = Sample(0.0, 0.0)
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        if at_once:
            finish(future)
        note_answer(future, sample)
        if not at_once:
            finish(future)
        await asyncio.sleep(0)
        return sample

    return asyncio.run(run())


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Half a second of quiet is enough here."""
    monkeypatch.setattr(load_figures, "QUIET_S", 0.05)
    monkeypatch.setattr(overload, "SLICE_S", 0.1)


def run_factor(submit: Callable[[Sample], None], factor: float = 2.0, plan: OverloadPlan = PLAN) -> FactorFigures:
    return asyncio.run(measured_factor(submit, 2, factor, plan))


def sample_of(sent_s: float, took_s: float) -> Sample:
    """A task that completed so long after it was sent."""
    sample = Sample(sent_s, took_s)
    sample.sent_s, sample.answered_s, sample.ending = sent_s, sent_s + took_s, Ending.COMPLETED
    return sample


def complete(sample: Sample) -> None:
    asyncio.get_running_loop().call_later(sample.task_s, sample.end, Ending.COMPLETED)


# --- one task ---------------------------------------------------------------------------------------------------------


def test_task_sleeps_as_long_as_its_sample_says_and_is_not_retried() -> None:
    client = RecordingClient()
    (through, (function, task_s, payload)), *_ = submitted(PLAN, [client], 1)
    assert (function, task_s, payload) == (nap, 0.03, b"")
    assert through.options == {"retries": 0, "timeout": None}


def test_timeout_and_payload_of_the_plan_go_with_each_task() -> None:
    (through, call), *_ = submitted(OverloadPlan(timeout_ms=250, size_bytes=100), [RecordingClient()], 1)
    assert through.options["timeout"] == 0.25
    assert len(call[-1]) == 100


def test_clients_take_turns() -> None:
    calls: list[tuple[RecordingClient, Any]] = []
    through = [client for client, _ in submitted(PLAN, [RecordingClient(calls), RecordingClient(calls)], 4)]
    assert through[0] is through[2] is not through[1]
    assert through[1] is through[3]


@pytest.mark.parametrize(
    ("error", "ending", "reason"),
    [
        (Rejected("full", reason=RejectReason.QUEUE_FULL), Ending.REJECTED, "QUEUE_FULL"),
        (TaskExpired("late", may_have_run=MayHaveRun.NO), Ending.EXPIRED, "expired, may have run: no"),
        (TaskExpired("late", may_have_run=MayHaveRun.YES), Ending.EXPIRED, "expired, may have run: yes"),
        (TaskLost("gone"), Ending.FAILED, "TaskLost"),
        (ValueError("odd"), Ending.FAILED, "ValueError"),
    ],
)
def test_exception_tells_the_ending(error: Exception, ending: Ending, reason: str) -> None:
    sample = ended(lambda future: future.set_exception(error))
    assert (sample.ending, sample.reason) == (ending, reason)
    assert sample.answered_s > 0


def test_value_is_completed_and_cancelled_is_failed() -> None:
    assert ended(lambda future: future.set_result(1)).ending is Ending.COMPLETED
    assert ended(lambda future: future.cancel()).ending is Ending.FAILED


def test_reject_that_is_there_at_once_is_the_clients_own() -> None:
    assert (
        ended(lambda future: future.set_exception(Rejected("full")), at_once=True).ending is Ending.REJECTED_BY_CLIENT
    )


# --- a factor ---------------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("quick")
def test_phases_are_calm_spike_and_calm() -> None:
    figures = run_factor(complete, factor=3.0)
    capacity_per_s = PLAN.capacity_per_s(2)
    assert capacity_per_s == 200
    assert figures.calm.offered == round(CALM_FACTOR * capacity_per_s * PLAN.calm_s)
    assert figures.spike.offered == round(3.0 * capacity_per_s * PLAN.spike_s)
    assert figures.after.offered >= round(CALM_FACTOR * capacity_per_s * 0.1)
    assert figures.calm.completed == figures.calm.offered
    assert figures.spike.completed == figures.spike.offered
    assert figures.spike.p50_ms is not None
    assert figures.spike.p50_ms >= 10


@pytest.mark.usefixtures("quick")
def test_tasks_so_long_that_less_than_one_comes_in_a_phase_are_measured_too() -> None:
    figures = run_factor(complete, factor=0.1, plan=replace(PLAN, sleep_ms=200, recovery_limit_s=0.5))
    assert (figures.calm.offered, figures.spike.offered) == (1, 1)
    assert figures.after.offered >= 1


@pytest.mark.usefixtures("quick")
def test_longer_calm_and_spike_offer_more() -> None:
    figures = run_factor(complete, plan=OverloadPlan(sleep_ms=10, calm_s=0.2, spike_s=0.3))
    assert (figures.calm.offered, figures.spike.offered) == (20, 120)


def test_answers_beyond_the_slo_are_throughput_and_not_goodput() -> None:
    calm, soon, late, after = (
        sample_of(sent_s, took_s) for sent_s, took_s in ((9.0, 0.1), (10.0, 0.1), (10.2, 0.3), (11, 0.1))
    )
    figures = factor_figures(
        2.0, 4.0, OverloadPlan(slo_ms=200), [calm], [soon, late], [after], Recovery(0.0, True), 1.0
    )
    assert figures.offered_per_s == 2.0
    assert figures.throughput == 0.5, "two of the four that a second of the spike has room for"
    assert figures.goodput == 0.25


@pytest.mark.usefixtures("quick")
def test_task_lengths_follow_the_distribution() -> None:
    lengths: list[float] = []

    def submit(sample: Sample) -> None:
        lengths.append(sample.task_s)
        sample.end(Ending.COMPLETED)

    run_factor(submit)
    assert set(lengths) == {0.01}
    lengths.clear()
    run_factor(submit, plan=OverloadPlan(sleep_ms=10, calm_s=0.1, spike_s=0.2, distribution=Distribution.PARETO))
    assert len(set(lengths)) > 50


@pytest.mark.usefixtures("quick")
def test_calm_goes_on_until_all_is_well() -> None:
    seen = 0

    def submit(sample: Sample) -> None:
        nonlocal seen
        seen += 1
        if 90 < seen <= 110:  # the first 20 after the spike, which is 10 and 80 tasks into the run
            sample.end(Ending.REJECTED, "QUEUE_FULL")
        else:
            complete(sample)

    figures = run_factor(submit)
    assert figures.after.rejected == 20
    assert figures.after.offered > 20
    assert figures.recovered
    assert figures.recovery_s >= 0.15


@pytest.mark.usefixtures("quick")
def test_calm_that_never_comes_is_given_up() -> None:
    figures = run_factor(lambda sample: sample.end(Ending.REJECTED), plan=replace(PLAN, recovery_limit_s=0.3))
    assert not figures.recovered
    assert figures.reject_p99_ms is not None


@pytest.mark.usefixtures("quick")
def test_tasks_without_an_answer_are_counted_at_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(overload, "LAST_ANSWERS_S", 0.01)
    figures = run_factor(lambda sample: None, plan=replace(PLAN, recovery_limit_s=0.3))
    assert figures.spike.unanswered == figures.spike.offered
    assert not figures.recovered


# --- the clients ------------------------------------------------------------------------------------------------------


class ConnectedClient(RecordingClient):
    """One of the clients of a cluster with so many workers."""

    opened = 0
    workers = 2

    def __init__(self, address: str, *, connect_timeout: float | None) -> None:
        super().__init__()
        self.address = address

    async def __aenter__(self) -> ConnectedClient:
        ConnectedClient.opened += 1
        return self

    async def __aexit__(self, *_: object) -> None:
        pass

    async def status(self) -> dict[str, Any]:
        return {"nodes": [{"workers": self.workers}] if self.workers else []}


@pytest.fixture
def connected(monkeypatch: pytest.MonkeyPatch) -> type[ConnectedClient]:
    monkeypatch.setattr(ConnectedClient, "opened", 0)
    monkeypatch.setattr(overload, "AsyncClient", ConnectedClient)
    monkeypatch.setattr(overload, "WARM_UP_S", 0.01)
    return ConnectedClient


@pytest.mark.usefixtures("quick")
def test_every_factor_is_measured_with_as_many_clients_as_asked_for(connected: type[ConnectedClient]) -> None:
    advanced: list[int] = []
    plan = replace(PLAN, factors=(2.0, 3.0), clients=3)
    measured = asyncio.run(measured_by_clients("here:1", plan, advanced.append))
    assert connected.opened == 3
    assert [figures.factor for figures in measured.factors] == [2.0, 3.0]
    assert (measured.workers, measured.capacity_per_s) == (2, 200)
    assert advanced == [1, 1]


def test_cluster_without_workers_is_told_how_to_get_some(
    connected: type[ConnectedClient], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ConnectedClient, "workers", 0)
    with pytest.raises(ValueError, match="argon node --cluster here:1"):
        asyncio.run(measured_by_clients("here:1", PLAN, lambda count: None))


# --- all of it --------------------------------------------------------------------------------------------------------


def test_warm_up_keeps_two_tasks_for_each_worker_under_way(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(overload, "WARM_UP_S", 0.1)
    samples: list[Sample] = []
    under_way: list[int] = []

    def submit(sample: Sample) -> None:
        samples.append(sample)
        under_way.append(sum(other.ending is Ending.UNANSWERED for other in samples))
        complete(sample)

    share = asyncio.run(warm_up(submit, 2, PLAN))
    assert max(under_way) == 4
    assert {sample.task_s for sample in samples} == {PLAN.task_s}
    assert all(sample.ending is Ending.COMPLETED for sample in samples)
    assert 0 < share <= 2  # the pretended workers did four at once


def test_dictionary_is_json_and_says_what_was_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(load_figures, "QUIET_S", 0.05)
    monkeypatch.setattr(overload, "SLICE_S", 0.1)
    found = json.loads(json.dumps(Overloaded(PLAN, 2, 0.9876, (run_factor(complete),)).as_dict()))
    assert found["capacity_per_s"] == 200
    assert found["efficiency"] == 0.988
    assert (found["sleep_ms"], found["slo_ms"], found["distribution"]) == (10, 500, "constant")
    assert found["factors"][0]["factor"] == 2
    assert found["factors"][0]["spike"]["offered"] == 80
