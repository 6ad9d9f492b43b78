"""The node process: its parameters, and its life around a ``NodeShell``.

In: the owner's parameters, and connections to a cluster. Out: a pool of workers and each welcomed connection, handed
to the shell, which does what happens for every task. It must never decide anything itself, and never unpickle.

A node that listens by itself is a cluster and a node in one process, joined by a connection in memory.
"""

from __future__ import annotations

import asyncio
import logging
import os
import random
import secrets
import socket
from collections.abc import Sequence
from contextlib import suppress
from time import monotonic
from typing import Any, Final

from argon.cluster.cluster import Cluster
from argon.errors import AuthenticationFailed, ConnectionFailed
from argon.ipc.owner import NOBODY
from argon.net.channel import Channel
from argon.net.descriptors import raise_descriptor_limit
from argon.net.dialer import Dialer
from argon.net.memory import MemoryChannel
from argon.net.security import find_token
from argon.node.launch import Launch, worker_environment
from argon.node.node_shell import NodeShell
from argon.node.pool import Pool
from argon.node.pressure import cpu_pressure
from argon.process.interpreter import interpreter_flags
from argon.process.server import Server
from argon.protocol.handshake import Role
from argon.protocol.messages import Welcome
from argon.settings import (
    DEAD_AFTER_S,
    DEFAULT_HOST,
    DRAIN_TIMEOUT_S,
    EXIT_WITHIN_S,
    HEARTBEAT_S,
    KILL_AFTER_S,
    MAX_NAME_CHARS,
    MAX_PAYLOAD_BYTES,
    MAX_THREADS,
    MAX_WORKERS,
    MIN_MAX_PAYLOAD_BYTES,
    NODE_NAME_CHARS,
    QUEUE_LIMIT,
    NodeSettings,
    check_count,
    check_liveness,
    check_seconds,
    is_node_name,
    parse_address,
)

_DESCRIPTORS_PER_WORKER: Final = 8
_PRESSURE_EVERY_S: Final = 1.0
_EXIT_POLL_S: Final = 0.002
log: Final = logging.getLogger("argon.node")


