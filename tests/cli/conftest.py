"""What the tests of the command line share: a way to run it, in this process or in another."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import pytest

from argon.cli.child_process import ready_address, running
from argon.cli.main import execute
from tests.cli.fakes import FakeClient, FakeServer
from tests.cli.processes import environment


@dataclass(frozen=True)
class Ran:
    """How a command ended, and what it said."""

    status: int
    out: str
    err: str


Run = Callable[..., Ran]


@pytest.fixture
def argon(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs a command line in this process."""
    monkeypatch.delenv("ARGON_CLUSTER", raising=False)

    def run(*arguments: str) -> Ran:
        status = execute(arguments)
        captured = capsys.readouterr()
        return Ran(status, captured.out, captured.err)

    return run


@pytest.fixture
def argon_process() -> Run:
    """Runs a command line in a process of its own."""

    def run(*arguments: str, stdin: str = "") -> Ran:
        done = subprocess.run(
            [sys.executable, "-m", "argon", *arguments], input=stdin, capture_output=True, text=True, env=environment()
        )
        return Ran(done.returncode, done.stdout, done.stderr)

    return run


@pytest.fixture(scope="session")
def live_address() -> Iterator[str]:
    """A real cluster with a real node of two workers."""
    with running(["cluster", "--port", "0"]) as cluster:
        address = ready_address(cluster.ready_line)
        tasks = str(Path(__file__).parent)
        with running(["node", "--manager", address, "--workers", "2", "--name", "live", "--include", tasks]):
            yield address


@pytest.fixture
def fake_client(monkeypatch: pytest.MonkeyPatch) -> Iterator[type[FakeClient]]:
    put_in_place(monkeypatch, "argon.client.client", "Client", FakeClient)
    yield FakeClient
    FakeClient.made.clear()


@pytest.fixture
def fake_cluster(monkeypatch: pytest.MonkeyPatch) -> Iterator[type[FakeServer]]:
    put_in_place(monkeypatch, "argon.cluster.cluster", "Cluster", FakeServer)
    yield FakeServer
    FakeServer.made.clear()


@pytest.fixture
def fake_node(monkeypatch: pytest.MonkeyPatch) -> Iterator[type[FakeServer]]:
    put_in_place(monkeypatch, "argon.node.node", "Node", FakeServer)
    yield FakeServer
    FakeServer.made.clear()


def put_in_place(monkeypatch: pytest.MonkeyPatch, module: str, name: str, value: object) -> None:
    stand_in = ModuleType(module)
    setattr(stand_in, name, value)
    monkeypatch.setitem(sys.modules, module, stand_in)
