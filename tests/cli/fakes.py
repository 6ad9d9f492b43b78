"""Stand-ins for the roles, so that a command can be tried without a cluster.

They do what the command asks in this process, and remember how they were asked.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from importlib import import_module
from typing import Any, ClassVar

STATUS: dict[str, Any] = {
    "role": "cluster",
    "queue_length": 3,
    "queue_limit": 128,
    "nodes": [
        {"name": "node-a", "workers": 2, "in_flight": 1, "pressure": 0.617},
        {"name": "node-b", "workers": 4, "in_flight": 4},
    ],
    "clients": 5,
    "counters": {
        "accepted": 12345,
        "completed": 12000,
        "failed": 20,
        "rejected": 7,
        "cancelled": 2,
        "expired": 1,
        "lost": 0,
    },
    "decisions": {"to_free_worker": 11000, "prefetched": 1345},
    "rejections": {"QUEUE_FULL": 7, "DEADLINE": 0},
}
EXPLANATION: dict[str, Any] = {
    "task": "3.17",
    "state": "completed",
    "priority": "NORMAL",
    "kind": 7,
    "keyed": False,
    "idempotent": True,
    "size_bytes": 45,
    "timeout_s": 9.0,
    "submitted_s_ago": 2.5,
    "waited_in_client_s": 0.0002,
    "waited_s": 0.603,
    "turn_by_age": False,
    "run_s": 0.31,
    "answered_after_s": 0.92,
    "may_have_run": "yes",
    "attempt": 2,
    "forecast": {"queue_length": 1, "work_s": 0.3, "in_flight": 4, "workers": 2, "wait_s": 0.15},
    "attempts": [
        {
            "node": "node-a",
            "choice": "prefetched",
            "free_nodes": 0,
            "predicted_run_s": None,
            "measured_there": False,
            "predicted_wait_s": 0.02,
            "next_node": None,
            "next_predicted_s": None,
            "end": "it had not started there",
        },
        {
            "node": "node-b",
            "choice": "free worker",
            "free_nodes": 3,
            "predicted_run_s": 0.3,
            "measured_there": True,
            "predicted_wait_s": 0.0,
            "next_node": "node-c",
            "next_predicted_s": 0.4,
            "end": None,
        },
    ],
    "rejection": None,
    "waiting_now": None,
    "own_waiting_now": None,
}


def resolve(function: Any) -> Callable[..., Any]:
    if not isinstance(function, str):
        return function  # type: ignore[no-any-return]
    module, _, name = function.partition(":")
    return getattr(import_module(module), name)  # type: ignore[no-any-return]


class FakeClient:
    """A client whose tasks run at once, in the caller's thread."""

    made: ClassVar[list[FakeClient]] = []

    def __init__(
        self, address: str = "", options: dict[str, Any] | None = None, *, connect_timeout: float | None = None
    ) -> None:
        self.address = address
        self.connect_timeout = connect_timeout
        self.options: dict[str, Any] = options or {}
        self.closed = False
        self.made.append(self)

    def __enter__(self) -> FakeClient:
        return self

    def __exit__(self, *exception: object) -> None:
        self.closed = True

    def with_options(self, **options: Any) -> FakeClient:
        return FakeClient(self.address, {**self.options, **options}, connect_timeout=self.connect_timeout)

    def run(self, function: Any, /, *args: Any, **kwargs: Any) -> Any:
        return resolve(function)(*args, **kwargs)

    def submit(self, function: Any, /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        future.task_id = "3.17"  # type: ignore[attr-defined]  # as a TaskFuture has
        try:
            future.set_result(self.run(function, *args, **kwargs))
        except Exception as error:  # noqa: BLE001 - as a task would
            future.set_exception(error)
        return future

    def map(self, function: Any, /, *iterables: Iterable[Any]) -> Iterator[Any]:
        return map(resolve(function), *iterables)

    def status(self) -> dict[str, Any]:
        return STATUS

    def explain(self, task_id: str) -> dict[str, Any]:
        return EXPLANATION


class FakeServer:
    """A cluster or a node: remembers what it was made with, and is ready as soon as it starts."""

    made: ClassVar[list[FakeServer]] = []
    failure: ClassVar[Exception | None] = None
    refusal: ClassVar[Exception | None] = None
    name = "node-x"
    workers = 4

    def __init__(self, *args: Any, **options: Any) -> None:
        if self.refusal is not None:
            raise self.refusal
        self.args = args
        self.options = options
        self.address = f"localhost:{options['port'] or 4321}" if options.get("port") is not None else None
        self.made.append(self)

    def start(self, on_ready: Callable[[], None]) -> None:
        if self.failure is not None:
            raise self.failure
        on_ready()
