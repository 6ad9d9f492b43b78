"""`argon demo` starts a cluster and two nodes, plays its acts, and stops everything."""

from __future__ import annotations

import signal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import pytest

from argon.cli import child_process
from argon.cli.demo import library, trouble
from argon.cli.failures import CommandFailed
from tests.cli.conftest import Run
from tests.cli.fakes import FakeClient
from tests.cli.processes import marked

ACTS = [(library, "measure_library"), (trouble, "overload"), (trouble, "kill_a_node")]


class FakeProcess:
    """A child that is ready, and remembers whether it was killed."""

    def __init__(self, arguments: Sequence[str]) -> None:
        self.arguments = list(arguments)
        self.ready_line = "argon cluster ready at localhost:4321"
        self.running = True
        self.killed = False

    def kill(self) -> None:
        self.killed = True


@pytest.fixture
def children(monkeypatch: pytest.MonkeyPatch) -> list[FakeProcess]:
    started: list[FakeProcess] = []

    @contextmanager
    def running(arguments: Sequence[str]) -> Iterator[FakeProcess]:
        process = FakeProcess(arguments)
        started.append(process)
        try:
            yield process
        finally:
            process.running = False

    monkeypatch.setattr(child_process, "running", running)
    return started


@pytest.fixture
def acts(monkeypatch: pytest.MonkeyPatch, children: list[FakeProcess]) -> list[str]:
    played: list[str] = []
    for module, name in ACTS:

        def act(client: FakeClient, *others: object, name: str = name) -> None:
            assert client.address == "localhost:4321"
            assert [process.running for process in children] == [True, True, True]
            played.append(name)

        monkeypatch.setattr(module, name, act)
    return played


def test_demo_starts_a_cluster_and_two_nodes(
    argon: Run, fake_client: type[FakeClient], children: list[FakeProcess], acts: list[str]
) -> None:
    assert argon("demo").status == 0
    assert [process.arguments for process in children] == [
        ["cluster", "--port", "0", "--queue-limit", "16"],
        ["node", "--manager", "localhost:4321", "--workers", "2", "--name", "node-a"],
        ["node", "--manager", "localhost:4321", "--workers", "2", "--name", "node-b"],
    ]


def test_demo_plays_its_acts_in_order_and_stops_everything(
    argon: Run, fake_client: type[FakeClient], children: list[FakeProcess], acts: list[str]
) -> None:
    assert argon("demo").status == 0
    assert acts == [name for _, name in ACTS]
    assert not any(process.running for process in children)


@pytest.mark.parametrize(
    ("error", "status"), [(CommandFailed("not as claimed"), 1), (KeyboardInterrupt(), 130)], ids=["failure", "ctrl-c"]
)
def test_demo_that_is_broken_off_stops_everything(
    argon: Run,
    fake_client: type[FakeClient],
    children: list[FakeProcess],
    acts: list[str],
    monkeypatch: pytest.MonkeyPatch,
    error: BaseException,
    status: int,
) -> None:
    def broken(*others: object) -> None:
        raise error

    monkeypatch.setattr(trouble, "overload", broken)
    assert argon("demo").status == status
    assert acts == ["measure_library"]
    assert not any(process.running for process in children)


def test_node_that_is_killed_is_node_b(
    argon: Run,
    fake_client: type[FakeClient],
    children: list[FakeProcess],
    acts: list[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(trouble, "kill_a_node", lambda client, kill: kill())
    assert argon("demo").status == 0
    assert [process.killed for process in children] == [False, False, True]


# --- with real processes ----------------------------------------------------------------------------------------------


# The files of its first act are a part of the library only, for the sake of time.
LESS = "from argon.cli.demo import library; library.python_files = lambda root: sorted(root.glob('[a-f]*.py'))"


def test_live_demo_keeps_its_promises() -> None:
    with marked("demo", preparation=LESS) as process:
        out, err = process.communicate(timeout=60)
        assert (process.returncode, err) == (0, "")
        assert process.family() == []
    assert "\n Total\n" in out
    assert "The most complex functions" in out
    assert "rejected, " in out
    assert "10 of 10 completed, still without a retry" in out
    assert "lost with node-b" in out
    assert "nodes in the cluster now: node-a" in out


def test_live_demo_that_is_interrupted_leaves_nothing_behind() -> None:
    with marked("demo") as process:
        process.wait_for_family_of(10)  # itself, the cluster, two nodes with a reaper and two workers each
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=20)
        assert (process.returncode, err) == (130, "")
        assert process.family() == []