class Node(Server):
    """A pool of worker processes on one machine. It serves a cluster, or listens for clients by itself.

    The constructor does not connect; ``start()`` does. If the connection to the cluster is lost, or there is no cluster
    yet, the node tries to connect again, without a limit.

    Args:
        manager: ``host:port`` of the cluster to serve. Give either this or ``port``.
        workers: number of worker processes, one for each CPU by default.
        max_requests: number of tasks after which a worker process is replaced, None (the default) for never.
        include: directories in which the workers look for modules first.
        name: name of the node in the cluster, of ``[A-Za-z0-9._:-]``; by default the host name, the process id and a
            random number.
        host, port: where to listen for clients, without a cluster. ``host`` is ``localhost`` by default; port 0 lets
            the system choose, and ``address`` then has the number.
        queue_limit: as for ``Cluster``, if it listens.
        kill_after: seconds from SIGTERM to SIGKILL when a task is killed, 5 by default.
        drain_timeout: seconds that running tasks may take to finish after SIGTERM or ``drain()``, 30 by default.
        max_payload: how many bytes the payload of one result may have, 64 MiB by default.
        heartbeat, dead_after: as for ``Cluster``, if it listens. With a cluster they are None by default, for what the
            cluster asks for: ``heartbeat`` is the seconds between heartbeats, never more than the cluster wants, and
            ``dead_after`` the seconds of silence after which the cluster counts as lost, at least two heartbeats.
        report_load: whether the node reports to the cluster how busy its machine is, so that the cluster prefers less
            busy nodes; True by default.
        threads_per_worker: how many threads libraries such as BLAS and OpenMP start in one worker, where the
            environment does not say it (``OMP_NUM_THREADS`` and the like); by default the CPUs divided by the workers.
        token: the cluster's token, as text; by default that of ``$ARGON_TOKEN``, else that of the user's token file.

    Raises:
        ValueError: a parameter is out of its range. The message has its name and what it may be.
        AddressInvalid: ``manager`` does not have the form ``host:port``.
        TokenInvalid: the token cannot be used (when it starts). The message says what to do.
        AuthenticationFailed: the token is not the cluster's (when it starts). Use the cluster's token file or token.
        ListenRefused: it cannot listen there (when it starts). The message says what to do.

    Example:
        >>> argon.Node(manager="localhost:8000", workers=4).start()  # doctest: +SKIP
    """

    def __init__(
        self,
        manager: str | None = None,
        workers: int | None = None,
        max_requests: int | None = None,
        include: Sequence[str] = (),
        name: str | None = None,
        *,
        host: str = DEFAULT_HOST,
        port: int | None = None,
        queue_limit: int = QUEUE_LIMIT,
        kill_after: float = KILL_AFTER_S,
        drain_timeout: float = DRAIN_TIMEOUT_S,
        max_payload: int = MAX_PAYLOAD_BYTES,
        heartbeat: float | None = None,
        dead_after: float | None = None,
        report_load: bool = True,
        threads_per_worker: int | None = None,
        token: str | None = None,
    ) -> None:
        super().__init__(drain_timeout)
        if (manager is None) == (port is None):
            raise ValueError("give either manager, to serve a cluster, or port, to listen for clients without one")
        if manager is not None:
            parse_address(manager)
        if isinstance(include, str):
            raise ValueError("include must be a list of directories, not one string")
        self.name = _checked_name(name)
        self.workers = check_count("workers", _cpus() if workers is None else workers, 1, MAX_WORKERS)
        self.owner_fd = NOBODY  # this and the next are set by the process of a local cluster, before it starts
        self.worker_flags = interpreter_flags()
        threads = max(1, _cpus() // self.workers) if threads_per_worker is None else threads_per_worker
        self._threads_per_worker = check_count("threads_per_worker", threads, 1, MAX_THREADS)
        self._manager = manager
        self._include = [os.path.abspath(directory) for directory in include]
        self._max_payload_bytes = check_count("max_payload", max_payload, MIN_MAX_PAYLOAD_BYTES, 1 << 31)
        self._report_load = report_load
        self._pressure_timer: asyncio.TimerHandle | None = None
        self._token = token
        settings = NodeSettings(
            name=self.name,
            incarnation=secrets.randbits(63),
            workers=self.workers,
            max_requests=None if max_requests is None else check_count("max_requests", max_requests, 1, 1 << 40),
            kill_after_s=check_seconds("kill_after", kill_after),
            liveness=check_liveness(heartbeat, dead_after),
        )
        self._shell = NodeShell(settings, self._stop, self._broken)
        self._cluster: Cluster | None = None
        if port is not None:
            self._cluster = Cluster(
                host,
                port,
                queue_limit,
                max_payload=max_payload,
                drain_timeout=drain_timeout,
                heartbeat=HEARTBEAT_S if heartbeat is None else heartbeat,
                dead_after=DEAD_AFTER_S if dead_after is None else dead_after,
                token=token,
            )
        self._pool: Pool | None = None
        self._dialer: Dialer | None = None
        self._dialing: asyncio.Task[None] | None = None
        self._leaving = False
        self._last_failure = ""
        self._in_trouble = False

    @property
    def address(self) -> str | None:
        """Where it listens, ``host:port``, or None."""
        return self._cluster.address if self._cluster is not None else None

    # ---- life ---------------------------------------------------------------------------------------------------

    async def _open(self) -> None:
        descriptors_max = raise_descriptor_limit(_DESCRIPTORS_PER_WORKER * self.workers + 256)
        launch = Launch(
            self.name,
            self._include,
            self._max_payload_bytes,
            self.worker_flags,
            worker_environment(os.environ, self._threads_per_worker, owned=self.owner_fd != NOBODY),
            self.owner_fd,
            descriptors_max,
        )
        self._pool = Pool(
            launch=launch,
            on_ready=self._shell.worker_ready,
            on_outcomes=self._shell.worker_answered,
            on_exit=self._shell.worker_ended,
        )
        self._shell.start(self._pool)
        if self._report_load:
            self._report_pressure()
        if self._cluster is not None:
            await self._cluster.__aenter__()
            self._join(self._cluster)
        else:
            assert self._manager is not None
            await self._dial(self._manager)
        assert self._stopped is not None
        ready = asyncio.ensure_future(self._shell.ready.wait())
        ends: list[asyncio.Future[Any]] = [ready, self._stopped]
        await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        ready.cancel()

    def _drain_now(self, timeout_s: float) -> None:
        self._guarded(self._drain, timeout_s)

    def _drain(self, timeout_s: float) -> None:
        self._leaving = True
        if self._cluster is not None and self._cluster.running():
            self._cluster.drain_within(timeout_s)
        else:
            self._shell.drain(timeout_s)

    def _close(self) -> None:
        if self._pressure_timer is not None:
            self._pressure_timer.cancel()
        if self._dialing is not None:
            self._dialing.cancel()
        self._shell.close("the node is leaving")

    async def _linger(self) -> None:
        if self._pool is not None:
            self._pool.leave()
            try:
                end = monotonic() + EXIT_WITHIN_S
                while self._pool.running() and monotonic() < end:  # noqa: ASYNC110 - the loop has let go of them
                    await asyncio.sleep(_EXIT_POLL_S)
            finally:
                self._pool.close()
        if self._cluster is not None and self._cluster.address:
            await self._cluster.__aexit__()
        if self._dialing is not None:
            with suppress(asyncio.CancelledError):
                await self._dialing
        if self._dialer is not None:
            await self._dialer.wait_closed()

    def _report_pressure(self) -> None:
        self._pressure_timer = asyncio.get_running_loop().call_later(_PRESSURE_EVERY_S, self._report_pressure)
        self._guarded(self._shell.pressed, cpu_pressure())

    # ---- the cluster --------------------------------------------------------------------------------------------

    def _join(self, cluster: Cluster) -> None:
        """Connects this node to the cluster in its own process; when that stops, so does the node."""
        cluster.attach(MemoryChannel(None, self._shell.received, lambda link, _: self._own_cluster_gone(link)))
        cluster.when_stopped(self._own_cluster_stopped)

    def _own_cluster_stopped(self, stopped: asyncio.Future[None]) -> None:
        """A broken invariant there ends this node too."""
        error = None if stopped.cancelled() else stopped.exception()
        if error is not None and self._stopped is not None and not self._stopped.done():
            self._stopped.set_exception(error)

    def _own_cluster_gone(self, link: MemoryChannel) -> None:
        self._guarded(self._shell.lost, link)
        self._guarded(self._shell.drain, 0.0)

    async def _dial(self, manager: str) -> None:
        self._dialer = Dialer(
            manager,
            Role.NODE,
            find_token(self._token),
            on_up=lambda channel, welcome: self._guarded(self._welcomed, channel, welcome),
            on_messages=self._shell.received,
            on_down=self._cluster_gone,
            on_failure=self._not_connected,
        )
        try:
            await self._dialer.connect()
        except ConnectionFailed as failure:
            self._not_connected(failure)
        self._dialing = asyncio.get_running_loop().create_task(self._dialer.keep())

    def _not_connected(self, failure: ConnectionFailed | AuthenticationFailed) -> None:
        self._in_trouble = True
        if str(failure) != self._last_failure:
            self._last_failure = str(failure)
            log.warning("%s; trying to connect again", failure)

    def _welcomed(self, channel: Channel, welcome: Welcome) -> None:
        level = logging.WARNING if self._in_trouble else logging.INFO  # who has read of trouble reads of its end
        self._last_failure, self._in_trouble = "", False
        self._shell.welcomed(channel, welcome, level)

    def _cluster_gone(self, channel: Channel, reason: str) -> None:
        if self._leaving:
            log.info("disconnected from the cluster: %s", reason)
        else:
            self._in_trouble = True
            log.warning("disconnected from the cluster: %s; trying to connect again", reason)
        self._guarded(self._shell.lost, channel)


def _cpus() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _checked_name(name: str | None) -> str:
    if name is None:
        host = "".join(char if char in NODE_NAME_CHARS else "-" for char in socket.gethostname())
        host = host[: MAX_NAME_CHARS - 20] or "node"
        return f"{host}-{os.getpid()}-{random.randrange(16**4):04x}"
    if not is_node_name(name):
        raise ValueError(f"a node's name has 1 to {MAX_NAME_CHARS} characters of A-Z a-z 0-9 . _ : -, not {name!r}")
    return name
