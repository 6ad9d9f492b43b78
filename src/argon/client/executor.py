"""The client API of ``concurrent.futures``: a drop-in for ProcessPoolExecutor that runs on a cluster.

In: the standard library's calls. Out: the standard library's futures, with its rules: a task that runs is not
cancelled. Without an address it starts a cluster on this machine, and owns it.
"""

from __future__ import annotations

import concurrent.futures
import itertools
import operator
import os
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import BrokenExecutor
from functools import partial
from time import monotonic
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

from argon.call.chunk import Item, run_chunk, values_of
from argon.call.payload import pack_call
from argon.call.time_left import deadline_of
from argon.call.unpicklable import NotForOtherProcesses
from argon.client.executor_ends import is_interrupt, look_after
from argon.client.local_cluster import LocalCluster, NodeOptions
from argon.client.loop_thread import LoopThread
from argon.client.task_future import FINISHED, TaskFuture
from argon.errors import ArgumentNotSerializable, ConnectionFailed, TaskError, TaskLost
from argon.net.security import find_token
from argon.protocol.messages import Answer, Outcome, Payload
from argon.scheduling.task_options import TaskOptions
from argon.settings import (
    CONNECT_TIMEOUT_S,
    DRAIN_TIMEOUT_S,
    KILL_AFTER_S,
    MAX_PAYLOAD_BYTES,
    MAX_WORKERS,
    QUEUE_LIMIT,
    check_connect_timeout,
    check_liveness,
    parse_address,
)

if TYPE_CHECKING:
    from types import TracebackType

    from argon.call.script import Script

T = TypeVar("T")
_DEFAULTS = NodeOptions(
    max_payload=MAX_PAYLOAD_BYTES,
    max_requests=None,
    threads_per_worker=None,
    queue_limit=QUEUE_LIMIT,
    kill_after=KILL_AFTER_S,
    drain_timeout=DRAIN_TIMEOUT_S,
    report_load=True,
)


class ExecutorFuture(TaskFuture):
    """A task's future with the standard library's rules: only what no worker has begun can be cancelled."""

    def __init__(self, loop_thread: LoopThread, pending: set[ExecutorFuture]) -> None:
        super().__init__(loop_thread)
        self._pending = pending

    def cancel(self) -> bool:
        """Cancels the task if no worker has started it; returns whether it is cancelled.

        It asks the cluster and waits for the answer, about 0.2 ms. It does not wait in a callback, on a thread that
        runs an event loop, nor while the cluster has left an earlier question of this executor unanswered for 10 s.
        Then it returns whether the task is cancelled by now, and it may be cancelled later.
        """
        if self.done():
            return self.cancelled()
        decided = self._owner.cancel_queued(self)
        if not self._owner.guards.on_own_thread():
            self._owner.cancel_patience.wait(decided)
        return self.cancelled()

    def break_off(self) -> None:
        """Ends the task, also if it runs, and the future as those of a process pool that has lost its workers."""
        if self._end(FINISHED, None, _broken("its workers were ended while it was running or pending")):
            self._owner.cancel(self)

    def _end(self, state: str, value: Any, error: BaseException | None) -> bool:
        if self._owner.broken and isinstance(error, TaskLost):
            lost, error = error, _broken(self._owner.broken)
            error.__cause__ = lost
        try:
            return super()._end(state, value, error)
        finally:  # also when a callback raises what is no Exception
            self._pending.discard(self)


class ChunkFuture(ExecutorFuture):
    """The future of a chunk of ``map``.

    Args:
        first: the number of its first item, counted from 0.
        items: what it consists of.
    """

    def __init__(
        self, loop_thread: LoopThread, pending: set[ExecutorFuture], first: int, items: tuple[Item, ...]
    ) -> None:
        super().__init__(loop_thread, pending)
        self._times: dict[str, Any] = {}
        self.note = f"it ended a chunk of Executor.map: its items {first} to {first + len(items) - 1} were one task"

    def settle(self, answer: Answer, session: int = 0) -> None:
        """Takes the answer, and keeps what the failure of an item does not know of its task."""
        if isinstance(answer, Outcome):
            self._times = {"attempt": answer.attempt, "queued_s": answer.queued_s, "run_s": answer.run_s}
        super().settle(answer, session)

    def values(self, timeout: float | None) -> Iterator[Any]:
        """Waits for the chunk, and returns the values of its items, each unpacked when it is asked for.

        Raises:
            Exception: what an item raised, in its place (from the iterator).
            TaskError: the whole chunk ended so.
            TimeoutError, CancelledError: as ``result``.
        """
        try:
            answers: list[bytes] = self.result(timeout)
            return values_of(answers, {**self._times, "task_id": self.task_id})
        except TaskError as error:
            error.add_note(self.note)
            raise
        finally:
            del self  # the exception holds this frame, and must not hold itself by it


