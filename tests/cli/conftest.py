"""What the tests of the command line share: a way to run it, in this process or in another."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import pytest

from argon.cli.main import execute
from tests.cli.fakes import FakeClient, FakeServer

ROOT = Path(__file__).resolve().parents[2]


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


def environment(**more: str) -> dict[str, str]:
    """The environment of a process that imports the package of this working tree."""
    path = os.pathsep.join(filter(None, [str(ROOT / "src"), str(ROOT), os.environ.get("PYTHONPATH", "")]))
    return {**os.environ, "PYTHONPATH": path, **more}


@pytest.fixture
def fake_client(monkeypatch: pytest.MonkeyPatch) -> Iterator[type[FakeClient]]:
    put_in_place(monkeypatch, "argon.roles.client", "Client", FakeClient)
    yield FakeClient
    FakeClient.made.clear()


@pytest.fixture
def fake_cluster(monkeypatch: pytest.MonkeyPatch) -> Iterator[type[FakeServer]]:
    put_in_place(monkeypatch, "argon.roles.cluster", "Cluster", FakeServer)
    yield FakeServer
    FakeServer.made.clear()


@pytest.fixture
def fake_node(monkeypatch: pytest.MonkeyPatch) -> Iterator[type[FakeServer]]:
    put_in_place(monkeypatch, "argon.roles.node", "Node", FakeServer)
    yield FakeServer
    FakeServer.made.clear()


def put_in_place(monkeypatch: pytest.MonkeyPatch, module: str, name: str, value: object) -> None:
    stand_in = ModuleType(module)
    setattr(stand_in, name, value)
    monkeypatch.setitem(sys.modules, module, stand_in)
