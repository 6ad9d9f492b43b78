"""A small process that ends what tasks have started, when their worker has ended or their node is killed.

In, on the command line: the node's mark, which each of its workers and every process they start has in its
environment. On standard input: ``+pgid`` when a worker's process group has started, ``-pgid worker`` when it has ended.
Out: SIGKILL to whatever still has an ended worker's mark, also in a session of its own; at the end of the input, to
every group and every process of the node that is left. The kernel ends a worker with its node, but not what its tasks
have started. It must import next to nothing, survive every signal that can be survived, and never end anything else.
"""

import os
import signal
import sys

VARIABLE = "ARGON_WORKER"
_PASSES = 10  # a process may start another while it is being looked for


def main() -> None:
    """Runs the process; returns when the input has ended and all that is left is killed."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT):
        signal.signal(number, signal.SIG_IGN)
    mark = f"{VARIABLE}={sys.argv[1]}.".encode() if len(sys.argv) > 1 else b""
    groups = set()
    for line in sys.stdin:
        group, _, worker = line[1:].strip().partition(" ")
        if line[0] == "+":
            groups.add(int(group))
            continue
        groups.discard(int(group))
        if mark and worker:
            _kill_marked(mark + worker.encode() + b"\0")
    for left in groups:
        try:
            os.killpg(left, signal.SIGKILL)
        except (ProcessLookupError, PermissionError):
            continue
    if mark:
        _kill_marked(mark)


def _kill_marked(beginning: bytes) -> None:
    """Kills every process with a variable in its environment that begins so."""
    for _ in range(_PASSES):
        found = [pid for pid in os.listdir("/proc") if pid.isdigit() and beginning in _environment(pid)]
        if not found:
            return
        for pid in found:
            try:
                os.kill(int(pid), signal.SIGKILL)
            except (ProcessLookupError, PermissionError):
                continue


def _environment(pid: str) -> bytes:
    try:
        with open(f"/proc/{pid}/environ", "rb") as file:
            return file.read()
    except OSError:  # it has ended, or is somebody else's
        return b""


if __name__ == "__main__":
    main()
