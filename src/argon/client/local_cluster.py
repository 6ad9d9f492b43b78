"""A cluster on this machine, owned by this process: a node that listens by itself, in a child process.

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

from argon.errors import ConnectionFailed
from argon.net.security import make_token
from argon.process.standard_descriptors import open_standard_descriptors
from argon.settings import AS_THE_CLUSTER_SAYS, MAX_WORKERS, PeerLiveness, check_count

_START_TIMEOUT_S = 30.0
_STOP_TIMEOUT_S = 5.0


class LocalCluster:
    """A cluster and its node on this machine, owned by this process.

    Args:
        workers: worker processes; by default one for each CPU.
        include: directories in which workers look for modules first; this process's ``sys.path`` comes after them.
        liveness: the cluster's heartbeats, None for its defaults.

    Raises:
        ConnectionFailed: it did not start; its errors are on the standard error of this process.
    """

    def __init__(
        self,
        workers: int | None = None,
        include: Sequence[str] = (),
        liveness: PeerLiveness = AS_THE_CLUSTER_SAYS,
    ) -> None:
        if workers is not None:
            check_count("workers", workers, 1, MAX_WORKERS)
        if isinstance(include, str):
            raise ValueError("include must be a list of directories, not one string")
        self.token = make_token()
        self._pid = os.getpid()
        self._lock = threading.Lock()
        open_standard_descriptors()  # its errors go to ours
        here = [os.getcwd() if path == "" else path for path in sys.path]
        times = {"heartbeat": liveness.heartbeat_s, "dead_after": liveness.dead_after_s}
        config = json.dumps({"workers": workers, "include": [*map(os.fspath, include), *here], **times})
        self._process = subprocess.Popen(
            [sys.executable, "-m", "argon.node.standalone", config],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,
            env={**os.environ, "ARGON_TOKEN": self.token, "PYTHONPATH": os.pathsep.join(here)},
        )
        try:
            self.address = self._wait_for_address()
        except BaseException:  # Ctrl-C too
            self.close()
            raise

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
            raise ConnectionFailed(
                f"the local cluster did not start (exit code {self._process.returncode}); stderr has its errors"
            )
        address: str = json.loads(line)["address"]
        return address
