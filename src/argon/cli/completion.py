"""`argon completion`: what a shell needs to complete argon's commands, options and their values.

In: the name of a shell. Out: a script on stdout, for the shell to read. It asks `argon` at each press of the key, so it
stays right when Argon changes.
"""

from __future__ import annotations

import click

EXAMPLE = """\b
Examples:
  eval "$(argon completion bash)"         in ~/.bashrc
  eval "$(argon completion zsh)"          in ~/.zshrc, after compinit
  argon completion fish | source          in ~/.config/fish/config.fish
"""


@click.command(epilog=EXAMPLE)
@click.argument("shell", metavar="SHELL", type=click.Choice(["bash", "zsh", "fish"]), help="bash, zsh or fish.")
@click.pass_context
def command(context: click.Context, shell: str) -> None:
    """Print what makes a shell complete argon's commands.

    The script is read by the shell when it starts. A command, an option, and a value that is one of a few words is then
    completed by the tab key.
    """
    from click.shell_completion import get_completion_class

    from argon.cli.main import COMPLETION_VARIABLE

    script = get_completion_class(shell)
    assert script is not None
    root = context.find_root()
    print(script(root.command, {}, "argon", COMPLETION_VARIABLE).source(), flush=True)
