"""`argon completion`: the script by which a shell completes argon's commands, options and their values.

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
    """Print the script by which a shell completes argon's commands.

    The shell reads the script when it starts. The tab key then completes commands, options, and values that are one of
    a few words.
    """
    from click.shell_completion import get_completion_class

    from argon.cli.main import COMPLETION_VARIABLE

    script = get_completion_class(shell)
    assert script is not None
    root = context.find_root()
    print(script(root.command, {}, "argon", COMPLETION_VARIABLE).source(), flush=True)