class Executor(concurrent.futures.Executor):
    """A ``concurrent.futures.Executor`` that runs its tasks on an Argon cluster.

    It takes the place of ``ProcessPoolExecutor``, with the same rules and errors. An executor that nobody refers to
    any more ends by itself when its tasks are done; the interpreter waits for that at its end. A block that ends by
    Ctrl-C ends the tasks, also those that run. On an event loop the end of a block waits for them as anywhere else, and
    the loop with it: await them first.

    Args:
        address: ``host:port`` of a cluster, or of a node that listens by itself. Without it, a cluster is started on
            this machine, with the ``sys.path`` of this process; it ends with the executor.
        max_workers: number of worker processes of the cluster that is started, one for each CPU by default. Not
            together with an address.
        token: the token of the cluster at ``address``, as text; by default that of ``$ARGON_TOKEN``, else that of the
            user's token file.
        connect_timeout: seconds for which the first connection is tried, also if nobody listens there yet; 10 by
            default. None for one attempt. A cluster that is started here has 30 seconds besides.
        heartbeat, dead_after: as for ``Client``; of a cluster that is started here, as for ``Cluster``.
        import_script, max_payload: as for ``argon.local``, for the cluster that is started.
        max_requests, threads_per_worker, queue_limit, kill_after, drain_timeout, report_load: as for ``argon.Node``.

    Raises:
        ConnectionFailed, AuthenticationFailed, TokenInvalid, AddressInvalid: as for ``Client``.
        ValueError: ``max_workers`` is below 1 or above 4096, or is given together with an address; or a time is not a
            positive number of seconds.
        TypeError: ``max_workers`` is not an integer, or the address is one.

    Example:
        >>> with argon.Executor(max_workers=4) as pool:  # doctest: +SKIP
        ...     list(pool.map(math.sqrt, [1.0, 4.0]))
        [1.0, 2.0]
    """

    def __init__(
        self,
        address: str | None = None,
        max_workers: int | None = None,
        *,
        token: str | None = None,
        import_script: bool = True,
        max_payload: int = MAX_PAYLOAD_BYTES,
        max_requests: int | None = None,
        threads_per_worker: int | None = None,
        queue_limit: int = QUEUE_LIMIT,
        kill_after: float = KILL_AFTER_S,
        drain_timeout: float = DRAIN_TIMEOUT_S,
        report_load: bool = True,
        connect_timeout: float | None = CONNECT_TIMEOUT_S,
        heartbeat: float | None = None,
        dead_after: float | None = None,
    ) -> None:
        if isinstance(address, int):
            raise TypeError(
                f"the address of a cluster comes first: for a cluster of its own give max_workers={address}"
            )
        if address is not None and max_workers is not None:
            raise ValueError("max_workers is for an executor's own cluster: give an address or max_workers, not both")
        options = NodeOptions(
            max_payload=max_payload,
            max_requests=max_requests,
            threads_per_worker=threads_per_worker,
            queue_limit=queue_limit,
            kill_after=kill_after,
            drain_timeout=drain_timeout,
            report_load=report_load,
        )
        if address is not None and options != _DEFAULTS:
            given = ", ".join(name for name, value in options.items() if value != _DEFAULTS.get(name))
            raise ValueError(f"{given}: for an executor's own cluster; the cluster at an address has its own")
        if max_workers is not None:
            max_workers = _checked(max_workers)
        connect_timeout_s, liveness = check_connect_timeout(connect_timeout), check_liveness(heartbeat, dead_after)
        self._local: LocalCluster | None = None
        self._script: Script | None = None
        if address is None:
            self._local = LocalCluster(
                max_workers,
                import_script=import_script,
                options={**options, "heartbeat": heartbeat, "dead_after": dead_after},
            )
            self._script = self._local.script
            address, token = self._local.address, self._local.token
        parse_address(address)
        try:
            self._thread = LoopThread(address, find_token(token), connect_timeout_s, liveness)
        except BaseException:
            self._end()
            raise
        if self._local is not None:
            self._thread.own(self._local)
        self._options = TaskOptions()
        self._lock = threading.Lock()
        self._futures: set[ExecutorFuture] = set()
        self._shut_down = False
        self._finishing = False
        self._ended = threading.Event()
        self._pid = os.getpid()
        look_after(self, self._thread)

    def __reduce__(self) -> NoReturn:
        raise NotForOtherProcesses(self)

    def submit(self, fn: Callable[..., T], /, *args: Any, **kwargs: Any) -> concurrent.futures.Future[T]:
        """Submits a task and returns its future; see ``concurrent.futures.Executor.submit``.

        Raises:
            RuntimeError: the executor was shut down.
            BrokenProcessPool: the cluster that it started has ended, for example since it was killed. Make a new one.
            ArgumentNotSerializable: the function or an argument cannot be pickled; nothing was sent.
        """
        self._refuse_after_shutdown()
        payload, kind = pack_call(fn, args, kwargs, self._script)
        future = ExecutorFuture(self._thread, self._futures)
        self._send(future, kind, payload)
        return future

    def _send(self, future: ExecutorFuture, kind: int, payload: Payload) -> None:
        try:
            with self._lock:
                self._refuse_after_shutdown()
                self._futures.add(future)
            self._thread.submit(kind, payload, self._options, deadline_of(self._options), future)
        except BaseException as error:  # Ctrl-C among them: shutdown() must not wait for what nobody answers
            TaskFuture.cancel(future)
            if self._thread.broken and isinstance(error, ConnectionFailed):
                raise _broken(self._thread.broken) from None
            raise

    def _submit_chunk(self, function: Callable[..., Any], first: int, items: tuple[Item, ...]) -> ChunkFuture:
        self._refuse_after_shutdown()
        future = ChunkFuture(self._thread, self._futures, first, items)
        try:
            payload, kind = pack_call(run_chunk, (function, items), {}, self._script)
        except ArgumentNotSerializable as error:
            error.add_note(f"args[0] is the function, and args[1][N] are the arguments of item {first} + N")
            raise
        self._send(future, kind, payload)
        return future

    def map(
        self,
        fn: Callable[..., T],
        *iterables: Iterable[Any],
        timeout: float | None = None,
        chunksize: int = 1,
        buffersize: int | None = None,
    ) -> Iterator[T]:
        """Values in order; see ``concurrent.futures.Executor.map`` of Python 3.14, whose ``buffersize`` is here on all.

        Args:
            timeout: seconds from now until the last value, None (the default) for ever.
            chunksize: how many items travel in one task, 1 by default. Each is run as a task of its own would be, and
                gives the same; the first that fails is the last of its chunk that runs. What ends the whole task
                (``WorkerDied``, ``TaskLost``, a ``Rejected`` for its size) is raised in the place of the first item.
            buffersize: how many tasks are submitted before their values are asked for. The iterables are read on as
                values are taken, so they may be endless. None (the default) reads and submits everything at once.

        Raises:
            TimeoutError: the timeout passed; what no worker has begun is cancelled.
            RuntimeError: the executor was shut down.
            ValueError, TypeError: ``chunksize`` or ``buffersize`` is not a positive number.
        """
        if chunksize < 1:
            raise ValueError("chunksize must be >= 1.")
        if buffersize is not None and not isinstance(buffersize, int):
            raise TypeError("buffersize must be an integer or None")
        if buffersize is not None and buffersize < 1:
            raise ValueError("buffersize must be None or > 0")
        if chunksize == 1 and buffersize is None:
            return super().map(fn, *iterables, timeout=timeout)
        end = None if timeout is None else monotonic() + timeout
        items = zip(*iterables, strict=False)
        if chunksize == 1:
            return _values((self.submit(fn, *item) for item in items), buffersize, end)
        chunks = iter(lambda: tuple(itertools.islice(items, chunksize)), ())
        numbers = itertools.count(0, chunksize)
        return _values(map(partial(self._submit_chunk, fn), numbers, chunks), buffersize, end)

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Takes no new tasks, waits for those that are not done, disconnects, and ends a cluster that it started.

        Args:
            wait: whether to return only when all of that is done, True by default; otherwise it happens in the
                background.
            cancel_futures: whether to cancel the tasks that no worker has started, False by default.

        Raises:
            KeyboardInterrupt: somebody does not want to wait any longer. All tasks are ended, as by ``kill_workers``.
        """
        if self._pid != os.getpid():
            return  # a forked process has no part in it
        with self._lock:
            first, self._shut_down, self._finishing = not self._finishing, True, True
            waiting = list(self._futures)
        if cancel_futures:
            for future in waiting:
                self._thread.cancel_queued(future)
        if first:
            try:
                threading.Thread(
                    target=self._finish, args=(waiting,), name="argon-executor-shutdown", daemon=True
                ).start()
            except RuntimeError:  # the interpreter ends, and starts no thread any more
                self._finish(waiting)
        if wait and not self._thread.guards.on_own_thread():
            try:
                self._ended.wait()
            except KeyboardInterrupt:
                self._break_off()
                raise

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> bool | None:
        if is_interrupt(kind):
            self.terminate_workers()  # who presses Ctrl-C does not want to wait for what runs
        return super().__exit__(kind, error, traceback)

    def _refuse_after_shutdown(self) -> None:
        if self._shut_down:
            raise RuntimeError("cannot schedule new futures after shutdown")

    def terminate_workers(self) -> None:
        """Ends this executor at once, as ``ProcessPoolExecutor`` can since Python 3.14; here on every version.

        It takes nothing new, and its futures end with ``BrokenProcessPool``: what runs ends with its worker process.
        Tasks of others on the same cluster go on.
        """
        if self._pid == os.getpid():
            with self._lock:
                self._shut_down = True
            self._break_off()
            self.shutdown(wait=False)

    kill_workers = terminate_workers  # a worker that is to end is not asked in either case

    def _break_off(self) -> None:
        for future in list(self._futures):
            future.break_off()

    def _finish(self, waiting: list[ExecutorFuture]) -> None:
        try:
            concurrent.futures.wait(waiting)
        except KeyboardInterrupt:  # on the main thread, which waits itself if no other can begin
            self._break_off()
            raise
        finally:
            self._end()
            self._ended.set()

    def _end(self) -> None:
        thread = getattr(self, "_thread", None)
        if thread is not None:
            thread.close()
        if self._local is not None:
            self._local.close()


def _checked(max_workers: int) -> int:
    """The number, or the standard library's error in its words."""
    workers = operator.index(max_workers)
    if workers <= 0:
        raise ValueError("max_workers must be greater than 0")
    if workers > MAX_WORKERS:
        raise ValueError(f"max_workers must be <= {MAX_WORKERS}")
    return workers


def _values(submitted: Iterator[concurrent.futures.Future[Any]], ahead: int | None, end: float | None) -> Iterator[Any]:
    """The values of futures in order. So many are submitted before a value is asked for; with None, all."""
    futures = deque(itertools.islice(submitted, ahead))

    def values() -> Iterator[Any]:  # apart, so that the first are submitted at once
        try:
            while futures:
                futures.extend(itertools.islice(submitted, 1))
                yield from _values_or_cancel(futures.popleft(), end)
        finally:
            for future in futures:
                future.cancel()

    return values()


def _values_or_cancel(future: concurrent.futures.Future[Any], end: float | None) -> Iterable[Any]:
    try:
        timeout = None if end is None else end - monotonic()
        try:
            return future.values(timeout) if isinstance(future, ChunkFuture) else (future.result(timeout),)
        finally:
            future.cancel()  # if its time is up
    finally:
        del future  # the exception holds this frame, and must not hold itself by it


def _broken(why: str) -> BrokenExecutor:
    try:
        from concurrent.futures.process import BrokenProcessPool  # it takes long to import, and is seldom needed
    except RuntimeError:  # the interpreter ends: it can be imported no more, and nobody has done so
        return BrokenExecutor(why)
    return BrokenProcessPool(why)
