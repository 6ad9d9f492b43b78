"""Workers of a local cluster are like child processes of the one that starts it, and so is what their tasks start.

The situations are from dask/distributed#9122 and python/cpython#139801 (keys of multiprocessing),
PrefectHQ/prefect#22147 (PYTHONPATH), treeverse/dvc#2271 (SIGINT), ray-project/ray#9654 (streams), dask/distributed#7177
and joblib/joblib#1846 (threads of BLAS), joblib/joblib#344 (large arrays), python/cpython#83856 and noxdafox/pebble#101
(exit handlers).
"""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

import argon
from argon.node.launch import THREAD_VARIABLES

SEEN = """
import argon, json, multiprocessing, os, resource, signal, subprocess, sys, time

def seen():
    return {
        "optimize": sys.flags.optimize, "dev_mode": sys.flags.dev_mode, "utf8": sys.flags.utf8_mode,
        "warnings": sys.warnoptions, "isolated": sys.flags.isolated, "path": sys.path, "argv": sys.argv,
        "environment": dict(os.environ), "folder": folder(), "umask": umask(), "authkey": key(),
        "masked": [int(number) for number in signal.pthread_sigmask(signal.SIG_BLOCK, ())],
        "files": resource.getrlimit(resource.RLIMIT_NOFILE), "executable": sys.executable, "prefix": sys.prefix,
    }

def key():
    return bytes(multiprocessing.current_process().authkey).hex()

def folder():
    try:
        return os.getcwd()
    except FileNotFoundError:
        return None

def umask():
    before = os.umask(0)
    os.umask(before)
    return before

if __name__ == "__main__":
    exec(os.environ.pop("BEFORE", ""))
    with argon.local(workers=1) as client:
        print(json.dumps([seen(), client.run(seen)]))
"""


