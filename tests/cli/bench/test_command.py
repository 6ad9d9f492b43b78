"""`argon bench` measures what it is asked to, on a cluster of its own unless told otherwise."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from argon.build import this_build
from argon.cli import child_process
from argon.cli.bench import overload, overload_picture, rounds
from argon.cli.bench.overload import Overloaded, OverloadPlan
from argon.cli.bench.rounds import Measured, Plan, Tally
from argon.cli.bench.task_times import Distribution
from argon.errors import TaskLost
from tests.cli.conftest import Run
from tests.cli.overload_figures import MEASURED
from tests.cli.processes import marked, wait_until


@dataclass
class Bench:
    """What the command did: the children it started, and what it had measured."""

    started: list[list[str]]
    running: list[str]
    measured: list[tuple[str, Plan]]
    overloaded: list[tuple[str, OverloadPlan]]


@dataclass
class FakeChild:
    ready_line: str


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch) -> Bench:
    seen = Bench([], [], [], [])

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

    def measure_overload(address: str, plan: OverloadPlan, advance: Callable[[int], None]) -> Overloaded:
        assert seen.running == ([] if address == "given:1" else ["cluster", "node"])
        seen.overloaded.append((address, plan))
        return MEASURED

    monkeypatch.setattr(child_process, "running", running)
    monkeypatch.setattr(overload, "measure", measure_overload)
    monkeypatch.setattr(rounds, "measure", measure)
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

    monkeypatch.setattr(rounds, "measure", fail)
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
    assert found["build"] == this_build().kind
    assert found["tasks_per_s"] == 123456
    assert found["tasks"] == 10
    assert found["completed"] == 30


def test_table_has_the_numbers(argon: Run, bench: Bench) -> None:
    out = argon("bench", "--sleep-ms", "1").out
    assert out.startswith(f"{this_build()}\n")
    assert "123,456" in out
    assert "50 µs" in out
    assert "90 µs" in out
    assert "share of the ideal" in out


def test_tasks_that_do_not_complete_are_told(argon: Run, bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    tally = Tally()
    tally.count([1, TaskLost("node bench was lost")])
    monkeypatch.setattr(rounds, "measure", lambda address, plan: Measured(plan, 2, 1, 1, 1, tally))
    ran = argon("bench", "--json")
    assert (ran.status, json.loads(ran.out)["failed"]) == (0, 1)
    assert ran.err == "argon: 1 of 2 tasks did not complete; the first error: node bench was lost\n"


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


# --- overload ---------------------------------------------------------------------------------------------------------


def test_overload_has_a_node_of_eight_workers_of_its_own(argon: Run, bench: Bench) -> None:
    ran = argon("bench", "--overload")
    assert (ran.status, ran.err) == (0, "")
    assert bench.started[1][-2:] == ["--workers", "8"]
    assert bench.running == []
    assert bench.overloaded == [("localhost:4321", OverloadPlan())]
    assert "goodput" in ran.out


@pytest.mark.parametrize(
    ("arguments", "plan"),
    [
        (["10"], OverloadPlan(factors=(10,))),
        (["2", "2.5"], OverloadPlan(factors=(2, 2.5))),
        (["--sleep-ms", "5"], OverloadPlan(sleep_ms=5)),
        (["--clients", "3"], OverloadPlan(clients=3)),
        (["--size", "100"], OverloadPlan(size_bytes=100)),
        (["--calm-s", "1"], OverloadPlan(calm_s=1)),
        (["--spike-s", "1"], OverloadPlan(spike_s=1)),
        (["--slo-ms", "100"], OverloadPlan(slo_ms=100)),
        (["--timeout-ms", "100"], OverloadPlan(timeout_ms=100)),
        (["--distribution", "pareto"], OverloadPlan(distribution=Distribution.PARETO)),
    ],
)
def test_option_is_in_the_plan_of_the_overload(
    argon: Run, bench: Bench, arguments: list[str], plan: OverloadPlan
) -> None:
    assert argon("bench", "--overload", *arguments).status == 0
    assert bench.overloaded[0][1] == plan


def test_overload_of_a_given_cluster_or_with_other_workers(argon: Run, bench: Bench) -> None:
    argon("bench", "--overload", "--cluster", "given:1")
    assert (bench.started, bench.overloaded[0][0]) == ([], "given:1")
    argon("bench", "--overload", "--workers", "3")
    assert bench.started[1][-2:] == ["--workers", "3"]


def test_overload_as_json_is_one_object(argon: Run, bench: Bench) -> None:
    found = json.loads(argon("bench", "--overload", "--json").out)
    assert [figures["factor"] for figures in found["factors"]] == [2, 10]


def test_overload_is_drawn_where_asked(
    argon: Run, bench: Bench, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    drawn: list[Path] = []
    monkeypatch.setattr(overload_picture, "drawing_library", lambda: None)
    monkeypatch.setattr(overload_picture, "draw", lambda library, measured, file: drawn.append(file))
    argon("bench", "--overload", "--plot", str(tmp_path / "x.png"))
    assert drawn == [tmp_path / "x.png"]


@pytest.mark.parametrize(
    "arguments",
    [
        ["--tasks", "10"],
        ["--sleep-ms", "0"],
        ["--calm-s", "0"],
        ["--spike-s", "x"],
        ["--slo-ms", "0"],
        ["--timeout-ms", "0"],
        ["--distribution", "normal"],
        ["--plot", "x.svg"],
    ],
)
def test_overload_option_that_makes_no_sense_is_a_usage_error(argon: Run, bench: Bench, arguments: list[str]) -> None:
    ran = argon("bench", "--overload", *arguments)
    assert ran.status == 2
    assert arguments[0] in ran.err
    assert bench.started == []


@pytest.mark.parametrize("arguments", [["2"], ["--spike-s", "3"], ["--distribution", "pareto"]])
def test_overload_option_without_overload_is_a_usage_error(argon: Run, bench: Bench, arguments: list[str]) -> None:
    ran = argon("bench", *arguments)
    assert ran.status == 2
    assert "it works only with --overload" in ran.err
    assert bench.started == []


# --- with real processes ----------------------------------------------------------------------------------------------


def test_live_bench_measures_and_leaves_nothing_behind() -> None:
    with marked("bench", "--json", "--tasks", "300", "--clients", "2", "--workers", "1") as process:
        out, err = process.communicate(timeout=30)
        assert (process.returncode, err) == (0, "")
        assert process.family() == []
    found = json.loads(out)
    assert found["tasks_per_s"] > 0
    assert 0 < found["rt_p50_us"] <= found["rt_p99_us"]
    assert [found[name] for name in ("tasks", "clients", "workers")] == [300, 2, 1]
    assert [found[name] for name in ("completed", "failed", "rejected")] == [900, 0, 0]


@pytest.mark.parametrize(
    "arguments", [["--sleep-ms", "2"], ["--size", "100000"], ["--sleep-ms", "2", "--size", "1000"]], ids=" ".join
)
def test_live_tasks_that_sleep_or_carry_a_payload_complete(live_address: str, arguments: list[str]) -> None:
    with marked("bench", "--json", "--tasks", "50", "--cluster", live_address, *arguments) as process:
        out, err = process.communicate(timeout=30)
    assert (process.returncode, err) == (0, "")
    found = json.loads(out)
    assert (found["completed"], found["workers"]) == (150, 2)
    if "--sleep-ms" in arguments:
        assert 0.2 < found["efficiency"] <= 1.05


def test_live_overload_refuses_what_is_too_much_and_recovers(live_address: str) -> None:
    options = ["--sleep-ms", "5", "--calm-s", "0.5", "--spike-s", "1.5", "--cluster", live_address]
    with marked("bench", "--json", "--overload", "3", *options) as process:
        out, err = process.communicate(timeout=50)
    assert (process.returncode, err) == (0, "")
    found = json.loads(out)
    (figures,) = found["factors"]
    assert (found["workers"], found["capacity_per_s"]) == (2, 400)
    assert figures["spike"]["offered"] == 1800
    assert figures["spike"]["completed"] > 0
    assert figures["spike"]["rejected"] + figures["spike"]["rejected_by_client"] > 0
    assert figures["spike"]["unanswered"] == figures["after"]["unanswered"] == 0


def test_live_bench_that_is_killed_leaves_nothing_behind() -> None:
    with marked("bench", "--tasks", "1000000", "--sleep-ms", "10", "--workers", "1") as process:
        process.wait_for_family_of(5)
        process.kill()
        process.wait()
        wait_until(lambda: process.family() == [])


@pytest.mark.parametrize(
    ("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)], ids=str
)
def test_live_bench_that_is_broken_off_leaves_nothing_behind(number: signal.Signals, status: int) -> None:
    with marked("bench", "--tasks", "1000000", "--sleep-ms", "10", "--workers", "1") as process:
        process.wait_for_family_of(5)  # itself, the cluster, the node with its reaper, and a worker
        process.send_signal(number)
        out, err = process.communicate(timeout=20)
        assert (process.returncode, out, err) == (status, "", "")
        assert process.family() == []
