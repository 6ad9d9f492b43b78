"""`argon simulate`: each option is felt in the result, and those that would not be are refused."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from argon.planning import engine
from argon.planning.engine import Circumstances
from argon.planning.rules import RULES
from tests.cli.conftest import Run
from tests.cli.fakes import STATUS, FakeClient

Simulated = Callable[..., dict[str, Any]]
SMALL = ("--tasks", "400")
NARROW = ("--nodes", "1", "--workers", "2", "--service", "constant")


@pytest.fixture
def simulated(argon: Run) -> Simulated:
    """Runs the command and returns what its JSON says, the numbers of Argon's rule among it."""

    def run(*options: str) -> dict[str, Any]:
        ran = argon("simulate", "--json", *options)
        assert (ran.status, ran.err) == (0, "")
        said: dict[str, Any] = json.loads(ran.out)
        return {**said, **next(iter(said["rules"].values()))}

    return run


def test_nothing_given_is_a_table_of_argons_rule(argon: Run) -> None:
    ran = argon("simulate", *SMALL)
    assert ran.status == 0
    assert ran.out.startswith("4 nodes, 32 workers; 400 tasks of ")
    assert "argon" in ran.out
    assert "goodput, tasks a second" in ran.out


def test_fleet_options(simulated: Simulated) -> None:
    def size(*options: str) -> tuple[int, int]:
        said = simulated(*SMALL, *options)
        return said["nodes"], said["workers"]

    assert size("--nodes", "3") == (3, 24)
    assert size("--workers", "2") == (4, 8)
    assert size("--node", "2x3", "--node", "1") == (3, 7)


def test_tasks_option(simulated: Simulated) -> None:
    assert simulated("--tasks", "123")["completed"] == 123


def test_load_and_rate_options(simulated: Simulated) -> None:
    assert simulated(*SMALL, "--load", "0.2")["utilisation"] == pytest.approx(0.2, rel=0.2)
    assert simulated(*SMALL, "--rate", "50")["offered_per_s"] == pytest.approx(50, rel=0.2)


def test_burst_options(simulated: Simulated) -> None:
    said = simulated("--tasks", "3000", "--burst", "3", "--burst-s", "0.1")
    begin_s, end_s = said["burst"]
    assert end_s - begin_s == pytest.approx(0.1)
    assert said["recovery_s"] > 0
    calm = simulated("--tasks", "3000")
    assert said["wait"]["p99"] > 2 * calm["wait"]["p99"]


def test_trace_option(simulated: Simulated, tmp_path: Path) -> None:
    file = tmp_path / "day.jsonl"
    lines = [{"at_s": 10 + n, "service_s": 0.5, "client": f"c{n % 3}"} for n in range(7)]
    file.write_text("\n".join(map(json.dumps, lines)), "utf-8")
    said = simulated("--trace", str(file))
    assert (said["tasks"], said["clients"], said["mean_service_s"]) == (7, 3, 0.5)


def test_service_options(simulated: Simulated) -> None:
    assert simulated(*SMALL, "--service-ms", "30", "--service", "constant")["mean_service_s"] == pytest.approx(0.03)
    assert simulated(*SMALL, "--service", "bimodal:50:0.5")["groups"].keys() == {"kind short", "kind long"}


def test_clients_option(simulated: Simulated) -> None:
    assert simulated(*SMALL, "--clients", "5")["clients"] == 5


def test_greedy_option(simulated: Simulated) -> None:
    said = simulated(*SMALL, "--greedy", "300")
    assert (said["completed"], said["clients"], said["flood"][0]) == (400, 2, 300)


def test_priorities_option(simulated: Simulated) -> None:
    groups = simulated(*NARROW, "--tasks", "2000", "--load", "1.0", "--priorities", "HIGH=1,LOW=1")["groups"]
    assert groups["priority HIGH"]["p99"] < groups["priority LOW"]["p99"]


def test_queue_limit_and_retries_options(simulated: Simulated) -> None:
    crowd = (*NARROW, *SMALL, "--load", "3", "--clients", "50")
    at_once = (*crowd, "--retries", "0", "--queue-target-ms", "off")
    rejected = [simulated(*at_once, "--queue-limit", limit)["rejected"] for limit in ("5", "100000")]
    assert rejected[0] > 50
    assert rejected[1] == 0
    assert simulated(*crowd, "--queue-limit", "5")["rejected"] == 0


def test_queue_target_and_client_limit_options(simulated: Simulated) -> None:
    crowd = (*NARROW, *SMALL, "--load", "3", "--clients", "50", "--retries", "0", "--queue-limit", "100000")
    targets = [simulated(*crowd, "--queue-target-ms", target)["rejected"] for target in ("1", "300", "off")]
    assert targets[0] > targets[1] > targets[2] == 0
    assert simulated(*crowd, "--queue-target-ms", "off", "--client-limit", "1")["rejected"] > 0


def test_timeout_option(simulated: Simulated) -> None:
    said = simulated(*SMALL, "--service", "constant", "--timeout-ms", "5")
    assert said["completed"] == 0
    assert said["expired"] > 5, "those that are killed tell what such tasks take at least"
    assert said["rejected"] > 5 * said["expired"], "and then they are refused"


def test_seed_option(simulated: Simulated) -> None:
    days = [simulated(*SMALL, "--seed", seed)["total"] for seed in ("1", "1", "2")]
    assert days[0] == days[1] != days[2]


