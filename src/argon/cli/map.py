"""`argon map`: one task for each line of stdin, and their results in the same order.

In: lines, read while there is room for them, so that an endless input is fine. Out: one line of JSON for each task that
returned, as soon as it and those before it have; one sentence on stderr for each that did not. A line that fails never
keeps the others back.
"""

from __future__ import annotations

import queue
import sys
import threading
import traceback
from collections.abc import Callable, Iterable
from concurrent.futures import CancelledError, Future
from typing import IO

import click

from argon.cli.arguments import (
    GivenOptions,
    cluster_option,
    connect_timeout_option,
    debug_option,
    function_argument,
    parse_value,
    priority_option,
    retries_option,
    timeout_option,
)
from argon.cli.failures import RUN_TIME, Verbosity, task_sentence
from argon.cli.output import as_json_line
from argon.cli.patience import lines_of, nobody_works_noted
from argon.errors import TaskError
from argon.settings import Priority

EXAMPLE = "Example: seq 1 1000 | argon map math:sqrt"

WINDOW = 1024
"""How many tasks may be submitted and not yet printed."""

Submit = Callable[[object], "Future[object]"]


@click.command(epilog=EXAMPLE)
@function_argument
@cluster_option
@connect_timeout_option
@timeout_option
@priority_option
@retries_option
@debug_option
@click.pass_obj
def command(
    verbosity: Verbosity,
    function: str,
    cluster: str,
    connect_timeout: float | None,
    timeout: float | None,
    priority: Priority | None,
    retries: int | None,
) -> None:
    """Run a function for each line of stdin.

    Each line is one argument. It is read as JSON; a line that is not JSON is a string. Each result is printed as one
    line of JSON, in the order of the input. If the task of a line fails, the number of the line and the error are
    printed on stderr, the other tasks continue, and the exit status is 1.
    """
    from argon.cli.progress import progress_on_terminal
    from argon.client.client import Client

    with Client(cluster, connect_timeout=connect_timeout) as client, progress_on_terminal(function) as advance:
        view = GivenOptions(timeout, priority, retries).applied_to(client)

        def submit(argument: object) -> Future[object]:
            return view.submit(function, argument)

        printer = ResultPrinter(function, advance, verbosity.debug)
        with nobody_works_noted(client):
            map_lines(lines_of(sys.stdin.buffer, printer.stopped.is_set), submit, printer)
    if printer.failed_count:
        raise click.exceptions.Exit(RUN_TIME)


def map_lines(lines: Iterable[bytes], submit: Submit, printer: ResultPrinter) -> None:
    """Submits a task for each line; returns when all have been printed.

    Reading stays in the main thread, where Ctrl-C interrupts it, and printing has its own, so that results come out
    while the next line is being waited for.
    """
    printer.start()
    try:
        for number, line in enumerate(lines, 1):
            if printer.broken is not None:
                break
            printer.expect(number, submitted(submit, line))
        printer.finish()
    finally:
        printer.abandon()


def submitted(submit: Submit, line: bytes) -> Future[object]:
    """The task for one line; one that cannot even be submitted is a task that failed."""
    try:
        return submit(parse_value(line.decode().rstrip("\r\n")))
    except (TaskError, UnicodeDecodeError) as error:
        future: Future[object] = Future()
        future.set_exception(error)
        return future


class ResultPrinter(threading.Thread):
    """Prints the outcome of each expected task, in order.

    Attributes:
        failed_count: how many tasks ended in anything but a value.
        broken: why nothing can be printed any more, if that is so.
        stopped: whether what is still expected is ignored.
    """

    def __init__(self, function: str, advance: Callable[[int], None], debug: bool) -> None:
        super().__init__(name="argon-map-printer", daemon=True)
        self.failed_count = 0
        self.broken: BaseException | None = None
        self.stopped = threading.Event()
        self._function = function
        self._advance = advance
        self._debug = debug
        self._expected: queue.Queue[tuple[int, Future[object]] | None] = queue.Queue(WINDOW)

    def expect(self, number: int, future: Future[object]) -> None:
        """Adds the task of a line; waits while the window is full."""
        self._expected.put((number, future))

    def finish(self) -> None:
        """Waits until everything expected has been printed; raises what went wrong with the printing."""
        self._expected.put(None)
        while self.is_alive():  # looking up now and then, so that Ctrl-C is never missed
            self.join(0.5)
        if self.broken is not None:
            raise self.broken

    def abandon(self) -> None:
        """Ends the printing: what is still expected is not waited for. Does nothing after `finish`."""
        self.stopped.set()
        try:
            self._expected.put_nowait(None)  # it may be waiting for something to expect
        except queue.Full:
            pass

    def run(self) -> None:
        try:
            while (entry := self._expected.get()) is not None and not self.stopped.is_set():
                self._print(*entry)
        except BaseException as error:  # noqa: BLE001 - an OSError if whoever read our output is gone; finish() raises it
            self.broken = error
        self.stopped.set()
        self._make_room()

    def _make_room(self) -> None:
        """Lets an `expect` that waits for room return: it would wait for ever."""
        try:
            while True:
                self._expected.get_nowait()
        except queue.Empty:
            pass

    def _print(self, number: int, future: Future[object]) -> None:
        try:
            error = future.exception()
        except CancelledError as cancelled:
            error = cancelled
        if self.stopped.is_set():  # while we waited: the outcome is the interruption's, not the task's
            return
        if error is None:
            write_line(sys.stdout, as_json_line(future.result(), sys.stdout.encoding))
        else:
            self.failed_count += 1
            if self._debug:
                traceback.print_exception(error)
            write_line(sys.stderr, f"argon: line {number}: {self._sentence(error)}")
        self._advance(1)

    def _sentence(self, error: BaseException) -> str:
        return str(error) if isinstance(error, UnicodeDecodeError) else task_sentence(self._function, error)


def write_line(stream: IO[str], text: str) -> None:
    stream.write(text + "\n")
    stream.flush()