def run(folder: Path, *flags: str, script: str = SEEN, **changes: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """What the script sees in itself, and in a task."""
    file = folder / "script.py"
    file.write_text(script)
    changes.setdefault("cwd", folder)
    command = [sys.executable, *flags, file, "-v"]
    done = subprocess.run(command, stdout=subprocess.PIPE, timeout=60, check=True, **changes)
    here, there = json.loads(done.stdout)
    return here, there


def finding(places: list[str]) -> str:
    """The script, if it looks there too."""
    first = f"import sys; sys.path += [place for place in {places!r} if place not in sys.path]; import argon"
    return SEEN.replace("import argon", first, 1)


def test_all_that_a_task_sees_of_its_process_is_as_in_the_script(tmp_path: Path) -> None:
    here, there = run(tmp_path, "-X", "utf8", env={**os.environ, "OMP_NUM_THREADS": "3", "PYTHONPATH": "/somewhere"})
    added = {name: there["environment"].pop(name) for name in {*THREAD_VARIABLES, "ARGON_WORKER"} - {"OMP_NUM_THREADS"}}
    assert len(added) == len(THREAD_VARIABLES)
    assert there == here
    assert here["environment"]["OMP_NUM_THREADS"] == "3"


@pytest.mark.parametrize("flags", [["-O"], ["-X", "dev"], ["-I"], ["-W", "error"], ["-E", "-s", "-b"]])
def test_options_of_the_interpreter_are_the_scripts(tmp_path: Path, flags: list[str]) -> None:
    here, there = run(tmp_path, *flags, script=finding(sys.path))
    for name in ("optimize", "dev_mode", "utf8", "warnings", "isolated", "path"):
        assert there[name] == here[name], name


def test_files_of_the_working_folder_are_never_taken_for_the_standard_librarys(tmp_path: Path) -> None:
    for name in (*sys.stdlib_module_names, "msgspec", "cloudpickle", "argon"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit('a file of the working folder was imported')\n")
    (tmp_path / "apart").mkdir()
    script = tmp_path / "apart" / "script.py"
    script.write_text(SEEN)
    done = subprocess.run([sys.executable, script], cwd=tmp_path, stderr=subprocess.PIPE, timeout=60, check=True)
    assert done.stderr == b""


def test_argon_and_what_it_needs_are_found_where_only_the_script_finds_them(tmp_path: Path) -> None:
    places = [str(Path(str(module.__file__)).parents[1]) for module in (argon, msgspec)]
    here, there = run(tmp_path, "-S", "-I", script=finding(places))
    assert there["path"] == here["path"]


@pytest.mark.parametrize(
    "before",
    [
        "signal.signal(signal.SIGCHLD, signal.SIG_IGN)",
        "signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM, signal.SIGINT, signal.SIGCHLD])",
        "os.mkdir('gone'); os.chdir('gone'); os.rmdir('../gone')",
        "sys.stdin = None; os.close(0)",
        "os.close(2); sys.stderr = None",
        "resource.setrlimit(resource.RLIMIT_NOFILE, (200, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))",
        "os.umask(0o077)",
    ],
)
def test_whatever_the_script_is_like_its_cluster_starts_and_runs_tasks(tmp_path: Path, before: str) -> None:
    tmp_path.chmod(0o755)
    for folder in (tmp_path.parent, tmp_path.parent.parent):
        folder.chmod(0o755)
    here, there = run(tmp_path, env={**os.environ, "BEFORE": before})
    assert there["masked"] == []
    for name in ("umask", "files", "folder"):
        assert there[name] == here[name], name


def test_without_standard_output_a_cluster_starts(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(
        "import argon, os, sys\nos.close(1)\nsys.stdout = None\nif __name__ == '__main__':\n"
        "    with argon.Executor(max_workers=1) as pool:\n"
        "        sys.exit(pool.submit(abs, -7).result())\n"
    )
    assert subprocess.run([sys.executable, script], timeout=60).returncode == 7


def test_a_program_that_is_no_interpreter_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "frozen", True, raising=False)
    with pytest.raises(RuntimeError, match="this program is no Python interpreter"):
        argon.local(workers=1)


# ---- what tasks start ----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def client() -> Iterator[argon.Client]:
    with argon.local(workers=1) as client:
        yield client.with_options(timeout=60)


CHILD = "import json, os, signal; print(json.dumps([{}]))"
STATE = [
    "sorted(os.listdir('/proc/self/fd'))[:3]",
    "len(os.listdir('/proc/self/fd'))",
    "[int(signal.getsignal(number) == signal.SIG_IGN) for number in sorted(signal.valid_signals())]",
    "[int(number) for number in signal.pthread_sigmask(signal.SIG_BLOCK, ())]",
    "os.nice(0)",
    "open('/proc/self/oom_score_adj').read()",
]


def child(expression: str) -> Any:
    done = subprocess.run(
        [sys.executable, "-c", CHILD.format(expression)], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, check=True
    )
    return json.loads(done.stdout)


@pytest.mark.parametrize("expression", STATE)
def test_what_a_task_starts_has_nothing_of_argons(client: argon.Client, expression: str) -> None:
    assert client.run(child, expression) == child(expression)


def interrupted_child(program: list[str]) -> int:
    started = subprocess.Popen(program)
    started.send_signal(signal.SIGINT)
    return started.wait(30)


def test_a_program_that_a_task_has_started_can_be_interrupted(client: argon.Client) -> None:
    assert client.run(interrupted_child, ["sleep", "30"]) == -signal.SIGINT


def interrupt_itself() -> str:
    try:
        os.kill(os.getpid(), signal.SIGINT)
    except KeyboardInterrupt:
        return "interrupted"
    return "not interrupted"


def test_a_task_can_be_interrupted_and_its_worker_goes_on(client: argon.Client) -> None:
    pid = client.run(os.getpid)
    assert client.run(interrupt_itself) == "interrupted"
    assert client.run(os.getpid) == pid


def test_a_worker_without_a_task_that_is_interrupted_is_replaced_without_a_word(
    capfd: pytest.CaptureFixture[str],
) -> None:
    with argon.local(workers=1) as client:
        pid = client.run(os.getpid)
        os.kill(pid, signal.SIGINT)
        while client.with_options(idempotent=True).run(os.getpid) == pid:
            pass
    assert "Traceback" not in capfd.readouterr().err


# ---- threads and sizes ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "threads"), [({}, max(1, len(os.sched_getaffinity(0)) // 2)), ({"threads_per_worker": 7}, 7)]
)
def test_libraries_start_as_many_threads_as_a_workers_share_of_the_cpus(
    monkeypatch: pytest.MonkeyPatch, options: dict[str, int], threads: int
) -> None:
    for name in THREAD_VARIABLES:
        monkeypatch.delenv(name, raising=False)
    with argon.Executor(max_workers=2, **options) as pool:  # type: ignore[arg-type]
        assert [pool.submit(os.getenv, name).result() for name in THREAD_VARIABLES] == [str(threads)] * len(
            THREAD_VARIABLES
        )


def test_max_payload_is_set_where_a_local_cluster_is_started() -> None:
    data = bytes(2 << 20)
    with argon.Executor(max_workers=1, max_payload=1 << 20) as pool, pytest.raises(argon.Rejected):
        pool.submit(len, data).result()
    with argon.local(workers=1, max_payload=3 << 20) as client:
        assert client.run(bytes, 2 << 20) == data


def test_max_requests_is_set_where_a_local_cluster_is_started() -> None:
    with argon.local(workers=1, max_requests=1) as client:
        assert client.run(os.getpid) != client.run(os.getpid)


@pytest.mark.parametrize("name", ["max_payload", "max_requests", "threads_per_worker", "kill_after", "queue_limit"])
def test_an_option_out_of_its_range_is_said_at_once(name: str) -> None:
    options: dict[str, Any] = {name: -1}
    with pytest.raises(ValueError, match=f"{name} must be"):
        argon.local(workers=1, **options)


def test_options_of_a_cluster_of_ones_own_are_refused_beside_an_address() -> None:
    with pytest.raises(ValueError, match="max_payload: for an executor's own cluster"):
        argon.Executor("localhost:8000", max_payload=1 << 30)


# ---- the end of a worker -------------------------------------------------------------------------------------------

AT_EXIT = """
import argon, atexit, builtins, multiprocessing, os, sys, threading, time

def prepare(folder):
    def note(name):
        with open(os.path.join(folder, name), "w") as file:
            file.write("done")
    atexit.register(note, "atexit")
    builtins.kept_open = open(os.path.join(folder, "buffer"), "w")
    builtins.kept_open.write("done")
    multiprocessing.util.Finalize(None, note, ("finalize",), exitpriority=1)
    threading.Thread(target=lambda: (time.sleep(0.2), note("thread"))).start()

if __name__ == "__main__":
    with {} as owner:
        {}
"""


@pytest.mark.parametrize(
    ("made", "call"),
    [
        ("argon.local(workers=1)", "owner.run(prepare, sys.argv[1])"),
        ("argon.Executor(max_workers=1)", "owner.submit(prepare, sys.argv[1]).result()"),
        ("argon.local(workers=1, max_requests=1)", "owner.run(prepare, sys.argv[1]); owner.run(abs, 1)"),
    ],
)
def test_exit_handlers_and_buffers_of_a_worker_are_done_when_it_ends_in_order(
    tmp_path: Path, made: str, call: str
) -> None:
    script = tmp_path / "script.py"
    script.write_text("import multiprocessing.util\n" + textwrap.dedent(AT_EXIT).format(made, call))
    subprocess.run([sys.executable, script, tmp_path], timeout=60, check=True)
    notes = {path.name: path.read_text() for path in tmp_path.iterdir() if path.suffix == ""}
    assert notes == dict.fromkeys(("atexit", "buffer", "finalize", "thread"), "done")


def test_a_worker_whose_task_has_closed_the_output_ends_without_a_word(capfd: pytest.CaptureFixture[str]) -> None:
    with argon.local(workers=1) as client:
        client.run(os.close, 1)
    assert capfd.readouterr().err == ""


def hang_at_exit() -> int:
    import atexit
    import time

    atexit.register(time.sleep, 600)
    return os.getpid()


def test_an_exit_handler_that_never_ends_is_given_up() -> None:
    with argon.local(workers=1) as client:
        pid = client.run(hang_at_exit)
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_the_limit_on_open_files_is_the_scripts() -> None:
    with argon.local(workers=1) as client:
        assert client.run(resource.getrlimit, resource.RLIMIT_NOFILE) == resource.getrlimit(resource.RLIMIT_NOFILE)
