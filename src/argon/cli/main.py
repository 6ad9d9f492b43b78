"""The `argon` command: its list of commands, and what happens when one of them fails.

In: the arguments of the process. Out: an exit status (see `failures`), results on stdout, and at most one sentence on
stderr. No error that a user can cause may end in a traceback unless `--debug` asks for it.

The module of a command is imported when it is called, so that `argon --help` needs nothing but click.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from importlib import import_module
from typing import Any

import click

from argon.cli.failures import INTERRUPTED, RUN_TIME, USAGE, Verbosity, sentence
from argon.errors import ArgonError
from argon.process.first_process import leave_first_process

COMPLETION_VARIABLE = "_ARGON_COMPLETE"
"""Set by the scripts of `argon completion` when a shell asks what may come next."""


class LazyCommand(click.Command):
    """Stands for a command whose module is not imported yet: `command` of `argon.cli.<module>`."""

    def __init__(self, name: str, module: str, summary: str) -> None:
        super().__init__(name, short_help=summary)
        self._module = f"argon.cli.{module}"

    def load(self) -> click.Command:
        """The command itself."""
        command: click.Command = import_module(self._module).command
        return command

    def make_context(
        self, info_name: str | None, args: list[str], parent: click.Context | None = None, **extra: Any
    ) -> click.Context:
        return self.load().make_context(info_name, args, parent, **extra)


def show_version(context: click.Context, option: click.Parameter, value: bool) -> None:
    if value and not context.resilient_parsing:
        from argon.build import this_build

        click.echo(str(this_build()))
        context.exit()


class Commands(click.Group):
    """The commands in the order of their list, not of the alphabet."""

    def list_commands(self, context: click.Context) -> list[str]:
        return list(self.commands)


@click.group(
    cls=Commands,
    invoke_without_command=True,
    subcommand_metavar="COMMAND [ARGS]...",
    context_settings={"help_option_names": ["--help", "-h"], "show_default": True},
    epilog="""\b
Environment:
  ARGON_CLUSTER     address of the cluster, for commands that take --cluster
  ARGON_TOKEN       the token that clients, nodes and cluster share
  ARGON_TOKEN_FILE  the file that has the token, if ARGON_TOKEN is not set

Each command has its own --help, with an example.""",
)
@click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=show_version,
    help="Print the version and the build.",
)
@click.pass_context
def app(context: click.Context) -> None:
    """Run Python functions on a cluster of machines, with predictable latency and a bounded queue."""
    if context.invoked_subcommand is None:
        click.echo(context.get_help(), err=True)
        context.exit(USAGE)


# The sentences are those that the commands' own help begins with.
for _command in (
    LazyCommand("cluster", "cluster", "Start a cluster, to which clients and nodes connect."),
    LazyCommand("node", "node", "Start a node, which runs tasks."),
    LazyCommand("run", "run", "Run a function on the cluster and print its result."),
    LazyCommand("map", "map", "Run a function for each line of stdin."),
    LazyCommand("status", "status", "Print the queue, the nodes and the counters."),
    LazyCommand("explain", "explain", "Explain what happened to a recent task, and why."),
    LazyCommand("bench", "bench.command", "Measure throughput and latency, or behaviour under overload."),
    LazyCommand("simulate", "simulate.command", "Predict how a fleet handles a load, in virtual time."),
    LazyCommand("demo", "demo.command", "Run a demonstration on this machine."),
    LazyCommand("completion", "completion", "Print the script by which a shell completes argon's commands."),
):
    app.add_command(_command)


def main() -> None:
    """The entry point of the `argon` script and of `python -m argon`."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:  # whoever started us closed it
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115 - for the whole process
    if asked := os.environ.get(COMPLETION_VARIABLE):
        from click.shell_completion import shell_complete

        sys.exit(shell_complete(app, {}, "argon", COMPLETION_VARIABLE, asked))
    sys.exit(execute(sys.argv[1:]))


def execute(arguments: Sequence[str]) -> int:
    """Runs one command line and returns its exit status."""
    verbosity = Verbosity()
    try:
        leave_first_process()
        status = invoke(arguments, verbosity)
        sys.stdout.flush()
    except click.UsageError as error:
        complain(usage_sentence(error, arguments))
        return USAGE
    except BrokenPipeError:
        # Whoever read our output has seen enough. What is still buffered has nowhere to go, at exit least of all.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return RUN_TIME
    except KeyboardInterrupt:
        return INTERRUPTED
    except (ArgonError, ValueError, OSError) as error:
        if verbosity.debug:
            import traceback

            traceback.print_exception(error)
        complain(sentence(error))
        return RUN_TIME
    return status


def invoke(arguments: Sequence[str], verbosity: Verbosity) -> int:
    """Has click parse a command line and call the command; its own `main` would print errors, and say `Aborted!`."""
    try:
        with app.make_context("argon", list(arguments), obj=verbosity) as context:
            app.invoke(context)
    except click.exceptions.Exit as ended:
        return ended.exit_code
    return 0


def complain(text: str) -> None:
    with suppress(OSError):  # nobody reads it: the exit status says it too
        print(f"argon: {text}", file=sys.stderr, flush=True)


def usage_sentence(error: click.UsageError, arguments: Sequence[str]) -> str:
    """What was wrong with the command line, and where to read how it goes."""
    text = " ".join(error.format_message().split()).removesuffix(".")
    if str(getattr(error, "option_name", ""))[1:2].isdigit():
        text += "; write -- before arguments that begin with a dash"
    if error.ctx is not None:
        command = error.ctx.command_path
    else:  # click's parser of options does not say whose they are
        command = " ".join(["argon", *(name for name in arguments[:1] if name in app.commands)])
    return f"{text} (try '{command} --help')"
