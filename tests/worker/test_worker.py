"""A real worker process on a socket pair, without a node: whatever a task does, it is answered, and so is the next."""

from __future__ import annotations

import os
import signal
import socket
import threading
from array import array
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from argon.errors import MayHaveRun, RemoteError, ResultNotSerializable, TaskError, UnknownFunction
from argon.protocol.codec import encode_to_worker
from argon.protocol.framing import Framing
from argon.protocol.messages import Assign, Entered, Heartbeat, Outcome, payload_bytes
from tests.support import tasks
from tests.support.processes import (
    ROOT,
    WITHIN_S,
    LoneWorker,
    failure_of,
    fifo,
    lone_worker,
    task,
    value_of,
)
from tests.support.waiting import wait_until


@pytest.fixture(scope="module")
def shared() -> Iterator[LoneWorker]:
    """One worker for all tasks that must leave it unharmed."""
    with lone_worker() as worker:
        assert worker.hear() == Heartbeat()
        yield worker
        assert worker.end() == (0, "")


@pytest.fixture
def own() -> Iterator[LoneWorker]:
    with lone_worker() as worker:
        assert worker.hear() == Heartbeat()
        yield worker


def test_value_returned_comes_back_with_the_time_it_took(shared: LoneWorker) -> None:
    outcome = shared.run(tasks.identity, "value")
    assert value_of(outcome) == "value"
    assert (outcome.id, outcome.entered) == (1, Entered.YES)
    assert 0 < outcome.run_s < 5


def test_tasks_sent_together_are_answered_in_order(shared: LoneWorker) -> None:
    for number in range(100):
        shared.say(task(number, tasks.identity, number))
    assert [value_of(shared.hear()) for _ in range(100)] == list(range(100))


def test_tasks_of_one_packet_wake_the_worker_once(shared: LoneWorker) -> None:
    shared.run(tasks.times_asleep)
    many = [task(number, tasks.identity, number) for number in range(1, 99)]
    shared.say(task(0, tasks.times_asleep), *many, task(99, tasks.times_asleep))
    values = [value_of(shared.hear()) for _ in range(100)]
    assert values[1:99] == list(range(1, 99))
    assert values[0] == values[99]


def test_large_tasks_among_small_ones_are_answered_in_order(shared: LoneWorker) -> None:
    sizes = [10, 131_041, 10, 10, 1_000_000, 200_000, 10]
    for id_, size in enumerate(sizes):
        shared.put(task(id_, tasks.identity, bytes(size)))
    shared.say()
    assert [len(value_of(shared.hear())) for _ in sizes] == sizes


def test_task_class_is_constructed_and_run(shared: LoneWorker) -> None:
    assert value_of(shared.run(tasks.Sum, 1, 2, 3)) == 6


def test_async_run_of_a_task_class_is_awaited(shared: LoneWorker) -> None:
    assert value_of(shared.run(tasks.SlowSum, 1, 2)) == 3


def test_coroutines_run_in_one_loop_that_stays(shared: LoneWorker) -> None:
    assert value_of(shared.run(tasks.same_loop)) == value_of(shared.run(tasks.same_loop))


def test_exit_inside_a_coroutine_leaves_the_loop_usable(shared: LoneWorker) -> None:
    assert isinstance(failure_of(shared.run(tasks.exit_in_loop)), RemoteError)
    assert isinstance(value_of(shared.run(tasks.same_loop)), int)


def test_function_carried_along_runs(shared: LoneWorker) -> None:
    offset = 10
    assert value_of(shared.run(lambda x: x + offset, 1)) == 11


def test_process_shows_tasks_nothing_of_how_it_was_started(shared: LoneWorker) -> None:
    state = value_of(shared.run(tasks.state_of_process))
    assert len(state["argv"]) == 1
    assert state["path"][0] == str(ROOT)
    assert state["stdin"] == ""
    assert state["leader"]
    assert state["sigint"]


