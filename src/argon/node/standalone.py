"""The process of a local cluster: a node that listens by itself, and ends with its owner.

In: a descriptor with what its owner is like, one on which to answer, and the end of standard input. Out: one line with
the address when it is ready, or with what is wrong. It must never outlive the pipe that is its standard input.
"""

from __future__ import annotations

import json
import os
import sys
import threading

from argon.ipc.owner import read_owner
from argon.node.node import Node


def main() -> None:
    """The child: serves until its standard input ends or says anything."""
    owner_fd, answer_fd = map(int, sys.argv[1:3])
    for fd in (owner_fd, answer_fd):
        os.set_inheritable(fd, False)
    owner = read_owner(owner_fd)

    def answer(name: str, text: str | None) -> None:
        os.write(answer_fd, json.dumps({name: text}).encode() + b"\n")
        os.close(answer_fd)

    try:
        node = Node(port=0, token=owner.token, **owner.options)
    except (TypeError, ValueError) as error:
        answer("error", str(error))
        return
    node.owner_fd, node.worker_flags = owner_fd, owner.flags

    def watch_owner() -> None:
        os.read(sys.stdin.fileno(), 1)
        node.shutdown()

    threading.Thread(target=watch_owner, daemon=True).start()
    node.start(on_ready=lambda: answer("address", node.address))


if __name__ == "__main__":
    main()
