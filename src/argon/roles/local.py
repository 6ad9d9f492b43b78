"""A cluster on this machine in one line: a node that listens by itself, in a child process that lives as long as its
owner.

In: how many workers. Out: an address and a token. The child reads a pipe that its owner holds: when a byte comes, or
the owner ends in whatever way and the pipe with it, the child ends with all its workers. A process that the owner has
forked holds the pipe too, so while one lives on, only ``close()`` ends the child. It must never outlive them all.
"""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
import threading
from collections.abc import Sequence
from contextlib import suppress
from time import monotonic
from typing import Any

from argon.errors import ConnectionFailed
from argon.net.security import make_token
from argon.roles.client import Client
from argon.settings import MAX_WORKERS, check_count

_START_TIMEOUT_S = 30.0
_STOP_TIMEOUT_S = 5.0


class LocalCluster:
    """A cluster and its node on this machine, owned by this process.

    Args:
        workers: worker processes; by default one for each CPU.
        include: directories in which workers look for modules first; this process's ``sys.path`` comes after them.

    Raises:
        ConnectionFailed: it did not start; the message has what it said.
    """

    def __init__(self, workers: int | None = None, include: Sequence[str] = ()) -> None:
        if workers is not None:
            check_count("workers", workers, 1, MAX_WORKERS)
        if isinstance(include, str):
            raise ValueError("include is a list of directories, not one string")
        self.token = make_token()
        self._pid = os.getpid()
        self._lock = threading.Lock()
        here = [os.getcwd() if path == "" else path for path in sys.path]
        config = json.dumps({"workers": workers, "include": [*map(os.fspath, include), *here]})
        self._process = subprocess.Popen(
            [sys.executable, "-m", "argon.roles.local", config],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,
            env={**os.environ, "ARGON_TOKEN": self.token, "PYTHONPATH": os.pathsep.join(here)},
        )
        self.address = self._wait_for_address()

    def close(self) -> None:
        """Ends the cluster and all its processes. From a forked child it does nothing."""
        if self._pid != os.getpid():
            return
        with self._lock:
            process = self._process
            assert process.stdin is not None
            assert process.stdout is not None
            if not process.stdin.closed:
                with suppress(BrokenPipeError), process.stdin:
                    process.stdin.write(b".")  # a forked process may hold the pipe open
            try:
                process.wait(_STOP_TIMEOUT_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            process.stdout.close()

    def _wait_for_address(self) -> str:
        """The child prints one line to its standard output when it is ready, and then leaves that to nobody."""
        output = self._process.stdout
        assert output is not None
        deadline = monotonic() + _START_TIMEOUT_S
        ready, _, _ = select.select([output], [], [], max(0.0, deadline - monotonic()))
        line = output.readline() if ready else b""
        if not line:
            self.close()
            raise ConnectionFailed(f"the local cluster did not start (exit code {self._process.returncode}); see above")
        address: str = json.loads(line)["address"]
        return address


class LocalClient(Client):
    """A client that owns the local cluster it is connected to; closing it ends both.

    ``address`` and ``token`` let other clients join: ``argon.AsyncClient(client.address, token=client.token)``.
    """

    def __init__(self, cluster: LocalCluster) -> None:
        self._local = cluster
        self.token = cluster.token
        try:
            super().__init__(cluster.address, token=cluster.token)
        except BaseException:
            cluster.close()
            raise

    def close(self) -> None:
        """Disconnects and ends the local cluster."""
        super().close()
        self._local.close()


def local(workers: int | None = None, *, include: Sequence[str] = ()) -> LocalClient:
    """Starts a cluster on this machine and returns a client of it; closing the client ends both.

    Args:
        workers: worker processes; by default one for each CPU.
        include: directories in which workers look for modules first.

    Raises:
        ValueError: ``workers`` is not a whole number from 1.
        ConnectionFailed: it did not start.

    Example:
        >>> with argon.local(workers=2) as client:  # doctest: +SKIP
        ...     client.run(pow, 2, 10)
        1024
    """
    return LocalClient(LocalCluster(workers, include))


def main() -> None:
    """The child: serves until its standard input ends or says anything."""
    from argon.roles.node import Node

    config: dict[str, Any] = json.loads(sys.argv[1])
    node = Node(port=0, workers=config["workers"], include=config["include"])
    answer = os.dup(sys.stdout.fileno())
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())

    def watch_owner() -> None:
        os.read(sys.stdin.fileno(), 1)
        node.shutdown()

    def tell_address() -> None:
        os.write(answer, json.dumps({"address": node.address}).encode() + b"\n")
        os.close(answer)

    threading.Thread(target=watch_owner, daemon=True).start()
    node.start(on_ready=tell_address)


if __name__ == "__main__":
    main()