@pytest.mark.parametrize("size", [100_000, 131_040, 131_041, 5_000_000])
def test_large_bytes_travel_both_ways(shared: LoneWorker, size: int) -> None:
    value = os.urandom(size)
    assert value_of(shared.run(tasks.identity, value)) == value


def test_array_arrives_writable_and_comes_back_writable(shared: LoneWorker) -> None:
    array = value_of(shared.run(tasks.fill_in_place, np.zeros(300_000)))
    assert array.flags.writeable
    assert array.flags.aligned
    array += 1
    assert (array == 8.0).all()


def test_exception_comes_back_as_itself_with_the_remote_traceback(shared: LoneWorker) -> None:
    outcome = shared.run(tasks.raise_value_error, "no good")
    error = failure_of(outcome)
    assert outcome.entered == Entered.YES
    assert type(error) is ValueError
    assert error.args == ("no good",)
    assert "in raise_value_error" in str(error.__cause__)
    assert "worker.py" not in str(error.__cause__)


@pytest.mark.parametrize(
    ("function", "type_name"),
    [
        (tasks.raise_keyboard_interrupt, "KeyboardInterrupt"),
        (tasks.exit_in_loop, "SystemExit"),
        (tasks.cancel_itself, "asyncio.exceptions.CancelledError"),
        (tasks.raise_unpicklable, "tests.support.exceptions.Unpicklable"),
    ],
)
def test_exception_that_cannot_travel_is_reported(
    shared: LoneWorker, function: Callable[..., Any], type_name: str
) -> None:
    error = failure_of(shared.run(function))
    assert isinstance(error, RemoteError)
    assert error.type_name == type_name
    assert (error.node, error.may_have_run) == ("node-1", MayHaveRun.YES)


@pytest.mark.parametrize("function", [tasks.raise_hostile, tasks.raise_huge])
def test_exception_with_a_hostile_text_hurts_nobody(shared: LoneWorker, function: Callable[..., Any]) -> None:
    outcome = shared.run(function)
    assert len(outcome.payload) < 300_000
    assert isinstance(failure_of(outcome), Exception)


@pytest.mark.parametrize(("function", "error"), [(tasks.recurse, RecursionError), (tasks.exhaust_memory, MemoryError)])
def test_exhausted_stack_or_memory_is_a_failure_like_others(
    shared: LoneWorker, function: Callable[..., Any], error: type[Exception]
) -> None:
    assert isinstance(failure_of(shared.run(function)), error)


def test_unknown_function_was_not_entered(shared: LoneWorker) -> None:
    outcome = shared.run("tests.support.tasks:identitty")
    error = failure_of(outcome)
    assert outcome.entered == Entered.NO
    assert isinstance(error, UnknownFunction)
    assert "tests.support.tasks:identity" in str(error)
    assert (error.node, error.queued_s, error.may_have_run) == ("node-1", 0.5, MayHaveRun.NO)


def test_module_that_fails_to_import_is_reported_with_its_traceback(shared: LoneWorker) -> None:
    error = failure_of(shared.run("tests.support.broken_module:anything"))
    assert isinstance(error, UnknownFunction)
    assert "the settings are missing" in str(error)
    assert "importlib" not in str(error)


def test_argument_that_fails_to_load_was_not_entered(shared: LoneWorker) -> None:
    outcome = shared.run(tasks.identity, tasks.EvilArgument(4))
    error = failure_of(outcome)
    assert outcome.entered == Entered.NO
    assert isinstance(error, RemoteError)
    assert (error.type_name, error.may_have_run) == ("SystemExit", MayHaveRun.NO)


@pytest.mark.parametrize(
    ("function", "part"),
    [(tasks.return_generator, "result['rows'][1] (a generator)"), (threading.Lock, "result (a _thread.lock)")],
)
def test_result_that_cannot_travel_is_named(shared: LoneWorker, function: Callable[..., Any], part: str) -> None:
    outcome = shared.run(function)
    error = failure_of(outcome)
    assert outcome.entered == Entered.YES
    assert isinstance(error, ResultNotSerializable)
    assert part in str(error)


