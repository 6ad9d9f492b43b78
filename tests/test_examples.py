"""Every example runs, and does what it says; those that want a cluster share one."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from argon.cli.child_process import ready_address, running
from tests.support.build import IMPORTED_FROM

ROOT = Path(__file__).resolve().parent.parent
EXAMPLES = ROOT / "examples"
WITHIN_S = 40

Example = Callable[..., str]


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    with pytest.MonkeyPatch.context() as patch:
        path = os.pathsep.join(filter(None, [IMPORTED_FROM, os.environ.get("PYTHONPATH", "")]))
        patch.setenv("PYTHONPATH", path)
        patch.setenv("ARGON_TOKEN_FILE", str(tmp_path_factory.mktemp("token") / "token"))
        patch.delenv("ARGON_TOKEN", raising=False)
        yield dict(os.environ)


@pytest.fixture(scope="module")
def address(environment: dict[str, str]) -> Iterator[str]:
    """A cluster with a short queue and two workers."""
    with running(["cluster", "--port", "0", "--queue-limit", "8"]) as cluster:
        found = ready_address(cluster.ready_line)
        with running(["node", "--manager", found, "--workers", "2"]):
            yield found


@pytest.fixture
def example(environment: dict[str, str], tmp_path: Path) -> Example:
    """Runs an example to its end and returns what it printed."""

    def run(name: str, *arguments: str) -> str:
        done = subprocess.run(
            [sys.executable, str(EXAMPLES / name), *arguments],
            capture_output=True,
            text=True,
            env=environment,
            cwd=tmp_path,
            timeout=WITHIN_S,
        )
        assert done.returncode == 0, done.stderr
        assert "Traceback" not in done.stderr, done.stderr
        return done.stdout

    return run


def test_web_backend_answers_every_visitor_in_time(example: Example, address: str) -> None:
    said = example("web_backend.py", address)
    assert "one visitor: 200" in said
    assert "one who asks for too much: 504" in said
    statuses = {int(code): int(count) for count, code in re.findall(r"(\d+) x (\d+)", said)}
    assert sum(statuses.values()) == 120
    assert set(statuses) <= {200, 503, 504}
    assert statuses[200] > 0


def test_csv_progress_when_given_rows_writes_them_in_order(example: Example, address: str, tmp_path: Path) -> None:
    loans = tmp_path / "loans.csv"
    lines = [f"loan {number},{1000 + number},6,{50 + number % 50}" for number in range(200)]
    loans.write_text("\n".join(["name,amount,rate,payment", *lines, "endless,1000,12,10"]) + "\n")
    header, *found = example("csv_progress.py", str(loans), address).splitlines()
    assert header == "name,amount,rate,payment,months"
    assert [line.rpartition(",")[0] for line in found] == [*lines, "endless,1000,12,10"]
    assert found[0] == "loan 0,1000,6,50,22"
    assert found[-1].endswith(",never")


def test_asyncio_service_answers(example: Example, address: str) -> None:
    assert example("asyncio_service.py", address) == "[['111', 'say a whole number'], ['118', '178']]\n"


def test_asyncio_service_without_a_node_says_that_there_is_none(example: Example, environment: dict[str, str]) -> None:
    with running(["cluster", "--port", "0"]) as cluster:
        said = example("asyncio_service.py", ready_address(cluster.ready_line))
    answer = ast.literal_eval(said)[0][0]
    assert re.fullmatch(r"not now: .*\(NO_NODES\): there is no node to run it; try again in \d+\.\d\d s", answer)


def test_executor_drop_in_shows_where_the_two_differ(example: Example) -> None:
    said = example("executor_drop_in.py")
    ours = said.partition("argon.Executor\n")[2]
    assert said.count("map: [7, 158, 2568]") == 2
    assert said.count("as completed: [375, 615]") == 2
    assert "a task that ends its process: BrokenProcessPool" in said
    assert "a task that ends its process: WorkerDied" in ours
    assert "the next task: 869" in ours


def test_survive_a_killed_node_loses_nothing(example: Example) -> None:
    said = example("survive_a_killed_node.py")
    assert "tasks completed: 24 of 24" in said
    assert "files as they should be: 24" in said
    assert "nodes left: steady" in said
    assert int(said.rpartition("run again: ")[2]) > 0


def test_tasks_of_tasks_ends_in_time(example: Example) -> None:
    said = example("tasks_of_tasks.py")
    assert re.search(r"pi is about 3\.\d, after [1-9]\d* rounds", said)
    assert "the inner tasks know when to end: True" in said


def test_every_example_is_run_here() -> None:
    text = Path(__file__).read_text("utf-8")
    assert [path.name for path in EXAMPLES.glob("*.py") if f'"{path.name}"' not in text] == []
