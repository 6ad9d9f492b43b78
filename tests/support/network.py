"""Real `argon` processes: started, watched, signalled by id, and all gone in the end.

Every process that a network starts carries a mark in its environment, and so do all that descend from it, whatever
session or parent they have by then. That is how what is left behind is found.
"""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import uuid
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import argon
from tests.support.build import IMPORTED_FROM
from tests.support.waiting import WITHIN_S, wait_until

ROOT = Path(__file__).resolve().parents[2]
ALONE_WITHIN_S = 2.0
_NETWORK_MARK = "ARGON_TEST_NETWORK"
_COMMAND_MARK = "ARGON_TEST_COMMAND"


class RunningCommand:
    """An `argon` command that blocks, and has said that it is ready.

    Attributes:
        address: where it listens, if it does.
    """

    def __init__(
        self, arguments: Sequence[str], environment: dict[str, str], errors: Path, prefix: Sequence[str] = ()
    ) -> None:
        self._mark = uuid.uuid4().hex
        self._errors = errors
        self.address = ""
        with errors.open("ab") as file:
            self._process = subprocess.Popen(
                [*prefix, sys.executable, "-m", "argon", *arguments],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=file,
                env={**environment, _COMMAND_MARK: self._mark},
            )

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    def wait_ready(self) -> Self:
        """Waits for the line that it prints when it is ready."""
        assert self._process.stdout is not None
        ready, _, _ = select.select([self._process.stdout], [], [], WITHIN_S)
        line = self._process.stdout.readline().decode() if ready else ""
        assert " ready" in line, f"it did not become ready: {line}{self.errors()}"
        self.address = line.partition(" ready at ")[2].split(" ")[0].strip().removesuffix(":")
        return self

    def write(self, text: str) -> None:
        """Writes to its standard input, which stays open."""
        assert self._process.stdin is not None
        self._process.stdin.write(text.encode())
        self._process.stdin.flush()

    def end_input(self) -> None:
        """Ends its standard input."""
        assert self._process.stdin is not None
        self._process.stdin.close()

    def signal(self, number: int) -> None:
        """Sends it a signal: to that process alone."""
        self._process.send_signal(number)

    def wait(self, within_s: float = WITHIN_S) -> int:
        """Waits for its end; returns its exit status, or minus the signal that ended it."""
        return self._process.wait(within_s)

    def running(self) -> bool:
        """Whether it has not ended."""
        return self._process.poll() is None

    def errors(self) -> str:
        """What it, and everything under it, has written to standard error."""
        return self._errors.read_text(errors="replace")

    def family(self) -> dict[int, str]:
        """It and its descendants, by process id."""
        return _marked(f"{_COMMAND_MARK}={self._mark}")

    def workers(self) -> set[int]:
        """The ids of a node's worker processes."""
        return {pid for pid, command in self.family().items() if "argon.worker.main " in command}

    def end(self) -> None:
        """Kills it, if it still runs."""
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            assert pipe is not None
            try:
                pipe.close()
            except BrokenPipeError:
                pass


class ProcessNetwork:
    """Clusters and nodes that are `argon` processes, with a token of their own.

    Leaving the ``with`` ends them, and asserts that nothing is left of any. The other kind is `ThreadNetwork`.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._mark = uuid.uuid4().hex
        self._commands: list[RunningCommand] = []
        self._clients: list[argon.Client] = []
        self.token_file = folder / "token"
        self.environment = {name: value for name, value in os.environ.items() if not name.startswith("ARGON_")}
        self.environment |= {
            "ARGON_TOKEN_FILE": str(self.token_file),
            "PYTHONPATH": os.pathsep.join([IMPORTED_FROM, str(ROOT)]),
            _NETWORK_MARK: self._mark,
        }

    def begin(self, *arguments: str, prefix: Sequence[str] = ()) -> RunningCommand:
        """Starts a command without waiting until it is ready; a prefix is what executes it."""
        errors = self._folder / f"{len(self._commands)}-{arguments[0]}.stderr"
        command = RunningCommand(arguments, self.environment, errors, prefix)
        self._commands.append(command)
        return command

    def cluster(self, *options: str, port: str = "0") -> RunningCommand:
        """A cluster that listens."""
        return self.begin("cluster", "--port", port, *options).wait_ready()

    def begin_node(self, cluster: RunningCommand | str, name: str, *options: str) -> RunningCommand:
        """A node that starts."""
        address = cluster if isinstance(cluster, str) else cluster.address
        return self.begin("node", "--manager", address, "--name", name, *options)

    def node(self, cluster: RunningCommand | str, name: str, *options: str) -> RunningCommand:
        """A node whose workers are ready."""
        return self.begin_node(cluster, name, *options).wait_ready()

    def client(self, server: RunningCommand | str) -> argon.Client:
        """A client in this process."""
        address = server if isinstance(server, str) else server.address
        client = argon.Client(address, token=self.token_file.read_text())
        self._clients.append(client)
        return client

    def run(self, *arguments: str, stdin: str = "", **environment: str) -> subprocess.CompletedProcess[str]:
        """Runs a command to its end."""
        return subprocess.run(
            [sys.executable, "-m", "argon", *arguments],
            input=stdin,
            capture_output=True,
            text=True,
            timeout=WITHIN_S,
            env={**self.environment, **environment},
        )

    def processes(self) -> dict[int, str]:
        """Everything that runs because of this network, by process id."""
        return _marked(f"{_NETWORK_MARK}={self._mark}")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        for client in self._clients:
            client.close()
        for command in self._commands:
            command.end()
        try:
            wait_until(lambda: not self.processes(), ALONE_WITHIN_S)
        finally:
            left = self.processes()
            for pid in left:
                os.kill(pid, signal.SIGKILL)
            assert not left, f"left behind: {left}"


def stop(pid: int) -> None:
    """Stops a process, and returns when it has stopped."""
    os.kill(pid, signal.SIGSTOP)
    wait_until(lambda: Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "T")


def balanced(numbers: dict[str, Any]) -> bool:
    """Whether the cluster's counters add up."""
    counters = numbers["counters"]
    ends = sum(counters[end] for end in ("completed", "failed", "cancelled", "expired", "lost"))
    accepted: int = counters["accepted"]
    return accepted == ends + numbers["queue_length"] + numbers["in_flight"]


def quiet(numbers: dict[str, Any], workers: int) -> bool:
    """Whether a cluster has nothing to do, its counters add up, and so many workers are free."""
    idle = not numbers["queue_length"] and not numbers["in_flight"]
    return idle and balanced(numbers) and numbers["workers"] == workers


def _marked(mark: str) -> dict[int, str]:
    found = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                if mark.encode() in (entry / "environ").read_bytes().split(b"\0"):
                    found[int(entry.name)] = (entry / "cmdline").read_text(errors="replace").replace("\0", " ")
            except OSError:  # it ended while we looked, or is somebody else's
                continue
    return found
