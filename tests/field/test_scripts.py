"""What a script defines means in a worker what it means in the script: by import of the script, and by value.

The scripts are in ``programs/``; each is run once for each way. The situations are from joblib/loky#268,
dask/distributed#5998 and #6803, ray-project/ray#31099, cloudpipe/cloudpickle#178, #225, #275 and #567.
"""

from __future__ import annotations

import functools
import itertools
import json
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAMS = Path(__file__).parent / "programs"
TABLES = ("functions", "classes", "enums_and_types", "variables")

# Nobody can make these again from what they are made of; a script that is imported makes its own.
ONLY_BY_IMPORT = {
    "what_cannot_be_pickled": "ArgumentNotSerializable: cannot send function variable 'ENCODER'",
}


@functools.cache
def found(table: str, way: str) -> dict[str, str]:
    done = subprocess.run(
        [sys.executable, PROGRAMS / f"{table}.py", way], capture_output=True, text=True, timeout=120, check=True
    )
    outcomes: dict[str, str] = json.loads(done.stdout)
    return outcomes


def kinds() -> list[tuple[str, str]]:
    """Each check of each table, as its decorator marks it."""
    pairs = []
    for table in TABLES:
        lines = (PROGRAMS / f"{table}.py").read_text().splitlines()
        marked = [below for line, below in itertools.pairwise(lines) if line == "@kind"]
        pairs += [(table, line.removeprefix("def ").partition("(")[0]) for line in marked]
    return pairs


@pytest.mark.parametrize(("table", "kind"), kinds())
def test_by_import_it_is_what_the_script_means(table: str, kind: str) -> None:
    assert found(table, "import")[kind] == "ok"


@pytest.mark.parametrize(("table", "kind"), kinds())
def test_by_value_it_is_what_the_script_means_or_an_error_says_what_is_not(table: str, kind: str) -> None:
    outcome = found(table, "value")[kind]
    assert outcome.startswith(ONLY_BY_IMPORT.get(kind, "ok"))
