"""`argon run`: one task, and its result.

In: the name of a function and its arguments. Out: the result on stdout, as JSON where it has a JSON form and as repr
where it has none. The function is imported on a node, never here.
"""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from argon.cli.arguments import (
    CLUSTER_DEFAULT,
    ClusterOption,
    DebugOption,
    FunctionArgument,
    GivenOptions,
    PriorityOption,
    RetriesOption,
    TimeoutOption,
    parse_keywords,
    parse_value,
)
from argon.cli.failures import CommandFailed, task_sentence
from argon.cli.output import as_text
from argon.cli.patience import awaited, nobody_works_noted

EXAMPLE = """\b
Examples:
  argon run math:hypot 3 4
  argon run builtins:sorted '["b", "a"]' --kw reverse=true
  argon run math:fabs -- -7
"""

ArgumentsArgument = Annotated[
    list[str] | None,
    typer.Argument(metavar="ARG", help="Its arguments: JSON where they are JSON, else strings. Write -- before a -1."),
]
KeywordOption = Annotated[
    list[str] | None,
    typer.Option("--kw", metavar="NAME=VALUE", help="A keyword argument. May be given several times."),
]
TaskIdOption = Annotated[
    bool, typer.Option("--task-id", help="Print the task's id on stderr at the end, for argon explain.")
]


def command(
    function: FunctionArgument,
    arguments: ArgumentsArgument = None,
    kw: KeywordOption = None,
    cluster: ClusterOption = CLUSTER_DEFAULT,
    timeout: TimeoutOption = None,
    priority: PriorityOption = None,
    retries: RetriesOption = None,
    show_task_id: TaskIdOption = False,
    debug: DebugOption = False,
) -> None:
    """Run a function on the cluster and print its result."""
    positional = [parse_value(text) for text in arguments or []]
    keywords = parse_keywords(kw or [])
    from argon.client.client import Client

    with Client(cluster) as client:
        face = GivenOptions(timeout, priority, retries).applied_to(client)
        try:
            with nobody_works_noted(client):
                future = face.submit(function, *positional, **keywords)
                try:
                    result = awaited(future)
                finally:
                    if show_task_id:
                        print(f"argon: task {future.task_id}", file=sys.stderr, flush=True)
        except Exception as error:  # whatever the task raised comes out of `run` as itself
            raise CommandFailed(task_sentence(function, error)) from error
    print(as_text(result, sys.stdout.encoding), flush=True)
