"""Command lines of Python processes of Argon's own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

import argon
from argon.process import interpreter
from argon.process.interpreter import command, interpreter_flags


def test_command_line_names_this_interpreter_the_module_and_where_dependencies_are() -> None:
    executable, flag, boot, module, places, *arguments = command("argon.node.standalone", ["1", "2"], ["-O"])
    assert (executable, flag, module, arguments) == (sys.executable, "-O", "argon.node.standalone", ["1", "2"])
    assert Path(boot).name == "boot.py"
    needed = {Path(str(package.__file__)).parents[1] for package in (argon, msgspec)}
    assert needed <= {Path(place) for place in places.split(os.pathsep)}


@pytest.mark.parametrize("flags", [["-O"], ["-X", "dev"], ["-W", "error"], ["-I"], []])
def test_options_are_those_of_the_command_line(flags: list[str]) -> None:
    code = f"import sys; sys.path += {sys.path!r}\nfrom argon.process.interpreter import *; print(interpreter_flags())"
    plain = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    done = subprocess.run(
        [sys.executable, *flags, "-c", code], stdout=subprocess.PIPE, text=True, check=True, env=plain
    )
    assert done.stdout.strip() == str(["".join(flags)] if flags == ["-W", "error"] else flags)


def test_options_of_this_process_are_a_list_of_text() -> None:
    assert all(isinstance(flag, str) for flag in interpreter_flags())


@pytest.mark.parametrize(("name", "value"), [("executable", ""), ("executable", None), ("frozen", True)])
def test_what_is_no_interpreter_is_never_started(monkeypatch: pytest.MonkeyPatch, name: str, value: object) -> None:
    monkeypatch.setattr(interpreter.sys, name, value, raising=False)
    with pytest.raises(RuntimeError, match="cannot start one: use the address"):
        command("argon.node.standalone", [], [])
