"""An exception arrives as it was raised, whatever its class does in ``__init__``; or as text, and never as a likeness.

Pickle makes an exception again by calling its class with ``args``. The situations in which that makes another one, or
none, are from python/cpython#120810, NVIDIA/TensorRT-LLM#17910 and truenas/middleware#18829.
"""

from __future__ import annotations

import functools
import json
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = Path(__file__).parent / "programs" / "raised_exceptions.py"


@functools.cache
def outcomes(way: str) -> dict[str, str]:
    done = subprocess.run([sys.executable, PROGRAM, way], capture_output=True, text=True, timeout=120, check=True)
    found: dict[str, str] = json.loads(done.stdout)
    return found


@pytest.mark.parametrize("way", ["import", "value"])
@pytest.mark.parametrize(
    "shape",
    [
        *("message made of arguments", "default argument", "keywords and slots", "dataclass", "group", "array"),
        *("notes", "HTTP", "database", "cloud", "validator", "decoding", "operating system", "key", "process"),
        *("class made on the way", "what cannot be pickled"),
    ],
)
def test_exception_arrives_as_it_was_raised(shape: str, way: str) -> None:
    assert outcomes(way)[shape] == "ok"
