"""The command line of a Python process of Argon's own.

In: the module whose ``main`` it runs. Out: a command line, and what the process has of this one's flags. It must never
start a program that is no Python interpreter: a frozen one would run itself again.
"""

from __future__ import annotations

import os.path
import subprocess
import sys
from collections.abc import Sequence
from functools import cache
from importlib.util import find_spec
from typing import Final

_BOOT: Final = os.path.join(os.path.dirname(os.path.abspath(__file__)), "boot.py")
_NEEDED: Final = ("argon", "msgspec", "mypy_extensions", "cloudpickle", "click", "uvloop")


def interpreter_flags() -> list[str]:
    """The options that this interpreter was started with, as its command line has them: ``-O``, ``-X dev``, ``-W``."""
    flags: list[str] = subprocess._args_from_interpreter_flags()  # type: ignore[attr-defined]  # multiprocessing uses it
    return flags


def command(module: str, arguments: Sequence[str], flags: Sequence[str]) -> list[str]:
    """The command line that runs ``main`` of a module of Argon's.

    Args:
        module: its full name.
        arguments: what it finds in ``sys.argv``.
        flags: the interpreter's options.

    Raises:
        RuntimeError: there is no interpreter that could be started. Use a cluster that was started elsewhere.
    """
    if not sys.executable or getattr(sys, "frozen", False):
        raise RuntimeError(
            "this program is no Python interpreter (it is frozen or embedded), and cannot start one: use the address "
            "of a cluster that was started elsewhere"
        )
    return [sys.executable, *flags, _BOOT, module, os.pathsep.join(_places()), *arguments]


@cache
def _places() -> list[str]:
    """The folders from which this process has Argon's dependencies."""
    specs = [find_spec(name) for name in _NEEDED]
    origins = [spec.origin for spec in specs if spec is not None and spec.origin is not None]
    folders = (os.path.dirname(origin) for origin in origins)
    tops = (os.path.dirname(folder) if _is_package(folder) else folder for folder in folders)
    return list(dict.fromkeys(tops))


def _is_package(folder: str) -> bool:
    return os.path.basename(folder) in _NEEDED
