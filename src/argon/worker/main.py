"""The process around a worker: what it is made of before the first task, and how it ends.

In: its settings, as JSON in its first argument, and descriptors that its node has opened. Out: an exit code. It must
never outlive its node, and never let tasks see how it was started.
"""

from __future__ import annotations

import ctypes
import gc
import multiprocessing
import os
import signal
import socket
import sys
from contextlib import suppress
from typing import Final

import msgspec

from argon.call.main_modules import offer_script
from argon.call.script_source import ScriptSource
from argon.ipc.inbox import open_unclaimed
from argon.ipc.outbox import Outbox, protect
from argon.ipc.owner import NOBODY, Owner, read_owner
from argon.ipc.worker_config import WorkerConfig
from argon.net.descriptors import set_descriptor_limit
from argon.process.malloc import keep_freed_memory
from argon.settings import EXIT_WITHIN_S
from argon.worker.worker import Worker

_PR_SET_PDEATHSIG: Final = 1


def main() -> None:
    """Runs a worker process until its inbox ends; returns then, for the process to end in order."""
    config = msgspec.json.decode(sys.argv[1], type=WorkerConfig)
    _settle_in(config)
    inbox = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET, fileno=config.inbox_fd)
    try:
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
    except KeyboardInterrupt:  # somebody sent SIGINT to a worker without a task
        _leave()
    except BaseException:  # noqa: BLE001 - there is nobody else to tell
        sys.excepthook(*sys.exc_info())
        _leave()
    inbox.close()
    _flush()
    # From here on the process ends as every Python process does, with its exit handlers; they may take this long.
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.alarm(EXIT_WITHIN_S)


def _settle_in(config: WorkerConfig) -> None:
    """Makes a process of its own: it dies with its node, and tasks see nothing of how it was started."""
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)  # ignored by a parent, it would take the exit codes of children
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    if config.descriptors_max:
        set_descriptor_limit(config.descriptors_max)
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != config.parent_pid:  # it died before the line above
        os._exit(1)
    for fd in (config.inbox_fd, config.claims_fd, config.outbox_fd):
        os.set_inheritable(fd, False)
    sys.argv[1:] = []
    if config.owner_fd == NOBODY:
        sys.path[:0] = config.include
        with suppress(FileNotFoundError):  # the folder was removed
            sys.path.insert(len(config.include), os.getcwd())
    else:
        _resemble(read_owner(config.owner_fd), config.include)
        os.close(config.owner_fd)
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:
            stream.reconfigure(line_buffering=True)  # type: ignore[union-attr]  # what tasks print appears as they print


def _resemble(owner: Owner, include: list[str]) -> None:
    """Makes this process like a child of the one that owns the cluster."""
    sys.path[:] = [*include, *owner.path]
    sys.argv[:] = owner.argv
    multiprocessing.current_process().authkey = owner.authkey
    if owner.script:
        offer_script(msgspec.msgpack.decode(owner.script, type=ScriptSource))


def _leave() -> None:
    """Ends at once, without exit handlers and threads that tasks have left behind."""
    _flush()
    os._exit(1)


def _flush() -> None:
    """Writes out what tasks have printed; what cannot be written, Python must not try again at its end."""
    for name in ("stdout", "stderr"):
        try:
            getattr(sys, name).flush()
        except (AttributeError, OSError, ValueError):
            setattr(sys, name, None)  # a task has closed it


if __name__ == "__main__":
    main()
