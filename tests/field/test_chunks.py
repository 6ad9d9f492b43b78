"""``chunksize`` is about speed only: whatever a program maps, it gets the same in chunks as one by one.

The situations are from noxdafox/pebble#90 and yeraydiazdiaz/futureproof#21.
"""

from __future__ import annotations

import functools
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

PROGRAM = Path(__file__).parent / "programs" / "chunks.py"
EXPECTED: dict[str, list[Any]] = {
    "plain": [[0, -1, -2, -3, -4]],
    "coroutine": [[1, 2, 3, 4, 5]],
    "awaitable": [[1, 2, 3, 4, 5]],
    "loop": [[1, 2, 3, 4, 5]],
    "task class": [[0, 10, 20, 30, 40]],
    "async task class": [[1, 2, 3, 4, 5]],
    "async callable": [[1, 2, 3, 4, 5]],
    "partial of a coroutine": [[5, 6, 7, 8, 9]],
    "lambda": [[[0], [1], [2], [3], [4]]],
    "name": [[0.0, 1.0, 2**0.5, 3**0.5, 2.0]],
    "generator": [[], "ResultNotSerializable", "cannot return result", False],
    "async generator": [[], "ResultNotSerializable", "cannot return result", False],
    "raises": [[0, 1], "RefusedError", "no 2", True],
    "exits": [[0, 1], "RemoteError", "SystemExit: 2", True],
    "counter": [[[0], [1], [2], [3], [4]]],
}


@functools.cache
def outcomes() -> dict[str, list[Any]]:
    done = subprocess.run([sys.executable, PROGRAM], capture_output=True, text=True, timeout=120, check=True)
    found: dict[str, list[Any]] = json.loads(done.stdout)
    return found


@pytest.mark.parametrize("name", EXPECTED)
def test_chunks_give_what_single_tasks_give(name: str) -> None:
    assert outcomes()[name] == [EXPECTED[name]] * 3
