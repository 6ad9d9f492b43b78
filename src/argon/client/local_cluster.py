"""A cluster on this machine, owned by this process: a node that listens by itself, in a child process.

In: how many workers, and options of the node. Out: an address and a token. The child reads a pipe that its owner
holds: when a byte comes, or the owner ends in whatever way and the pipe with it, the child ends with all its workers. A
process that the owner has forked holds the pipe too, so while one lives on, only ``close()`` ends the child. It must
never outlive them all.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import select
import subprocess
import sys
import threading
from collections.abc import Sequence
from contextlib import suppress
from time import monotonic
from typing import Any, Final, TypedDict

import msgspec

from argon.call.main_modules import importing
from argon.call.script import Script
from argon.errors import ConnectionFailed
from argon.ipc.owner import Owner, share
from argon.net.security import make_token
from argon.process.interpreter import command, interpreter_flags
from argon.process.standard_descriptors import open_standard_descriptors
from argon.settings import MAX_WORKERS, check_count

_START_TIMEOUT_S: Final = 30.0
_STOP_TIMEOUT_S: Final = 10.0


class NodeOptions(TypedDict, total=False):
    """What the node of a local cluster takes; ``argon.Node`` says what each means."""

    max_payload: int
    max_requests: int | None
    queue_limit: int
    kill_after: float
    drain_timeout: float
    report_load: bool
    threads_per_worker: int | None
    heartbeat: float | None
    dead_after: float | None


class LocalCluster:
    """A cluster and its node on this machine, owned by this process.

    Args:
        workers: worker processes; by default one for each CPU.
        include: directories in which workers look for modules first; this process's ``sys.path`` comes after them.
        import_script: whether workers may import this program's script.
        options: of the node; by default its own defaults.

    Raises:
        ValueError: a number is out of its range. The message has its name and what it may be.
        ConnectionFailed: it did not start; its errors are on the standard error of this process.
        RuntimeError: a worker imports this program's script, and may not start a cluster by that; or there is no Python
            interpreter to start.
    """

    def __init__(
        self,
        workers: int | None = None,
        include: Sequence[str] = (),
        *,
        import_script: bool = True,
        options: NodeOptions | None = None,
    ) -> None:
        if workers is not None:
            check_count("workers", workers, 1, MAX_WORKERS)
        if isinstance(include, str):
            raise ValueError("include must be a list of directories, not one string")
        if file := importing():
            raise RuntimeError(
                f'a worker imports {file}, and that starts a cluster: start it below `if __name__ == "__main__":`'
            )
        self.token = make_token()
        self._pid = os.getpid()
        self._lock = threading.Lock()
        open_standard_descriptors()  # its errors go to ours
        folders = [os.path.abspath(folder) for folder in include]
        path = _absolute(sys.path)
        self.script = Script([*folders, *path], importing=import_script)
        node = {**(options or {}), "workers": workers, "include": folders}
        self._process, answer_fd = _start(self._owner(node, path))
        try:
            self.address = self._wait_for_address(answer_fd)
        except BaseException:  # Ctrl-C too
            self.close()
            raise
        finally:
            os.close(answer_fd)

    def close(self) -> None:
        """Ends the cluster and all its processes. From a forked child it does nothing."""
        if self._pid != os.getpid():
            return
        with self._lock:
            process = self._process
            assert process.stdin is not None
            if not process.stdin.closed:
                with suppress(BrokenPipeError), process.stdin:
                    process.stdin.write(b".")  # a forked process may hold the pipe open
            try:
                process.wait(_STOP_TIMEOUT_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def ended(self, wait_s: float) -> str | None:
        """Waits at most so long for the end of its first process; returns how that ended, None if it has not."""
        try:
            code = self._process.wait(wait_s)
        except subprocess.TimeoutExpired:
            return None
        return f"signal {-code}" if code < 0 else f"exit code {code}"

    def _owner(self, node: dict[str, Any], path: list[str]) -> Owner:
        source = self.script.source
        script = b"" if source is None else msgspec.msgpack.encode(source)
        authkey = bytes(multiprocessing.current_process().authkey)
        return Owner(self.token, node, interpreter_flags(), path, [*map(str, sys.argv)], authkey, script)

    def _wait_for_address(self, answer_fd: int) -> str:
        """The child says one line when it is ready, or that it cannot be."""
        deadline = monotonic() + _START_TIMEOUT_S
        line = b""
        while not line.endswith(b"\n"):
            ready, _, _ = select.select([answer_fd], [], [], max(0.0, deadline - monotonic()))
            said = os.read(answer_fd, 4096) if ready else b""
            if not said:
                self.close()
                raise ConnectionFailed(
                    f"the local cluster did not start (exit code {self._process.returncode}); stderr has its errors"
                )
            line += said
        answer: dict[str, str] = json.loads(line)
        if "error" in answer:
            raise ValueError(answer["error"])
        return answer["address"]


def _start(owner: Owner) -> tuple[subprocess.Popen[bytes], int]:
    """Starts the child; returns it and the descriptor on which it answers."""
    flags = [flag for flag in owner.flags if not flag.startswith("-W")]  # a warning there is nobody's error
    owner_fd = share(owner)
    try:
        answer_fd, childs_end = os.pipe()
        try:
            process = subprocess.Popen(
                command("argon.node.standalone", [str(owner_fd), str(childs_end)], flags),
                stdin=subprocess.PIPE,
                pass_fds=(owner_fd, childs_end),
                start_new_session=True,
            )
        except BaseException:
            os.close(answer_fd)
            raise
        finally:
            os.close(childs_end)
    finally:
        os.close(owner_fd)
    return process, answer_fd


def _absolute(path: Sequence[object]) -> list[str]:
    """What Python looks through, as it is from any folder."""
    try:
        here = os.getcwd()
    except FileNotFoundError:  # it was removed
        here = ""
    entries = [entry for entry in path if isinstance(entry, str) and (entry or here)]
    return [os.path.join(here, entry) if here else entry for entry in entries]