def test_result_that_ends_whoever_pickles_it_is_a_failure(shared: LoneWorker) -> None:
    assert isinstance(failure_of(shared.run(tasks.return_evil)), TaskError)


@pytest.mark.parametrize(("own", "given", "least"), [(100_000, 50_000, 50_000), (50_000, 100_000, 50_000)])
def test_result_is_refused_over_the_lesser_of_the_workers_limit_and_the_tasks(own: int, given: int, least: int) -> None:
    with lone_worker(max_payload_bytes=own) as worker:
        worker.hear()
        for size, fits in ((least - 100, True), (least, False), (least - 100, True)):
            worker.say(task(1, bytes, size), max_result_bytes=given)
            outcome = worker.hear()
            if fits:
                assert len(value_of(outcome)) == size
            else:
                error = failure_of(outcome)
                assert isinstance(error, ResultNotSerializable)
                assert f"max_payload of {least}" in str(error)


def test_exception_over_the_tasks_limit_comes_back_as_text() -> None:
    with lone_worker() as worker:
        worker.hear()
        worker.say(task(1, tasks.raise_value_error, "x" * 100_000), max_result_bytes=20_000)
        outcome = worker.hear()
        assert payload_bytes(outcome.payload) <= 20_000
        error = failure_of(outcome)
        assert isinstance(error, RemoteError)
        assert error.type_name == "ValueError"


def test_result_over_the_limit_is_refused_with_the_limits_name() -> None:
    with lone_worker(max_payload_bytes=100_000) as worker:
        worker.hear()
        error = failure_of(worker.run(bytes, 200_000))
        assert isinstance(error, ResultNotSerializable)
        assert "max_payload of 100000" in str(error)
        assert value_of(worker.run(tasks.identity, 1)) == 1


def test_forked_child_that_returns_answers_nothing(shared: LoneWorker) -> None:
    assert value_of(shared.run(tasks.fork_and_return)) == "parent"
    assert value_of(shared.run(tasks.identity, 2)) == 2


def test_finished_outcomes_are_in_the_outbox_while_the_next_task_runs(own: LoneWorker, tmp_path: Path) -> None:
    started, go = fifo(tmp_path, "started"), fifo(tmp_path, "go")
    own.say(task(1, tasks.identity, "finished"), task(2, tasks.hold, started, go))
    Path(started).read_text()
    saved = Framing(1 << 20).feed(own.page.salvage())
    saved = saved or [own.hear()]  # a slow machine sends after a millisecond
    assert isinstance(saved[0], Outcome)
    assert value_of(saved[0]) == "finished"
    Path(go).write_text("go")
    answers = [own.hear()]
    while answers[-1].id != 2:
        answers.append(own.hear())
    assert value_of(answers[-1]) == "held"


# ---- what is taken back ----------------------------------------------------------------------------------------------


def begin(worker: LoneWorker, folder: Path, *after: Assign) -> Callable[[], object]:
    """Sends tasks in one packet, the first of which is started when this returns; returns what lets it go on."""
    started, go = fifo(folder, "started"), fifo(folder, "go")
    worker.say(task(1, tasks.hold, started, go), *after)
    Path(started).read_text()
    return lambda: Path(go).write_text("go")


def test_task_taken_back_is_passed_over_though_its_frame_is_in_the_workers_hand(
    own: LoneWorker, tmp_path: Path
) -> None:
    go_on = begin(own, tmp_path, *(task(id_, tasks.leave, 1) for id_ in (2, 3, 4)))
    assert own.inbox.take_back() == [2, 3, 4]
    own.say(task(5, tasks.identity, 5))
    go_on()
    assert value_of(own.hear()) == "held"
    assert value_of(own.hear()) == 5


