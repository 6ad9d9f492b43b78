"""A task that misbehaves gets one clear answer, and nobody else notices: one network serves all these tests."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import CancelledError
from pathlib import Path

import pytest

import argon
from argon.errors import (
    ArgumentNotSerializable,
    MayHaveRun,
    Rejected,
    RejectReason,
    RemoteError,
    ResultNotSerializable,
    TaskExpired,
    UnknownFunction,
    WorkerDied,
)
from tests.end_to_end import tasks
from tests.support.entry_checker import EntryChecker
from tests.support.network import ProcessNetwork, RunningCommand, quiet
from tests.support.waiting import WITHIN_S, SharedGate, wait_until

WORKERS = 2
OTHERS = 20


class Shared:
    """The network of this module."""

    def __init__(self, network: ProcessNetwork) -> None:
        cluster = network.cluster()
        self.node: RunningCommand = network.node(cluster, "one", "--workers", str(WORKERS))
        self.client = network.client(cluster)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shared]:
    with ProcessNetwork(tmp_path_factory.mktemp("misbehaviour")) as network:
        yield Shared(network)


@pytest.fixture
def client(shared: Shared, checker: EntryChecker) -> Iterator[argon.Client]:
    """A client in the midst of other people's tasks, all of which end well; afterwards every worker is back."""
    client = shared.client
    others = checker.submit_many(client.submit, OTHERS, tasks.work, 0.001)
    yield client
    others += checker.submit_many(client.submit, OTHERS, tasks.mark)
    checker.close()
    assert all(isinstance(future.result(), str) for future in others)
    wait_until(lambda: quiet(client.status(), WORKERS))


def test_unknown_function_is_named_with_close_matches(client: argon.Client) -> None:
    with pytest.raises(UnknownFunction, match=r"no function 'tests.end_to_end.tasks:segfalt'.*did you mean.*:segfault"):
        client.run("tests.end_to_end.tasks:segfalt")


def test_unknown_module_is_named_with_close_matches(client: argon.Client) -> None:
    with pytest.raises(UnknownFunction, match=r"no module 'jsn'; did you mean.*json") as raised:
        client.run("jsn:loads")
    assert raised.value.may_have_run == MayHaveRun.NO


def test_module_that_fails_to_import_comes_with_the_nodes_traceback(client: argon.Client) -> None:
    with pytest.raises(UnknownFunction, match="RuntimeError: the settings are missing") as raised:
        client.run("tests.end_to_end.without_settings:anything")
    assert "without_settings.py" in str(raised.value)
    assert raised.value.node == "one"


def test_exception_is_raised_as_itself(client: argon.Client, checker: EntryChecker) -> None:
    with pytest.raises(LookupError, match="no such customer") as raised:
        checker.submit(client.submit, tasks.refuse).result(WITHIN_S)
    assert "in refuse" in str(raised.value.__cause__)


def test_sys_exit_is_an_error_of_the_task_and_the_worker_stays(
    client: argon.Client, shared: Shared, checker: EntryChecker
) -> None:
    workers = shared.node.workers()
    with pytest.raises(RemoteError) as raised:
        checker.submit(client.submit, tasks.leave_politely).result(WITHIN_S)
    assert raised.value.type_name == "SystemExit"
    assert shared.node.workers() == workers


@pytest.mark.parametrize(
    ("function", "signal", "exit_code"),
    [
        (tasks.leave_at_once, 0, 3),
        (tasks.leave_children, 0, 4),
        (tasks.abort, 6, 0),
        (tasks.segfault, 11, 0),
    ],
)
def test_end_of_the_process_is_told_with_its_cause(
    client: argon.Client, checker: EntryChecker, function: object, signal: int, exit_code: int
) -> None:
    with pytest.raises(WorkerDied) as raised:
        checker.submit(client.submit, function).result(WITHIN_S)  # type: ignore[arg-type]
    died = raised.value
    assert (died.signal, died.exit_code, died.oom) == (signal, exit_code, False)
    assert (died.node, died.may_have_run) == ("one", MayHaveRun.YES)
    assert str(signal or exit_code) in str(died)


def test_task_that_writes_to_every_descriptor_ends_its_worker(client: argon.Client, checker: EntryChecker) -> None:
    with pytest.raises(WorkerDied, match=r"node one.*channel"):
        checker.submit(client.submit, tasks.write_to_every_descriptor).result(WITHIN_S)


