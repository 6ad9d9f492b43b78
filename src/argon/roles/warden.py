"""A small process that ends what workers have started, should their node be killed.

In, on standard input: ``+pgid`` when a worker's process group has begun, ``-pgid`` when it has ended. Out: at the end
of the input, SIGKILL to every group that is left. The kernel ends a worker with its node, but not what its tasks have
started. It must import next to nothing, survive every signal that can be survived, and never end anything else.
"""

import os
import signal
import sys


def main() -> None:
    """Runs the process; returns when the input has ended and the groups are killed."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT):
        signal.signal(number, signal.SIG_IGN)
    groups = set()
    for line in sys.stdin:
        group = int(line[1:])
        if line[0] == "+":
            groups.add(group)
        else:
            groups.discard(group)
    for group in groups:
        try:
            os.killpg(group, signal.SIGKILL)
        except (ProcessLookupError, PermissionError):
            continue


if __name__ == "__main__":
    main()
