"""`argon node` makes a node as asked, and says when it is ready."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from argon.cli.child_process import ready_address, running
from argon.cli.node import ready_line
from argon.settings import MAX_PAYLOAD_BYTES
from tests.cli.conftest import Run
from tests.cli.fakes import FakeServer
from tests.cli.processes import marked

JOIN = ["node", "--manager", "localhost:8000"]


def test_defaults_are_the_nodes_own(argon: Run, fake_node: type[FakeServer]) -> None:
    assert argon(*JOIN).status == 0
    node = fake_node.made[0]
    assert node.args == ("localhost:8000", None, None)
    assert node.options == {
        "include": [],
        "name": None,
        "port": None,
        "report_load": True,
        "heartbeat": None,
        "dead_after": None,
        "max_payload": MAX_PAYLOAD_BYTES,
        "threads_per_worker": None,
    }


@pytest.mark.parametrize(
    ("arguments", "place", "value"),
    [
        (["--workers", "3"], 1, 3),
        (["--max-requests", "50"], 2, 50),
        (["--manager", "elsewhere:1"], 0, "elsewhere:1"),
        (["--cluster", "elsewhere:1"], 0, "elsewhere:1"),
        (["--name", "ada"], "name", "ada"),
        (["--no-report-load"], "report_load", False),
        (["--max-payload", "2000"], "max_payload", 2000),
        (["--threads-per-worker", "3"], "threads_per_worker", 3),
        (["--heartbeat", "2.5"], "heartbeat", 2.5),
        (["--dead-after", "7"], "dead_after", 7.0),
    ],
)
def test_option_reaches_the_node(
    argon: Run, fake_node: type[FakeServer], arguments: list[str], place: int | str, value: object
) -> None:
    assert argon(*JOIN, *arguments).status == 0
    node = fake_node.made[0]
    assert (node.args[place] if isinstance(place, int) else node.options[place]) == value


def test_port_reaches_the_node(argon: Run, fake_node: type[FakeServer]) -> None:
    assert argon("node", "--port", "9000").status == 0
    assert fake_node.made[0].options["port"] == 9000


def test_include_is_taken_several_times(argon: Run, fake_node: type[FakeServer], tmp_path: Path) -> None:
    directories = [str(tmp_path / "a"), str(tmp_path / "b")]
    for directory in directories:
        Path(directory).mkdir()
    assert argon(*JOIN, "--include", directories[0], "--include", directories[1]).status == 0
    assert fake_node.made[0].options["include"] == directories


def test_ready_line_names_the_cluster(argon: Run, fake_node: type[FakeServer]) -> None:
    assert argon(*JOIN).out == "argon node node-x ready: 4 workers, cluster localhost:8000\n"


def test_ready_line_of_a_node_alone_names_its_address(argon: Run, fake_node: type[FakeServer]) -> None:
    assert argon("node", "--port", "0").out == "argon node node-x ready at localhost:4321: 4 workers\n"


def test_one_worker_is_no_plural() -> None:
    assert ready_line("a", 1, "h:1", None) == "argon node a ready: 1 worker, cluster h:1"


def test_cluster_of_the_environment_is_not_asked(
    argon: Run, fake_node: type[FakeServer], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ARGON_CLUSTER", "elsewhere:1")
    assert argon("node", "--port", "9000").status == 0
    assert fake_node.made[0].args[0] is None


@pytest.mark.parametrize("arguments", [["node"], [*JOIN, "--port", "0"]])
def test_neither_or_both_of_cluster_and_port_is_a_usage_error(
    argon: Run, fake_node: type[FakeServer], arguments: list[str]
) -> None:
    ran = argon(*arguments)
    assert ran.status == 2
    assert "--manager" in ran.err
    assert "--port" in ran.err
    assert not fake_node.made


@pytest.mark.parametrize(
    "arguments",
    [
        ["--workers", "0"],
        ["--max-requests", "0"],
        ["--max-payload", "10"],
        ["--threads-per-worker", "0"],
        ["--port", "-1"],
        ["--manager", "x"],
        ["--cluster", "x"],
        ["--include", "/nowhere/at/all"],
    ],
)
def test_value_out_of_range_is_a_usage_error(argon: Run, fake_node: type[FakeServer], arguments: list[str]) -> None:
    ran = argon(*JOIN, *arguments)
    assert ran.status == 2
    assert arguments[0] in ran.err
    assert not fake_node.made


def test_what_the_node_refuses_is_a_usage_error(
    argon: Run, fake_node: type[FakeServer], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fake_node, "refusal", ValueError("a name has no spaces"))
    ran = argon(*JOIN, "--name", "a b")
    assert ran.status == 2
    assert "a name has no spaces" in ran.err


# --- with real processes ----------------------------------------------------------------------------------------------


def test_live_node_alone_serves_clients_with_its_options(argon_process: Run) -> None:
    live_tasks = str(Path(__file__).parent)
    options = ["--workers", "1", "--max-requests", "1", "--name", "solo", "--include", live_tasks]
    with running(["node", "--port", "0", *options]) as node:
        assert node.ready_line.startswith("argon node solo ready at localhost:")
        assert node.ready_line.endswith(": 1 worker")
        address = ready_address(node.ready_line)
        ran = argon_process("map", "--cluster", address, "live_tasks:process_id", stdin="1\n2\n3\n")
    assert (ran.status, ran.err) == (0, "")
    assert len(set(ran.out.splitlines())) == 3  # a process for each task, as --max-requests has it


def test_live_node_says_that_it_is_ready_and_ends_by_a_signal(live_address: str) -> None:
    with marked("node", "--manager", live_address, "--workers", "1", "--name", "second") as process:
        assert process.stdout is not None
        assert process.stdout.readline() == f"argon node second ready: 1 worker, cluster {live_address}\n"
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=20)
        assert (process.returncode, out, err) == (0, "", "")
        assert process.family() == []
