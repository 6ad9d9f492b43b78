"""The process of a local cluster: a node that listens by itself, and ends with its owner.

In: the parameters of the node, as an argument; the end of standard input. Out: one line with the
address, when it is ready. It must never outlive the pipe that is its standard input.
"""

from __future__ import annotations

import json
import os
import sys
import threading
from typing import Any

from argon.node.node import Node


def main() -> None:
    """The child: serves until its standard input ends or says anything."""
    config: dict[str, Any] = json.loads(sys.argv[1])
    node = Node(port=0, **config)
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