@pytest.mark.parametrize(("option", "ways"), [("--latency-us", 4), ("--overhead-us", 1), ("--cluster-us", 2)])
def test_costs_are_part_of_each_task(simulated: Simulated, option: str, ways: int) -> None:
    fixed = ("--tasks", "20", "--rate", "1", "--service", "constant")
    free, dear = (simulated(*fixed, option, cost)["total"]["mean"] for cost in ("0", "10000"))
    assert dear - free == pytest.approx(ways * 0.01, rel=0.1)  # heartbeats cost the cluster too


def test_overhead_is_work_of_which_the_load_is_a_share(simulated: Simulated) -> None:
    rates = [simulated(*SMALL, "--load", "0.5", "--overhead-us", cost)["offered_per_s"] for cost in ("0", "10000")]
    assert rates[0] == pytest.approx(2 * rates[1])


def test_defaults_are_those_of_the_engine(argon: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Circumstances] = []
    real = engine.simulate

    def noted(rule: str, fleet: Any, work: Any, circumstances: Circumstances, seed: int) -> Any:
        seen.append(circumstances)
        return real(rule, fleet, work, circumstances, seed)

    monkeypatch.setattr(engine, "simulate", noted)
    argon("simulate", "--tasks", "1")
    expected = Circumstances()
    assert (seen[0].latency_s, seen[0].overhead_s, seen[0].cluster_s) == pytest.approx(
        (expected.latency_s, expected.overhead_s, expected.cluster_s)
    )
    assert (seen[0].queue_limit, seen[0].timeout_s, seen[0].retries) == (expected.queue_limit, None, None)


def test_rule_and_compare_options(simulated: Simulated) -> None:
    assert list(simulated(*SMALL)["rules"]) == ["argon"]
    assert list(simulated(*SMALL, "--rule", "two choices")["rules"]) == ["two choices"]
    mixed = simulated("--tasks", "1500", "--node", "8", "--node", "8@0.25", "--compare")["rules"]
    assert list(mixed) == list(RULES)
    assert mixed["argon"]["total"]["mean"] < mixed["round robin"]["total"]["mean"]


def test_measured_option(simulated: Simulated, fake_client: type[FakeClient], monkeypatch: pytest.MonkeyPatch) -> None:
    nodes = [
        {"name": name, "workers": 2, "in_flight": 0, "draining": False, "mean_run_s": mean_s}
        for name, mean_s in (("a", 0.1), ("b", 0.3))
    ]
    monkeypatch.setattr(FakeClient, "status", lambda self: {**STATUS, "nodes": nodes, "queue_limit": 3})
    said = simulated(*SMALL, "--measured", "here:1", "--service", "constant", "--retries", "0", "--load", "3")
    assert (said["nodes"], said["workers"], said["mean_service_s"]) == (2, 4, pytest.approx(0.15))
    assert said["rejected"] > 200
    wider = ("--queue-limit", "100000", "--queue-target-ms", "off", "--clients", "50")
    said = simulated(*SMALL, "--measured", "here:1", "--service", "constant", "--retries", "0", "--load", "1.1", *wider)
    assert said["rejected"] == 0


def test_plot_option(argon: Run, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    file = tmp_path / "plan.png"
    assert argon("simulate", *SMALL, "--plot", str(file)).status == 0
    assert file.read_bytes().startswith(b"\x89PNG")


def test_plot_without_matplotlib_is_one_sentence_before_anything_is_run(
    argon: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    ran = argon("simulate", "--plot", str(tmp_path / "plan.png"))
    assert (ran.status, ran.out) == (1, "")
    assert ran.err == "argon: pictures need matplotlib: pip install matplotlib\n"


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--trace", "f", "--load", "1"], "--load"),
        (["--trace", "f", "--burst-s", "1"], "--burst-s"),
        (["--trace", "f", "--greedy", "1"], "--greedy"),
        (["--node", "8", "--nodes", "2"], "--nodes"),
        (["--measured", "h:1", "--service-ms", "2"], "--service-ms"),
        (["--rate", "1", "--load", "1"], "--load"),
        (["--rule", "random", "--compare"], "--compare"),
        (["--burst", "2"], "go together"),
        (["--burst-s", "2"], "go together"),
        (["--burst", "1000", "--burst-s", "1000"], "the burst alone has"),
        (["--rule", "best"], "must be one of round-robin"),
        (["--node", "many"], "a node has the form [COUNTx]WORKERS"),
        (["--service", "normal"], "a distribution must be constant"),
        (["--priorities", "HIGH"], "must be PRIORITY=WEIGHT"),
        (["--load", "0"], "must be a number"),
    ],
)
def test_what_cannot_be_done_is_a_usage_error(argon: Run, options: list[str], said: str) -> None:
    ran = argon("simulate", *options)
    assert (ran.status, ran.out) == (2, "")
    assert said in ran.err
    assert ran.err.count("\n") == 1


def test_trace_that_is_not_there_or_wrong_is_one_sentence(argon: Run, tmp_path: Path) -> None:
    assert "No such file" in argon("simulate", "--trace", str(tmp_path / "none.csv")).err
    (tmp_path / "day.csv").write_text("at_s,service_s\n1,x\n", "utf-8")
    assert "line 2: service_s must be a number" in argon("simulate", "--trace", str(tmp_path / "day.csv")).err


# --- with real processes ----------------------------------------------------------------------------------------------


def test_running_cluster_can_be_planned_with(argon_process: Run, live_address: str) -> None:
    assert argon_process("run", "--cluster", live_address, "math:hypot", "3", "4").status == 0
    ran = argon_process("simulate", "--measured", live_address, *SMALL, "--json")
    assert (ran.status, ran.err) == (0, "")
    said = json.loads(ran.out)
    assert (said["nodes"], said["workers"], said["rules"]["argon"]["completed"]) == (1, 2, 400)
