"""A real cluster with its nodes on this machine, each a process of its own as the `argon` command starts it, and what
the kernel knows about them.

In: how many nodes, and workers in each. Out: an address, a token, process ids, CPU seconds and memory. Authentication
is on, with a token made for this stack. When it is closed, or its owner dies, every process of it ends.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Self

from argon.cli.child_process import ChildProcess, ready_address, running
from argon.net.security import make_token

ROOT = Path(__file__).resolve().parent.parent
WORKER_MODULE = b"argon.worker.main"


class Stack:
    """A cluster and its nodes.

    Args:
        nodes: how many nodes.
        workers: how many worker processes each of them has.
        cluster_options: further options for `argon cluster`.

    Attributes:
        address, token: what a client needs.
        idle_rss_bytes: the cluster's memory when it had nodes and had seen no task.
    """

    def __init__(self, nodes: int = 1, workers: int = 2, cluster_options: Sequence[str] = ()) -> None:
        self._node_count = nodes
        self._workers = workers
        self._cluster_options = cluster_options
        self._processes = ExitStack()
        self._cluster: ChildProcess | None = None
        self._nodes: list[ChildProcess] = []
        self.address = ""
        self.token = ""
        self.idle_rss_bytes = 0

    def start(self) -> None:
        """Starts all processes; returns when every worker is ready. Raises `CommandFailed` when one does not start."""
        self.token = make_token()
        try:
            self._cluster = self._child(["cluster", "--port", "0", *self._cluster_options])
            self.address = ready_address(self._cluster.ready_line)
            for number in range(self._node_count):
                node = ["node", "--manager", self.address, "--workers", str(self._workers), "--name", f"node{number}"]
                self._nodes.append(self._child([*node, "--include", str(ROOT)]))
        except BaseException:
            self.close()
            raise
        self.idle_rss_bytes = rss_bytes(self._cluster.pid)

    def close(self) -> None:
        """Ends all processes, nodes first. May be called again."""
        self._processes.close()
        self._cluster = None
        self._nodes.clear()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def cluster_pid(self) -> int:
        assert self._cluster is not None, "the stack is not running"
        return self._cluster.pid

    def pids(self) -> dict[str, list[int]]:
        """The process ids of each role."""
        nodes = [node.pid for node in self._nodes]
        workers = [child for node in nodes for child in children(node) if WORKER_MODULE in command_line(child)]
        return {"cluster": [self.cluster_pid], "node": nodes, "workers": workers}

    def cpu_s(self) -> dict[str, float]:
        """The CPU seconds that the processes of each role have used so far, threads that have ended left out."""
        return {role: sum(map(cpu_s, pids)) for role, pids in self.pids().items()}

    def _child(self, arguments: list[str]) -> ChildProcess:
        """An `argon` command that is ready, and ends with the stack."""
        return self._processes.enter_context(running(arguments, environment={"ARGON_TOKEN": self.token}))


# ---- what the kernel knows about a process ---------------------------------------------------------------------------


def cpu_s(pid: int) -> float:
    """The CPU seconds of a process that lives, to the nanosecond; /proc/<pid>/stat counts in hundredths."""
    threads = Path(f"/proc/{pid}/task")
    return sum(int((thread / "schedstat").read_bytes().split()[0]) for thread in threads.iterdir()) / 1e9


def rss_bytes(pid: int) -> int:
    """The memory that a process holds."""
    return status_bytes(pid, "VmRSS")


def peak_rss_bytes(pid: int) -> int:
    """The most memory that a process has held since its start, or since the last `reset_peak`."""
    return status_bytes(pid, "VmHWM")


def reset_peak(pid: int) -> None:
    """Forgets the highest memory so far: 5 is the kernel's word for that."""
    Path(f"/proc/{pid}/clear_refs").write_text("5")


def status_bytes(pid: int, field: str) -> int:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        name, _, value = line.partition(":")
        if name == field:
            return int(value.split()[0]) * 1024
    raise KeyError(f"/proc/{pid}/status has no {field}")


def children(pid: int) -> list[int]:
    """The child processes of a process, of whichever of its threads."""
    lists = (thread / "children" for thread in Path(f"/proc/{pid}/task").iterdir())
    return sorted(int(child) for file in lists for child in file.read_text().split())


def command_line(pid: int) -> bytes:
    """The arguments of a process, each followed by a zero byte."""
    return Path(f"/proc/{pid}/cmdline").read_bytes()
