"""The process around a worker: what it is made of before the first task, and how it ends.

In: its settings, as JSON in its first argument, and descriptors that its node has opened. Out: an exit code. It must
never outlive its node, and never let tasks see how it was started.
"""

from __future__ import annotations

import ctypes
import gc
import os
import signal
import socket
import sys
from typing import Final

import msgspec

from argon.call.main_modules import offer_script
from argon.call.script_source import ScriptSource
from argon.ipc.inbox import open_unclaimed
from argon.ipc.outbox import Outbox, protect
from argon.ipc.owner import NOBODY, read_owner
from argon.ipc.worker_config import WorkerConfig
from argon.process.malloc import keep_freed_memory
from argon.worker.worker import Worker

_PR_SET_PDEATHSIG: Final = 1


def main() -> None:
    """Runs a worker process; never returns."""
    config = msgspec.json.decode(sys.argv[1], type=WorkerConfig)
    _settle_in(config)
    code = 1
    if os.environ.get("ARGON_TMP"):
        from argon.call.main_modules import offer_script
        from argon.call.script_source import ScriptSource

        offer_script(msgspec.msgpack.decode(bytes.fromhex(os.environ["ARGON_TMP"]), type=ScriptSource))
    try:
        inbox = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET, fileno=config.inbox_fd)
        worker = Worker(
            inbox,
            config.claims_fd,
            open_unclaimed(config.claims_fd),
            Outbox(config.outbox_fd),
            config.node,
            config.max_payload_bytes,
        )
        protect(config.outbox_fd)
        os.close(config.outbox_fd)
        keep_freed_memory()
        gc.collect()
        gc.freeze()  # what is loaded now stays: collections during tasks need not look at it
        worker.serve()
        code = 0
    except BaseException:  # noqa: BLE001 - there is nobody else to tell
        sys.excepthook(*sys.exc_info())
    _leave(code)


def _settle_in(config: WorkerConfig) -> None:
    """Makes a process of its own: it dies with its node, and tasks see nothing of how it was started."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != config.parent_pid:  # it died before the line above
        os._exit(1)
    for fd in (config.inbox_fd, config.claims_fd, config.outbox_fd):
        os.set_inheritable(fd, False)
    sys.path[:0] = config.include
    if config.owner_fd != NOBODY:
        owner = read_owner(config.owner_fd)
        os.close(config.owner_fd)
        if owner.script:
            offer_script(msgspec.msgpack.decode(owner.script, type=ScriptSource))
    sys.argv[1:] = []
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:
            stream.reconfigure(line_buffering=True)  # type: ignore[union-attr]  # what tasks print appears as they print


def _leave(code: int) -> None:
    """Ends without waiting for threads that tasks have left behind."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (AttributeError, OSError, ValueError):
            continue  # a task has closed it
    os._exit(code)


if __name__ == "__main__":
    main()