def test_task_that_closes_every_descriptor_has_one_answer(client: argon.Client, checker: EntryChecker) -> None:
    future = checker.submit(client.submit, tasks.close_every_descriptor)
    error = future.exception(WITHIN_S)  # its value, if that was still found where the worker had left it
    assert error is None or isinstance(error, WorkerDied)


@pytest.mark.parametrize("function", [tasks.print_a_lot, tasks.fork])
def test_task_that_only_looks_bad_has_a_value(client: argon.Client, checker: EntryChecker, function: object) -> None:
    future = checker.submit(client.submit, function)  # type: ignore[arg-type]
    assert isinstance(future.result(WITHIN_S), str)


def test_result_that_cannot_travel_is_named(client: argon.Client, checker: EntryChecker) -> None:
    with pytest.raises(ResultNotSerializable, match=r"result\['rows'\] \(a generator\)"):
        checker.submit(client.submit, tasks.return_generator).result(WITHIN_S)


def test_result_over_the_limit_is_refused_with_its_size(client: argon.Client, checker: EntryChecker) -> None:
    with pytest.raises(ResultNotSerializable, match="over the max_payload of"):
        checker.submit(client.submit, tasks.return_too_much).result(WITHIN_S)


def test_exception_that_pickle_alone_cannot_load_arrives_as_it_was_raised(
    client: argon.Client, checker: EntryChecker
) -> None:
    with pytest.raises(tasks.Unloadable) as raised:
        checker.submit(client.submit, tasks.raise_unloadable).result(WITHIN_S)
    assert raised.value.args == ("1 and 2",)


def test_exception_that_cannot_travel_is_told_in_words(client: argon.Client, checker: EntryChecker) -> None:
    with pytest.raises(RemoteError, match="it holds a generator") as raised:
        checker.submit(client.submit, tasks.raise_unpicklable).result(WITHIN_S)
    assert "Traceback" in raised.value.traceback_text
    assert raised.value.may_have_run == MayHaveRun.YES


def test_argument_that_cannot_travel_is_named_and_nothing_is_sent(client: argon.Client, tmp_path: Path) -> None:
    wait_until(lambda: quiet(client.status(), WORKERS))
    accepted = client.status()["counters"]["accepted"]
    with pytest.raises(ArgumentNotSerializable, match=r"args\[1\]\['lock'\]") as raised:
        client.submit(tasks.take, str(tmp_path / "never"), {"lock": threading.Lock()})
    assert raised.value.path == "args[1]['lock']"
    assert client.status()["counters"]["accepted"] == accepted


def test_payload_over_the_limit_is_rejected_at_once(client: argon.Client, checker: EntryChecker) -> None:
    with pytest.raises(Rejected, match=str(64 << 20)) as raised:
        checker.submit(client.submit, tasks.take, bytes(65 << 20)).result(WITHIN_S)
    assert (raised.value.reason, raised.value.may_have_run) == (RejectReason.TOO_LARGE, MayHaveRun.NO)


def test_cancelled_task_that_runs_is_killed_with_its_child(
    client: argon.Client, shared: Shared, checker: EntryChecker, gate: SharedGate
) -> None:
    future = checker.submit(client.submit, tasks.hold_with_child, gate.path)
    checker.wait_entered(future)
    assert any("sleep" in command for command in shared.node.family().values())
    assert future.cancel()
    with pytest.raises(CancelledError):
        future.result(WITHIN_S)
    wait_until(lambda: not any("sleep" in command for command in shared.node.family().values()))


def test_task_that_overruns_its_timeout_is_killed(
    client: argon.Client, checker: EntryChecker, gate: SharedGate
) -> None:
    future = checker.submit(client.with_options(timeout=0.5).submit, tasks.hold, gate.path)
    with pytest.raises(TaskExpired, match="killed on node one") as raised:
        future.result(WITHIN_S)
    assert isinstance(raised.value, TimeoutError)
    assert raised.value.may_have_run == MayHaveRun.YES


def test_task_whose_exception_never_finds_its_words_is_killed_at_its_timeout(
    client: argon.Client, checker: EntryChecker
) -> None:
    future = checker.submit(client.with_options(timeout=0.5).submit, tasks.raise_speechless)
    with pytest.raises(TaskExpired) as raised:
        future.result(WITHIN_S)
    assert raised.value.may_have_run == MayHaveRun.YES
