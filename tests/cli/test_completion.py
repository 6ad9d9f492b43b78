"""A shell completes commands, options and the values that are one of a few words."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from click.shell_completion import ShellComplete

from argon.cli.main import COMPLETION_VARIABLE, app
from argon.planning.rules import RULES
from tests.cli.conftest import Run
from tests.cli.processes import environment

PRIORITIES = ["MAX", "HIGH", "NORMAL", "LOW", "MIN"]


def offered(*words: str) -> list[tuple[str, str]]:
    """What completes the last of the words after `argon`: the kinds and the values."""
    *before, begun = words
    items = ShellComplete(app, {}, "argon", COMPLETION_VARIABLE).get_completions(before, begun)
    return [(item.type, item.value) for item in items]


def plain(*values: str) -> list[tuple[str, str]]:
    return [("plain", value) for value in values]


@pytest.mark.parametrize(
    ("words", "values"),
    [
        (["c"], ["cluster", "completion"]),
        (["run", "--pri"], ["--priority"]),
        (["node", "--no"], ["--no-report-load"]),
        (["run", "--priority", ""], PRIORITIES),
        (["map", "--priority", "m"], ["MAX", "MIN"]),
        (["run", "--cluster", "localhost:8000", "math:sqrt", "4", "--priority=h"], ["HIGH"]),
        (["cluster", "--queue-target-ms", ""], ["auto", "off"]),
        (["simulate", "--queue-target-ms", "o"], ["off"]),
        (["simulate", "--rule", ""], [name.replace(" ", "-") for name in RULES]),
        (["simulate", "--service", "p"], ["pareto:1.6"]),
        (["bench", "--distribution", ""], ["constant", "lognormal", "pareto", "bimodal"]),
        (["completion", ""], ["bash", "zsh", "fish"]),
        (["run", "--timeout", ""], []),
    ],
)
def test_word_is_completed(words: list[str], values: list[str]) -> None:
    assert offered(*words) == plain(*values)


@pytest.mark.parametrize("value", ["constant", "exponential", "lognormal:1.5", "pareto:1.6", "bimodal:100:0.05"])
def test_service_that_is_offered_is_one_that_is_taken(argon: Run, value: str) -> None:
    assert ("plain", value) in offered("simulate", "--service", "")
    assert argon("simulate", "--service", value, "--tasks", "10").status == 0


@pytest.mark.parametrize(
    ("words", "kind"),
    [
        (["node", "--include", "./ta"], "dir"),
        (["simulate", "--trace", "./ta"], "file"),
        (["simulate", "--plot", "./ta"], "file"),
        (["bench", "--plot", "./ta"], "file"),
    ],
)
def test_path_is_left_to_the_shell(words: list[str], kind: str) -> None:
    assert offered(*words) == [(kind, "./ta")]


def test_asking_imports_no_other_command() -> None:
    script = (
        "import sys; from argon.cli.main import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "print([name for name in ('asyncio', 'argon.cli.run', 'argon.cli.bench.command') if name in sys.modules])"
    )
    asked = environment(_ARGON_COMPLETE="bash_complete", COMP_WORDS="argon map --pri", COMP_CWORD="2")
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, env=asked)
    assert done.stdout.splitlines() == ["plain,--priority", "[]"]


def test_shell_of_another_name_is_a_usage_error(argon: Run) -> None:
    ran = argon("completion", "tcsh")
    assert ran.status == 2
    assert "bash" in ran.err


# --- with real shells -------------------------------------------------------------------------------------------------

# What a shell does when the tab key is pressed, without a terminal: it calls the function that the script has
# registered, with the words as it would have split them. The functions of zsh that show the result are ours.
BASH = """
eval "$(argon completion bash)"
complete -p argon >/dev/null || exit 1
COMP_WORDS=({words}); COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1))
_argon_completion argon
printf '%s\\n' "${{COMPREPLY[@]}}"
"""
ZSH = """
compdef() {{ [[ $2 == argon ]] || exit 1 }}
compadd() {{ print -l -- $completions }}
_describe() {{ print -l -- ${{completions_with_descriptions%%:*}} }}
eval "$(argon completion zsh)"
words=({words}); CURRENT=$#words
_argon_completion
"""
FISH = """
argon completion fish | source
complete -C "{line}"
"""

Press = Callable[[str, str], list[str]]


@pytest.fixture
def tab(tmp_path: Path) -> Press:
    """What a shell completes a line to."""
    script = tmp_path / "argon"
    script.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m argon "$@"\n')
    script.chmod(0o755)

    def press(shell: str, line: str) -> list[str]:
        words = " ".join(f"'{word}'" for word in line.split(" "))
        text = {"bash": BASH, "zsh": ZSH, "fish": FISH}[shell].format(words=words, line=line)
        variables = environment(HOME=str(tmp_path))
        variables["PATH"] = f"{tmp_path}:{variables['PATH']}"
        quiet = {"bash": ["--norc"], "zsh": ["-f"], "fish": ["--no-config"]}[shell]
        done = subprocess.run([shell, *quiet, "-c", text], capture_output=True, text=True, env=variables)
        assert (done.returncode, done.stderr) == (0, "")
        return [offer.partition("\t")[0] for offer in done.stdout.splitlines() if offer]

    return press


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
@pytest.mark.parametrize(
    ("line", "values"),
    [
        ("argon ma", ["map"]),
        ("argon run --pri", ["--priority"]),
        ("argon run --priority H", ["HIGH"]),
        ("argon simulate --rule two", ["two-choices"]),
    ],
)
def test_real_shell_completes(tab: Press, shell: str, line: str, values: list[str]) -> None:
    if shutil.which(shell) is None:
        pytest.skip(f"there is no {shell} here")
    assert tab(shell, line) == values
