"""A minimal Gearman worker: takes a job, runs the call that is pickled in it, answers, takes the next.

`python -m benchmarks.peers.gearman_worker PORT` prints `ready` once the job server knows it, and ends with its
connection. One write a job carries the answer and the request for the next job.
"""

from __future__ import annotations

import pickle
import sys

from benchmarks.peers.gearman_packets import (
    CAN_DO,
    ECHO_REQ,
    ECHO_RES,
    FUNCTION,
    GRAB_JOB,
    JOB_ASSIGN,
    NO_JOB,
    NOOP,
    PRE_SLEEP,
    WORK_COMPLETE,
    Connection,
    packet,
)

GRAB = packet(GRAB_JOB)
SLEEP = packet(PRE_SLEEP)


def serve(port: int) -> None:
    server = Connection(port)
    server.send(packet(CAN_DO, FUNCTION) + packet(ECHO_REQ))
    while True:
        for what, data in server.receive():
            if what == JOB_ASSIGN:
                handle, _, call = data.split(b"\0", 2)
                function, argument = pickle.loads(call)
                result = pickle.dumps(function(argument))
                server.send(packet(WORK_COMPLETE, handle + b"\0" + result) + GRAB)
            elif what == NO_JOB:
                server.send(SLEEP)
            elif what == NOOP:
                server.send(GRAB)
            elif what == ECHO_RES:  # what was sent before it has been done
                sys.stdout.write("ready\n")
                sys.stdout.flush()
                server.send(GRAB)


if __name__ == "__main__":
    try:
        serve(int(sys.argv[1]))
    except ConnectionError:
        pass
