"""Tasks for tests of the network: their module costs a worker next to nothing to import."""

from __future__ import annotations

import os
import resource
import signal
import time
from collections.abc import Callable
from importlib import import_module
from typing import Any


def pid() -> int:
    return os.getpid()


def identity(value: Any) -> Any:
    return value


def hold(started: str, go: str) -> str:
    """Says that it has begun, and waits until it is let go: both are named pipes."""
    _write(started)
    _read(go)
    return "held"


def hold_or_pass(*pipes: str) -> str:
    """As ``hold`` with two pipes; without them it is done at once. So what it takes cannot be predicted."""
    return hold(*pipes) if pipes else "passed"


def page_faults() -> int:
    """How many pages the process has to ask for again while payloads of 4 MiB come and go."""

    def payloads() -> None:
        for _ in range(20):
            payload = [b"x" * (250 << 10) for _ in range(16)]
            del payload

    payloads()  # the first ones are new to every process
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    payloads()
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before


def hold_against_sigterm(started: str, go: str) -> str:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    return hold(started, go)


def note(path: str, text: str) -> str:
    """Leaves a line in a file."""
    with open(path, "a") as file:
        file.write(text + "\n")
    return text


def take(*args: Any, **kwargs: Any) -> tuple[tuple[Any, ...], dict[str, Any]]:
    return args, kwargs


def fail(kind: Callable[[str], BaseException], text: str) -> None:
    raise kind(text)


def die(number: int) -> None:
    os.kill(os.getpid(), number)
    time.sleep(60)


def leave(code: int) -> None:
    os._exit(code)


def in_thread(name: str) -> Any:
    """Calls a function in a thread of the task's own."""
    from concurrent.futures import ThreadPoolExecutor

    module, _, function = name.partition(":")
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(getattr(import_module(module), function)).result()


def hand_on(address: str, token: str, api: str, timeout: float | None, *call: Any) -> Any:
    """Submits a task from within this one, through one client API or another, and waits for it."""
    import argon

    if api == "Executor":
        with argon.Executor(address, token=token) as pool:
            return pool.submit(*call).result()
    if api == "Client":
        with argon.Client(address, token=token) as client:
            return client.with_options(timeout=timeout).run(*call)

    import asyncio

    async def run() -> Any:
        async with argon.AsyncClient(address, token=token) as client:
            return await client.with_options(timeout=timeout).run(*call)

    return asyncio.run(run())


def tell_how_it_ended(path: str, address: str, token: str, *call: Any) -> None:
    """Submits a task from within this one, and notes how it ended, though it be told to end itself."""
    import argon

    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    try:
        hand_on(address, token, "Client", None, *call)
    except argon.TaskError as error:
        note(path, f"{type(error).__name__}-{error.may_have_run}")


def _write(path: str) -> None:
    descriptor = os.open(path, os.O_WRONLY)
    os.write(descriptor, b".")
    os.close(descriptor)


def _read(path: str) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    os.read(descriptor, 1)
    os.close(descriptor)
