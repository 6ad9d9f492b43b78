"""What the scripts beside have in common: each is a table of checks, and runs them all.

    python functions.py import|value

prints one JSON object: for each check "ok", or what went wrong. The tasks run on a local cluster whose workers import
the script, or get by value what it defines.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from typing import Any

import argon

Run = Callable[..., Any]
_checks: dict[str, Callable[[Run], None]] = {}


def kind(check: Callable[[Run], None]) -> Callable[[Run], None]:
    _checks[check.__name__] = check
    return check


def returned(value: Any, back: Any) -> None:
    """Holds what came back to be equal to what was sent, and of the same class."""
    assert back == value, f"{back!r} instead of {value!r}"
    assert type(back) is type(value), f"a {type(back)} instead of a {type(value)}"


def run_checks() -> None:
    mode = sys.argv[1]
    with argon.local(workers=1, import_script=mode == "import") as client:
        found = _found(client.with_options(timeout=60).run)
    print(json.dumps(found))


def _found(run: Run) -> dict[str, str]:
    found = {}
    for name, check in _checks.items():
        try:
            check(run)
        except Exception as error:  # noqa: BLE001 - whatever it is belongs into the table
            found[name] = f"{type(error).__name__}: {error}"
        else:
            found[name] = "ok"
    return found
