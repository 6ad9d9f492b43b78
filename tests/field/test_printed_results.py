"""The command line prints whatever a task returns or raises, and its exit status tells what became of the task.

Programs that print what others' classes give them fail in python/cpython#95778 (long integers), in
python/cpython#79612 (letters that the output lacks) and where a `repr` raises.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from argon.cli.child_process import ready_address, running
from tests.cli.processes import environment

ON_THE_NODE = str(Path(__file__).parent / "programs" / "on_the_node")


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with running(["node", "--port", "0", "--workers", "1", "--include", ON_THE_NODE]) as node:
        yield ready_address(node.ready_line)


def argon(
    address: str, command: str, task: str, name: str, *, knows: bool = True, **more: str
) -> subprocess.CompletedProcess[str]:
    """Runs a command in a process that can import the task's module, or not."""
    variables = environment(**{"ARGON_CLUSTER": address, "PYTHONIOENCODING": "utf-8", **more})
    if knows:
        variables["PYTHONPATH"] += os.pathsep + ON_THE_NODE
    arguments = [command, f"odd_results:{task}", *([name] if command == "run" else [])]
    return subprocess.run(
        [sys.executable, "-m", "argon", *arguments],
        input=f"{name}\n" if command == "map" else "",
        capture_output=True,
        encoding="utf-8",
        timeout=60,
        env=variables,
    )


PRINTED = {
    "repr raises": ("<ReprRaises object whose repr() raised RuntimeError>",) * 2,
    "repr exits": ("<ReprExits object whose repr() raised SystemExit>",) * 2,
    "repr is None": ("<ReprIsNoText object whose repr() raised TypeError>",) * 2,
    "repr is a subclass": ("odd", "odd"),
    "long text": ('"' + "x" * 10_000_000 + '"', None),
    "surrogate": (r'"a\ud800"', None),
    "surrogate in a set": (r"{'a\ud800'}", r"{'a\\ud800'}"),
    "NaN": ("nan", "nan"),
    "NaN in a list": ("[nan]", "[nan]"),
    "set": ("{1}", "{1}"),
    "bytes": (r"b'\xff'", r"b'\\xff'"),
    "array": ("array([0, 1, 2])", "array([0, 1, 2])"),
    "time": ("datetime.datetime(2020, 1, 1, 0, 0)",) * 2,
    "dataclass": ("Order(number=4)", "Order(number=4)"),
    "exception": ("ValueError('v')", "ValueError('v')"),
    "letters": ('"Müller"', None),
    "letters in a set": ("{'Müller'}", r"{'M\u00fcller'}"),
    "equal names": ("{1: 'a', '1': 'b'}",) * 2,
    "long integer": ("1" + "0" * 5000, None),
}


@pytest.mark.parametrize("name", PRINTED)
def test_value_is_printed(address: str, name: str) -> None:
    plain, in_json = PRINTED[name]
    ran = argon(address, "run", "give", name)
    assert (ran.returncode, ran.stderr) == (0, "")
    assert ran.stdout == f"{plain}\n"
    mapped = argon(address, "map", "give", name)
    assert (mapped.returncode, mapped.stderr) == (0, "")
    assert mapped.stdout == (f"{plain}\n" if in_json is None else f'"{in_json}"\n')


def test_letters_that_the_output_lacks_are_escaped(address: str) -> None:
    for name, printed in (("letters", r'"M\u00fcller"'), ("letters in a set", r"{'M\xfcller'}")):
        ran = argon(address, "run", "give", name, PYTHONIOENCODING="ascii")
        assert (ran.returncode, ran.stdout, ran.stderr) == (0, f"{printed}\n", "")


def test_value_of_a_class_that_is_not_here_is_one_sentence_that_says_what_to_do(address: str) -> None:
    ran = argon(address, "run", "give", "dataclass", knows=False)
    assert (ran.returncode, ran.stdout) == (1, "")
    assert ran.stderr.startswith("argon: odd_results:give has run, but the result cannot be loaded here: ")
    assert ran.stderr.endswith("have PYTHONPATH name the folder of that module\n")


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("str exits", "odd_results.StrExits: (no message: its __str__ raised SystemExit)"),
        ("pipe", "BrokenPipeError: [Errno 32] Broken pipe"),
        ("interrupt", "KeyboardInterrupt"),
    ],
)
def test_exception_is_one_sentence(address: str, name: str, said: str) -> None:
    ran = argon(address, "run", "fail", name)
    assert (ran.returncode, ran.stdout, ran.stderr) == (1, "", f"argon: odd_results:fail raised {said}\n")


@pytest.mark.parametrize("command", ["run odd_results:give 'long text'", "run odd_results:fail pipe 2>&1"])
def test_output_that_nobody_reads_is_no_traceback(address: str, command: str) -> None:
    line = f"'{sys.executable}' -m argon {command} | head -c 1"
    done = subprocess.run(
        ["sh", "-c", line], capture_output=True, text=True, timeout=60, env=environment(ARGON_CLUSTER=address)
    )
    assert (len(done.stdout), done.stderr) == (1, "")


def test_output_that_takes_nothing_is_one_sentence(address: str) -> None:
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "argon", "run", "math:sqrt", "4"],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            timeout=60,
            env=environment(ARGON_CLUSTER=address),
        )
    assert (done.returncode, done.stderr) == (1, "argon: [Errno 28] No space left on device\n")
