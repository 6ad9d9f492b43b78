"""Child processes are ready when they say so, and gone in the end."""

from __future__ import annotations

import doctest
import os
import signal
import subprocess
import sys
from collections.abc import Sequence

import pytest

from argon.cli import child_process
from argon.cli.child_process import ChildProcess, ended_by_exceptions, running
from argon.cli.failures import CommandFailed
from tests.cli.processes import environment, wait_until

PYTHON = (sys.executable, "-c")
READY = "print('argon cluster ready at localhost:1', flush=True)"
FOREVER = f"import time; {READY}; time.sleep(600)"
SILENT = "import time; time.sleep(600)"
DEAF = f"import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); {READY}; time.sleep(600)"


def exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_child_is_ready_inside_and_gone_after() -> None:
    with running([FOREVER], PYTHON) as process:
        assert process.ready_line == "argon cluster ready at localhost:1"
        assert process.running
    assert not exists(process.pid)


def test_child_is_gone_after_a_failure() -> None:
    processes: list[ChildProcess] = []

    def interrupted() -> None:
        with running([FOREVER], PYTHON) as process:
            processes.append(process)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert not exists(processes[0].pid)


def test_child_that_is_deaf_to_sigterm_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(child_process.ChildProcess.stop, "__defaults__", (0.05,))
    with running([DEAF], PYTHON) as process:
        pass
    assert not exists(process.pid)


def test_child_that_was_killed_is_no_trouble() -> None:
    with running([FOREVER], PYTHON) as process:
        process.kill()


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ("import sys; sys.exit('argon: the port is in use')", ": the port is in use"),
        ("import sys; sys.exit(3)", "(exit status 3)"),
        ("print('something else')", "did not start"),
    ],
)
def test_child_that_does_not_become_ready_is_told_in_its_own_words(script: str, said: str) -> None:
    with pytest.raises(CommandFailed) as caught, running([script], PYTHON):
        pass
    assert said in str(caught.value)


def test_child_that_says_nothing_is_not_waited_for_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(child_process.ChildProcess.wait_ready, "__defaults__", (0.2,))
    with pytest.raises(CommandFailed, match="did not start"), running([SILENT], PYTHON):
        pass


def test_child_is_out_of_reach_of_ctrl_c() -> None:
    with running([FOREVER], PYTHON) as process:
        assert os.getpgid(process.pid) != os.getpgrp()


def test_child_ends_when_its_parent_is_killed() -> None:
    parent_script = (
        f"import time; from argon.cli.child_process import running\nwith running([{FOREVER!r}], {PYTHON!r}) as child:\n"
        "    print(child.pid, flush=True)\n    time.sleep(600)"
    )
    with subprocess.Popen([*PYTHON, parent_script], stdout=subprocess.PIPE, text=True, env=environment()) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        assert exists(pid)
        parent.kill()
    wait_until(lambda: not exists(pid))


def test_child_that_talks_much_is_not_blocked() -> None:
    script = f"import sys; sys.stderr.write('x' * 1_000_000); {READY}; sys.stderr.write('x' * 1_000_000)"
    with running([script], PYTHON) as process:
        assert process.ready_line


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_signal_that_ends_a_process_lets_it_clean_up(number: signal.Signals) -> None:
    with pytest.raises(SystemExit) as caught, ended_by_exceptions():
        signal.raise_signal(number)
    assert caught.value.code == 128 + number


def test_handlers_are_put_back() -> None:
    watched = (signal.SIGTERM, signal.SIGHUP, signal.SIGALRM)
    before = [signal.getsignal(number) for number in watched]
    with ended_by_exceptions(time_limit_s=60):
        assert [signal.getsignal(number) for number in watched] != before
    assert [signal.getsignal(number) for number in watched] == before
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)


def test_time_limit_ends_what_takes_longer() -> None:
    with pytest.raises(CommandFailed, match=r"time limit of 0\.05 seconds"), ended_by_exceptions(time_limit_s=0.05):
        signal.pause()


def test_command_is_this_python_and_ignores_the_working_directory() -> None:
    command: Sequence[str] = child_process.COMMAND
    assert command == (sys.executable, "-P", "-m", "argon")


def test_examples_in_docstrings_hold() -> None:
    assert doctest.testmod(child_process).failed == 0
