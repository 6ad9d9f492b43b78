"""What people type, turned into values: task arguments, options with limits, and the addresses of clusters.

In: the strings of a command line, and `ARGON_CLUSTER`. Out: checked values, or `click.BadParameter` with one sentence
that names the option, what it wants and what it got; and what a shell may complete an option to. Nothing here connects
or prints, or imports what a user names.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, NoReturn, Protocol, TypeVar

import click

from argon.cli.plain_text import long_integers
from argon.errors import AddressInvalid
from argon.settings import DEAD_AFTER_S, DEFAULT_ADDRESS, HEARTBEAT_S, MAX_TIMEOUT_S, Priority, parse_address

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

MOST = 1_000_000_000
"""The upper end of counts that have no limit of their own."""


# --- task arguments ---------------------------------------------------------------------------------------------------


def parse_value(text: str) -> object:
    """Reads an argument of a task: JSON where it is JSON, else the text itself.

    >>> parse_value("[1, 2]"), parse_value("1e3"), parse_value("hello"), parse_value('"7"')
    ([1, 2], 1000.0, 'hello', '7')
    """
    try:
        with long_integers():
            value: object = json.loads(text, parse_constant=_refuse_constant)
    except (ValueError, RecursionError):  # not JSON, or nested deeper than anything meant as JSON
        return text
    return value


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON, although Python's parser takes it")


def parse_keywords(texts: Iterable[str]) -> dict[str, object]:
    """Reads the values of `--kw`, each `NAME=VALUE`."""
    found: dict[str, object] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals or not name.isidentifier():
            raise bad_value("--kw", "must be NAME=VALUE, where NAME is a Python name", text)
        if name in found:
            raise bad_value("--kw", f"{name} is given twice", text)
        found[name] = parse_value(value)
    return found


def function_name(text: str) -> str:
    """Checks `MODULE:FUNCTION`; the node, not this process, will import it."""
    module, colon, qualname = text.partition(":")
    if not colon or not all(part.isidentifier() for name in (module, qualname) for part in name.split(".")):
        raise bad_value("MODULE:FUNCTION", "must be a module, a colon and a name in it, such as math:sqrt", text)
    return text


# --- options ----------------------------------------------------------------------------------------------------------


def bad_value(option: str, wanted: str, got: object) -> click.BadParameter:
    """The error for a value that an option cannot take."""
    return click.BadParameter(f"{wanted}, got {str(got)!r}", param_hint=option)


@contextmanager
def refused_as_usage() -> Iterator[None]:
    """Makes the ValueError of a constructor a usage error: what it refuses came from the command line."""
    try:
        yield
    except ValueError as error:
        raise click.BadParameter(str(error)) from error


def whole_number(option: str, low: int, high: int = MOST) -> Callable[[object], int]:
    """Makes a parser that accepts whole numbers from `low` to `high`."""
    wanted = (
        f"must be a whole number from {low} to {high}" if high != MOST else f"must be a whole number, {low} or more"
    )

    def parse(value: object) -> int:
        text = str(value)
        if not text.removeprefix("-").isascii() or not text.removeprefix("-").isdigit() or len(text) > 12:
            raise bad_value(option, wanted, value)
        if not low <= int(text) <= high:
            raise bad_value(option, wanted, value)
        return int(text)

    return parse


def number(option: str, low: float, high: float) -> Callable[[object], float]:
    """Makes a parser that accepts finite numbers from `low` to `high`."""
    wanted = f"must be a number from {low:g} to {high:g}"

    def parse(value: object) -> float:
        try:
            parsed = float(str(value))
        except ValueError:
            raise bad_value(option, wanted, value) from None
        if not (math.isfinite(parsed) and low <= parsed <= high):
            raise bad_value(option, wanted, value)
        return parsed

    return parse


def parse_priority(value: object) -> Priority:
    """Reads a priority: its name in any case, or its number."""
    if isinstance(value, Priority):
        return value
    text = str(value).upper()
    for priority in Priority:
        if text in (priority.name, str(priority.value)):
            return priority
    raise bad_value("--priority", f"must be one of {', '.join(PRIORITIES)}", value)


def parse_queue_target(value: object) -> float | str:
    """Reads how long tasks may wait in the queue: a number of milliseconds, or one of two words."""
    text = str(value)
    if text in ("auto", "off"):
        return text
    try:
        return number("--queue-target-ms", 0.001, 1e9)(text)
    except click.BadParameter:
        raise bad_value("--queue-target-ms", "must be milliseconds from 0.001 to 1e9, auto or off", text) from None


def address_option(option: str, *, environment: str = "") -> Callable[[object], str]:
    """Makes a parser for the `host:port` of something that already listens, so port 0 is refused."""

    def parse(value: object) -> str:
        text = str(value)
        # The parser is not told where the value came from; a wrong variable should not be blamed on an option.
        named = environment if environment and text == os.environ.get(environment) else option
        try:
            _, port = parse_address(text)
        except AddressInvalid as error:
            raise click.BadParameter(str(error), param_hint=named) from None
        if port == 0:
            raise bad_value(named, "must be the port that the cluster listens on, from 1 to 65535", text)
        return text

    return parse


def note_debug(context: click.Context, option: click.Parameter, value: bool) -> None:
    """Notes for `main.execute`, which runs the command, that the user wants to see tracebacks."""
    if value:
        context.obj.debug = True


# --- completion -------------------------------------------------------------------------------------------------------

Complete = Callable[[click.Context, click.Parameter, str], "list[CompletionItem]"]


def words(*known: str) -> Complete:
    """Makes what completes a value to one of these words, in any case."""

    def complete(context: click.Context, option: click.Parameter, begun: str) -> list[CompletionItem]:
        from click.shell_completion import CompletionItem

        return [CompletionItem(word) for word in known if word.lower().startswith(begun.lower())]

    return complete


def files(context: click.Context, option: click.Parameter, begun: str) -> list[CompletionItem]:
    """Lets the shell complete the name of a file."""
    from click.shell_completion import CompletionItem

    return [CompletionItem(begun, type="file")]


def directories(context: click.Context, option: click.Parameter, begun: str) -> list[CompletionItem]:
    """Lets the shell complete the name of a directory."""
    from click.shell_completion import CompletionItem

    return [CompletionItem(begun, type="dir")]


# --- options that several commands have -------------------------------------------------------------------------------

PRIORITIES = tuple(priority.name for priority in Priority)

cluster_option = click.option(
    "--cluster",
    metavar="HOST:PORT",
    envvar="ARGON_CLUSTER",
    show_envvar=True,
    default=DEFAULT_ADDRESS,
    type=address_option("--cluster", environment="ARGON_CLUSTER"),
    help="Address of the cluster, or of a node that listens by itself.",
)
connect_timeout_option = click.option(
    "--connect-timeout",
    metavar="SECONDS",
    type=number("--connect-timeout", 0.001, MAX_TIMEOUT_S),
    help="How long to try to connect to a cluster that is not there yet. Without it: one attempt.",
)
heartbeat_option = click.option(
    "--heartbeat",
    metavar="SECONDS",
    type=number("--heartbeat", 0.001, MAX_TIMEOUT_S),
    help=f"Time between heartbeats. Without it: {HEARTBEAT_S:g}; for a node, what its cluster wants.",
)
dead_after_option = click.option(
    "--dead-after",
    metavar="SECONDS",
    type=number("--dead-after", 0.001, MAX_TIMEOUT_S),
    help=f"Silence after which a peer counts as dead. Without it: {DEAD_AFTER_S:g}; for a node, what its cluster says.",
)
timeout_option = click.option(
    "--timeout",
    metavar="SECONDS",
    type=number("--timeout", 0.001, MAX_TIMEOUT_S),
    help="Seconds from submission to answer. A task that takes longer fails; if it is running, it is killed.",
)
priority_option = click.option(
    "--priority",
    metavar="PRIORITY",
    type=parse_priority,
    shell_complete=words(*PRIORITIES),
    help="MAX, HIGH, NORMAL (the default), LOW or MIN.",
)
retries_option = click.option(
    "--retries",
    metavar="N",
    type=whole_number("--retries", 0, 1_000_000),
    help="How many times to submit a rejected task again. Without it: until it is admitted.",
)
json_option = click.option("--json", "json_output", is_flag=True, help="Print the result as JSON.")
debug_option = click.option(
    "--debug", is_flag=True, expose_value=False, callback=note_debug, help="Show the traceback of an error."
)
server_debug_option = click.option(
    "--debug",
    is_flag=True,
    expose_value=False,
    callback=note_debug,
    help="Log everything, not only warnings; show the traceback of an error.",
)
function_argument = click.argument(
    "function", metavar="MODULE:FUNCTION", type=function_name, help="The function to run. The workers import it."
)


# --- options of tasks -------------------------------------------------------------------------------------------------

View = TypeVar("View", bound="TakesOptions")


class TakesOptions(Protocol):
    """A client, or what its `with_options` returns."""

    def with_options(
        self: View, *, priority: Priority = ..., timeout: float | None = ..., retries: int | None = ...
    ) -> View: ...


@dataclass(frozen=True)
class GivenOptions:
    """The options of `argon run` and `argon map` that go with each task; None leaves the client's default alone."""

    timeout: float | None
    priority: Priority | None
    retries: int | None

    def applied_to(self, client: View) -> View:
        """The view of the client with the options that were given."""
        priority = Priority.NORMAL if self.priority is None else self.priority
        return client.with_options(priority=priority, timeout=self.timeout, retries=self.retries)