def test_tasks_taken_back_and_assigned_again_in_another_order_are_run_once_each(
    own: LoneWorker, tmp_path: Path
) -> None:
    ran = str(tmp_path / "ran")
    again = {id_: task(id_, tasks.note, ran, id_, b"") for id_ in range(2, 8)}
    go_on = begin(own, tmp_path, *again.values())
    for order in [(3, 2), (7, 6, 5, 4, 3, 2), (4, 2, 6)]:
        own.inbox.take_back()
        own.say(*(again[id_] for id_ in order))
    go_on()
    assert [own.hear().id for _ in range(4)] == [1, 4, 2, 6]
    assert Path(ran).read_text().split() == ["4", "2", "6"]


def test_everything_taken_back_leaves_the_worker_waiting_with_all_it_has_to_say_said(
    own: LoneWorker, tmp_path: Path
) -> None:
    go_on = begin(own, tmp_path, task(2, tasks.leave, 1))
    assert own.inbox.take_back() == [2]
    go_on()
    assert value_of(own.hear()) == "held"
    wait_until(lambda: own.page.salvage() == b"")
    slept = value_of(own.run(tasks.times_asleep))
    assert value_of(own.run(tasks.times_asleep)) - slept <= 2, "it waits, and does not look again and again"
    assert own.end() == (0, "")


def test_end_of_the_inbox_while_more_is_in_hand_lets_the_worker_finish_first(own: LoneWorker, tmp_path: Path) -> None:
    go_on = begin(own, tmp_path, task(2, tasks.identity, 2), task(3, tasks.identity, 3))
    own.inbox.end()
    go_on()
    assert [own.hear().id for _ in range(3)] == [1, 2, 3]
    assert own.end() == (0, "")


def test_end_of_the_inbox_after_the_rest_was_taken_back_ends_the_worker(own: LoneWorker, tmp_path: Path) -> None:
    go_on = begin(own, tmp_path, task(2, tasks.leave, 1))
    own.inbox.end()
    assert own.inbox.take_back() == [2]
    go_on()
    assert value_of(own.hear()) == "held"
    assert own.end() == (0, "")


# ---- tasks that end or spoil the process -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("function", "code"),
    [
        (lambda: os._exit(3), 3),
        (os.abort, -signal.SIGABRT),
        (tasks.segfault, -signal.SIGSEGV),
        (tasks.kill_itself, -signal.SIGKILL),
    ],
)
def test_task_that_ends_the_process_ends_it_as_it_said(
    own: LoneWorker, function: Callable[..., Any], code: int
) -> None:
    own.say(task(1, function))
    assert own.process.wait(WITHIN_S) == code


def test_task_that_closes_every_descriptor_ends_the_worker_after_it(own: LoneWorker) -> None:
    own.say(task(1, tasks.close_everything), task(2, tasks.identity, 2))
    assert own.process.wait(WITHIN_S) == 1
    (outcome,) = Framing(1 << 20).feed(own.page.salvage())
    assert isinstance(outcome, Outcome)
    assert value_of(outcome) == "closed"
    assert own.inbox.take_back() == [2]


@pytest.mark.parametrize(("size", "where"), [(10, "before a task that was claimed"), (300_000, "middle of a task")])
def test_channel_that_ends_before_a_task_is_there_whole_ends_the_worker_with_the_reason(
    own: LoneWorker, size: int, where: str
) -> None:
    frame = encode_to_worker(1, 0.0, size, 0)
    if size > 10:
        own.node_end.send(frame)
    os.write(own.inbox._claims, array("Q", [1]).tobytes())
    own.node_end.shutdown(socket.SHUT_WR)
    own.worker_end.close()
    _, errors = own.process.communicate(timeout=WITHIN_S)
    assert own.process.returncode == 1
    assert where in errors.decode()


def test_inbox_that_ends_ends_the_worker_quietly_after_its_tasks(own: LoneWorker) -> None:
    own.say(task(1, tasks.identity, 1))
    assert own.end() == (0, "")
    assert value_of(own.hear()) == 1
