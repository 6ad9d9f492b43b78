"""`argon bench` measures what it is asked to, on a cluster of its own unless told otherwise."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import pytest

from argon.cli import bench_rounds, child
from argon.cli.bench_rounds import Measured, Plan, Tally
from tests.cli.conftest import Run


@dataclass
class Bench:
    """What the command did: the children it started, and what it had measured."""

    started: list[list[str]]
    running: list[str]
    measured: list[tuple[str, Plan]]


@dataclass
class FakeChild:
    ready_line: str


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch) -> Bench:
    seen = Bench([], [], [])

    @contextmanager
    def running(arguments: Sequence[str]) -> Iterator[FakeChild]:
        seen.started.append(list(arguments))
        seen.running.append(arguments[0])
        try:
            yield FakeChild("argon cluster ready at localhost:4321")
        finally:
            seen.running.remove(arguments[0])

    def measure(address: str, plan: Plan) -> Measured:
        assert seen.running == ([] if address == "given:1" else ["cluster", "node"])
        seen.measured.append((address, plan))
        return Measured(plan, 2, 123456, 50, 90, Tally(3 * plan.tasks, 0, 0))

    monkeypatch.setattr(child, "running", running)
    monkeypatch.setattr(bench_rounds, "measure", measure)
    return seen


def test_without_a_cluster_its_own_is_started_and_stopped(argon: Run, bench: Bench) -> None:
    assert argon("bench").status == 0
    assert bench.started == [
        ["cluster", "--port", "0"],
        ["node", "--manager", "localhost:4321", "--name", "bench"],
    ]
    assert bench.running == []
    assert bench.measured == [("localhost:4321", Plan(tasks=30_000))]


def test_failure_stops_its_own_cluster(argon: Run, bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(address: str, plan: Plan) -> Measured:
        raise OSError("it broke")

    monkeypatch.setattr(bench_rounds, "measure", fail)
    ran = argon("bench")
    assert (ran.status, ran.err) == (1, "argon: it broke\n")
    assert bench.running == []


def test_given_cluster_is_measured(argon: Run, bench: Bench) -> None:
    argon("bench", "--cluster", "given:1")
    assert bench.started == []
    assert bench.measured[0][0] == "given:1"


def test_cluster_of_the_environment_is_left_in_peace(argon: Run, bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ARGON_CLUSTER", "given:1")
    argon("bench")
    assert bench.measured[0][0] == "localhost:4321"


@pytest.mark.parametrize(
    ("arguments", "plan"),
    [
        (["--tasks", "10"], Plan(tasks=10)),
        (["--clients", "3"], Plan(tasks=30_000, clients=3)),
        (["--sleep-ms", "5"], Plan(tasks=30_000, sleep_ms=5)),
        (["--size", "100"], Plan(tasks=30_000, size_bytes=100)),
    ],
)
def test_option_is_in_the_plan(argon: Run, bench: Bench, arguments: list[str], plan: Plan) -> None:
    argon("bench", *arguments)
    assert bench.measured[0][1] == plan


def test_workers_option_is_for_its_own_node(argon: Run, bench: Bench) -> None:
    argon("bench", "--workers", "7")
    assert bench.started[1][-2:] == ["--workers", "7"]


def test_workers_of_a_given_cluster_are_a_usage_error(argon: Run, bench: Bench) -> None:
    ran = argon("bench", "--workers", "7", "--cluster", "given:1")
    assert ran.status == 2
    assert "--workers" in ran.err


def test_json_is_one_object(argon: Run, bench: Bench) -> None:
    found = json.loads(argon("bench", "--json", "--tasks", "10").out)
    assert found["tasks_per_s"] == 123456
    assert found["tasks"] == 10
    assert found["completed"] == 30


def test_table_has_the_numbers(argon: Run, bench: Bench) -> None:
    out = argon("bench", "--sleep-ms", "1").out
    assert "123,456" in out
    assert "50 µs" in out
    assert "90 µs" in out
    assert "share of the ideal" in out


@pytest.mark.parametrize(
    "arguments",
    [
        ["--tasks", "0"],
        ["--clients", "0"],
        ["--workers", "0"],
        ["--sleep-ms", "-1"],
        ["--size", "-1"],
        ["--cluster", "x"],
    ],
)
def test_value_out_of_range_is_a_usage_error(argon: Run, bench: Bench, arguments: list[str]) -> None:
    ran = argon("bench", *arguments)
    assert ran.status == 2
    assert arguments[0] in ran.err
    assert bench.started == []
