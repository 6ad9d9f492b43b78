"""`argon run`: one task, and its result.

In: the name of a function and its arguments. Out: the result on stdout, as JSON where it has a JSON form and as repr
where it has none. The function is imported on a node, never here.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

import click

from argon.cli.arguments import (
    GivenOptions,
    cluster_option,
    connect_timeout_option,
    debug_option,
    function_argument,
    parse_keywords,
    parse_value,
    priority_option,
    retries_option,
    timeout_option,
)
from argon.cli.failures import CommandFailed, task_sentence
from argon.cli.output import as_text
from argon.cli.patience import awaited, nobody_works_noted
from argon.settings import Priority

EXAMPLE = """\b
Examples:
  argon run math:hypot 3 4
  argon run builtins:sorted '["b", "a"]' --kw reverse=true
  argon run math:fabs -- -7
"""


@click.command(epilog=EXAMPLE)
@function_argument
@click.argument(
    "arguments",
    metavar="[ARG]...",
    nargs=-1,
    help="Arguments of the function. Each is read as JSON; what is not JSON is a string. Write -- before a -1.",
)
@click.option(
    "--kw",
    metavar="NAME=VALUE",
    multiple=True,
    help="A keyword argument; its value is read like ARG. May be given several times.",
)
@cluster_option
@connect_timeout_option
@timeout_option
@priority_option
@retries_option
@click.option(
    "--task-id", "show_task_id", is_flag=True, help="Print the task's id on stderr at the end, for `argon explain`."
)
@debug_option
def command(
    function: str,
    arguments: Sequence[str],
    kw: Sequence[str],
    cluster: str,
    connect_timeout: float | None,
    timeout: float | None,
    priority: Priority | None,
    retries: int | None,
    show_task_id: bool,
) -> None:
    """Run a function on the cluster and print its result."""
    positional = [parse_value(text) for text in arguments]
    keywords = parse_keywords(kw)
    from argon.client.client import Client

    with Client(cluster, connect_timeout=connect_timeout) as client:
        view = GivenOptions(timeout, priority, retries).applied_to(client)
        try:
            with nobody_works_noted(client):
                future = view.submit(function, *positional, **keywords)
                try:
                    result = awaited(future)
                finally:
                    if show_task_id:
                        print(f"argon: task {future.task_id}", file=sys.stderr, flush=True)
        except Exception as error:  # whatever the task raised comes out of `run` as itself
            raise CommandFailed(task_sentence(function, error)) from error
    print(as_text(result, sys.stdout.encoding), flush=True)
