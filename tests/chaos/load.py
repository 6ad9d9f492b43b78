"""A client that keeps random load on a cluster, in a process of its own, and writes down all that it asks and hears.

python -m tests.chaos.load ADDRESS NAME SEED SECONDS

In: where the cluster is, and the seed of everything that is random. Out: its history. It stops by itself after so many
seconds, or when its standard input ends: it asks no more then, and ends when all that it has asked is answered. Tasks
come at random times and do not wait for each other, up to a limit; now and then a burst comes.
"""

from __future__ import annotations

import heapq
import os
import random
import signal
import sys
import threading
import time
import zlib
from concurrent.futures import CancelledError, Future
from pathlib import Path
from typing import Any

import msgspec

import argon
from tests.chaos.history import FOLDER_VARIABLE, History, Record
from tests.chaos.tasks import Refused, work

TASKS_PER_S = 13.0
BURST_EVERY_S = 12.0
BURST_S = 1.5
BURST_FACTOR = 4.0
OUTSTANDING_MAX = 100
ANSWERS_WITHIN_S = 120.0
BLOCK = random.Random(0).randbytes(2 << 20)


class Wish(msgspec.Struct):
    """One task, and the options with which it is submitted."""

    does: str
    run_s: float
    payload: bytes
    result_bytes: int
    priority: int
    timeout: float | None
    retries: int | None
    idempotent: bool
    cancel_after_s: float | None

    @classmethod
    def at_random(cls, rng: random.Random) -> Wish:
        """Any mixture."""
        does = rng.choices(["sleep", "raise", "exit", "overrun", "stubborn"], [965, 20, 4, 8, 3])[0]
        size = rng.choices([rng.randrange(1000), rng.randrange(300_000), len(BLOCK)], [800, 190, 10])[0]
        ends_by_timeout = does in {"overrun", "stubborn"}
        return cls(
            does=does,
            run_s=0.3 * rng.random() ** 1.5,
            payload=BLOCK[:size],
            result_bytes=size if rng.random() < 0.3 else 10,
            priority=rng.randrange(5),
            timeout=rng.uniform(0.2, 3.0) if ends_by_timeout or rng.random() < 0.2 else None,
            retries=0 if rng.random() < 0.1 else None,
            idempotent=rng.random() < 0.3,
            cancel_after_s=rng.uniform(0.0, 0.5) if rng.random() < 0.02 else None,
        )


def outcome_of(future: Future[Any], wish: Wish, task: str) -> Record:
    """What its caller was told."""
    record = Record("answer", time.monotonic(), task=task)
    try:
        value = future.result(0)
    except CancelledError:
        record.outcome = "cancelled"
    except Refused as refused:
        record.outcome, record.ran = "raised", "yes"
        record.is_right = wish.does == "raise" and refused.args == (task,)
    except argon.TaskError as error:
        record.outcome = _WORDS.get(type(error), type(error).__name__)
        record.is_right = type(error) in _WORDS
        record.ran, record.node, record.run_s = str(error.may_have_run), error.node, error.run_s
    else:
        record.outcome, record.ran = "completed", "yes"
        record.is_right = value == (task, zlib.crc32(wish.payload), wish.payload[: wish.result_bytes])
    return record


_WORDS: dict[type[argon.TaskError], str] = {
    argon.Rejected: "rejected",
    argon.TaskExpired: "expired",
    argon.TaskLost: "lost",
    argon.WorkerDied: "died",
}


class Driver:
    """Submits, cancels, and counts what has no answer yet."""

    def __init__(self, client: argon.Client, history: History, name: str) -> None:
        self._client = client
        self._history = history
        self._name = name
        self._changed = threading.Condition()
        self._outstanding = 0
        self._submitted = 0
        self._cancels: list[tuple[float, int, Future[Any]]] = []

    @property
    def has_room(self) -> bool:
        """Whether one more may be asked."""
        return self._outstanding < OUTSTANDING_MAX

    def submit(self, wish: Wish, *, in_order: bool = False) -> Future[Any]:
        """Asks for one task, after saying so."""
        self._submitted += 1
        task = f"{self._name}-{self._submitted}"
        with self._changed:
            self._outstanding += 1
        options = self._client.with_options(
            priority=wish.priority, timeout=wish.timeout, retries=wish.retries, idempotent=wish.idempotent
        )
        self._history.write(
            Record(
                "submit",
                time.monotonic(),
                task=task,
                client=self._name,
                does=wish.does,
                priority=wish.priority,
                idempotent=wish.idempotent,
                in_order=in_order,
            )
        )
        future = options.submit(work, task, wish.does, wish.run_s, wish.payload, wish.result_bytes)
        future.add_done_callback(lambda done: self._answered(outcome_of(done, wish, task)))
        if wish.cancel_after_s is not None:
            heapq.heappush(self._cancels, (time.monotonic() + wish.cancel_after_s, self._submitted, future))
        return future

    def cancel_due(self) -> None:
        """Cancels what is to be cancelled by now."""
        while self._cancels and self._cancels[0][0] <= time.monotonic():
            heapq.heappop(self._cancels)[2].cancel()

    def wait_answered(self) -> None:
        """Waits for every answer, and says that it waits no more. Closing the client would answer the rest, so what
        comes later is no answer to the checker."""
        with self._changed:
            self._changed.wait_for(lambda: not self._outstanding, ANSWERS_WITHIN_S)
        self._history.write(Record("end", time.monotonic(), client=self._name))

    def _answered(self, record: Record) -> None:
        self._history.write(record)
        with self._changed:
            self._outstanding -= 1
            self._changed.notify_all()


class Told:
    """Whether this process is to stop: whoever has started it has closed its standard input, or is gone."""

    def __init__(self) -> None:
        self.to_stop = False
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # whoever started it ends it, in order
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        sys.stdin.read()
        self.to_stop = True


def drive(driver: Driver, rng: random.Random, told: Told, ends_at: float) -> None:
    """Submits at random until it is told to stop, or the time is over."""
    next_burst = time.monotonic() + rng.expovariate(1 / BURST_EVERY_S)
    while not told.to_stop and time.monotonic() < ends_at:
        now = time.monotonic()
        if now > next_burst + BURST_S:
            next_burst = now + rng.expovariate(1 / BURST_EVERY_S)
        rate = TASKS_PER_S * (BURST_FACTOR if now >= next_burst else 1.0)
        time.sleep(rng.expovariate(rate))
        driver.cancel_due()
        if driver.has_room:
            driver.submit(Wish.at_random(rng))


def connect(address: str, told: Told, ends_at: float) -> argon.Client | None:
    """A client, as soon as a cluster answers; None if it is told to stop before, or the time is over."""
    while not told.to_stop and time.monotonic() < ends_at:
        try:
            return argon.Client(address)
        except argon.ConnectionFailed:
            time.sleep(0.2)
    return None


def main(address: str, name: str, seed: str, seconds: str) -> int:
    """Drives load; returns the exit status."""
    told, ends_at = Told(), time.monotonic() + float(seconds)
    history = History(Path(os.environ[FOLDER_VARIABLE]))
    client = connect(address, told, ends_at)
    if client is not None:
        with client:
            driver = Driver(client, history, name)
            drive(driver, random.Random(seed), told, ends_at)
            driver.wait_answered()
    history.close()
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
