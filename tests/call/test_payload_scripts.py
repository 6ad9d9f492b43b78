"""What a script defines travels by value, and only then is cloudpickle loaded."""

from __future__ import annotations

import subprocess
import sys

from tests.support.processes import ROOT

SCRIPT = """
from dataclasses import dataclass
from tests.support.processes import lone_worker, failure_of, value_of

@dataclass
class Point:
    x: int

class Trouble(Exception):
    pass

def double(point):
    return Point(helper(point.x))

def helper(number):
    return number * 2

def complain(point):
    raise Trouble(point)

with lone_worker() as worker:
    worker.hear()
    result = value_of(worker.run(double, Point(21)))
    assert isinstance(result, Point) and result == Point(42)
    error = failure_of(worker.run(complain, Point(1)))
    assert isinstance(error, Trouble) and error.args == (Point(1),), repr(error)
    assert value_of(worker.run(len, [Point(1)])) == 1
"""


def test_what_a_script_defines_travels_by_value_and_comes_back_as_its_own() -> None:
    subprocess.run([sys.executable, "-c", SCRIPT], cwd=ROOT, check=True, timeout=30)


def test_cloudpickle_is_not_loaded_until_it_is_needed() -> None:
    code = (
        "import sys, math\n"
        "from argon.call.payload import pack_call\n"
        "pack_call(math.sqrt, ([1],), {'a': 1})\n"
        "assert 'cloudpickle' not in sys.modules\n"
        "pack_call(lambda: 1, (), {})\n"
        "assert 'cloudpickle' in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=30)
