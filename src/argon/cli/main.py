"""The `argon` command: its list of commands, and what happens when one of them fails.

In: the arguments of the process. Out: an exit status (see `failures`), results on stdout, and at most one sentence on
stderr. No error that a user can cause may end in a traceback unless `--debug` asks for it.

Commands import what they need when they run, so that `argon --help` needs nothing but typer.
"""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Sequence
from typing import Annotated, Any

import typer

from argon import __version__
from argon.cli import cluster, explain, map, node, run, status
from argon.cli.arguments import Verbosity
from argon.cli.bench import command as bench
from argon.cli.demo import command as demo
from argon.cli.failures import INTERRUPTED, RUN_TIME, USAGE, sentence
from argon.cli.simulate import command as simulate
from argon.errors import ArgonError

# Typer keeps the base of its usage errors in another place in each version; this one is public in all of them.
UsageError: type[Any] = typer.BadParameter.__bases__[0]

app = typer.Typer(
    name="argon",
    add_completion=False,
    rich_markup_mode=None,  # plain help is quick, and the same in a pipe
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["--help", "-h"]},
)
for name, module in {
    "cluster": cluster,
    "node": node,
    "run": run,
    "map": map,
    "status": status,
    "explain": explain,
    "bench": bench,
    "simulate": simulate,
    "demo": demo,
}.items():
    app.command(name, epilog=module.EXAMPLE)(module.command)


def show_version(value: bool) -> None:
    if value:
        typer.echo(f"argon {__version__} ({core_build()})")
        raise typer.Exit


def core_build() -> str:
    """Whether the hot part of this installation is compiled."""
    from argon.scheduling.cluster import cluster_state

    return "pure Python" if cluster_state.__file__.endswith((".py", ".pyc")) else "core compiled"


@app.callback(invoke_without_command=True, epilog="Each command has its own --help, with an example.")
def overview(
    context: typer.Context,
    version: Annotated[
        bool, typer.Option("--version", callback=show_version, is_eager=True, help="Print the version and the build.")
    ] = False,
) -> None:
    """Run Python functions on a cluster of machines, with predictable latency and a bounded queue."""
    if context.invoked_subcommand is None:
        typer.echo(context.get_help(), err=True)
        raise typer.Exit(USAGE)


def main() -> None:
    """The entry point of the `argon` script and of `python -m argon`."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:  # whoever started us closed it
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115 - for the whole process
    sys.exit(execute(sys.argv[1:]))


def execute(arguments: Sequence[str]) -> int:
    """Runs one command line and returns its exit status."""
    verbosity = Verbosity()
    try:
        status = app(args=list(arguments), prog_name="argon", standalone_mode=False, obj=verbosity)
        sys.stdout.flush()
    except UsageError as error:
        complain(usage_sentence(error))
        return USAGE
    except BrokenPipeError:
        # Whoever read our output has seen enough. What is still buffered has nowhere to go, at exit least of all.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return RUN_TIME
    except (KeyboardInterrupt, typer.Abort):
        return INTERRUPTED
    except (ArgonError, ValueError, OSError) as error:
        if verbosity.debug:
            traceback.print_exception(error)
        complain(sentence(error))
        return RUN_TIME
    return status if isinstance(status, int) else 0


def complain(text: str) -> None:
    print(f"argon: {text}", file=sys.stderr, flush=True)


def usage_sentence(error: Any) -> str:
    """What was wrong with the command line, and where to read how it goes."""
    text = " ".join(str(error.format_message()).split()).removesuffix(".")
    if str(getattr(error, "option_name", ""))[1:2].isdigit():
        text += "; write -- before arguments that begin with a dash"
    command = error.ctx.command_path if error.ctx is not None else "argon"
    return f"{text} (try '{command} --help')"
