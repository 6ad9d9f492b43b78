"""``argon.local``: a cluster on this machine and a client of it, in one line.

In: how many workers. Out: a client. Closing it ends both.
"""

from __future__ import annotations

from collections.abc import Sequence

from argon.client.client import Client
from argon.client.local_cluster import LocalCluster, NodeOptions
from argon.settings import (
    CONNECT_TIMEOUT_S,
    DRAIN_TIMEOUT_S,
    KILL_AFTER_S,
    MAX_PAYLOAD_BYTES,
    QUEUE_LIMIT,
    check_connect_timeout,
    check_liveness,
)


class LocalClient(Client):
    """A client that owns the local cluster to which it is connected; ``close()`` ends both.

    Other clients can use the cluster too: ``argon.AsyncClient(client.address, token=client.token)``.
    """

    def __init__(
        self,
        cluster: LocalCluster,
        connect_timeout: float | None = CONNECT_TIMEOUT_S,
        heartbeat: float | None = None,
        dead_after: float | None = None,
    ) -> None:
        self._local = cluster
        self.token = cluster.token
        try:
            super().__init__(
                cluster.address,
                token=cluster.token,
                connect_timeout=connect_timeout,
                heartbeat=heartbeat,
                dead_after=dead_after,
            )
            self._script = cluster.script
            self._thread.own(cluster)
        except BaseException:
            cluster.close()
            raise

    def close(self) -> None:
        """Disconnects and ends the local cluster."""
        super().close()
        self._local.close()


def local(
    workers: int | None = None,
    *,
    include: Sequence[str] = (),
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
) -> LocalClient:
    """Starts a cluster on this machine and returns a client of it. The cluster ends when the client is closed.

    The workers are like child processes of this one: they have its ``sys.path``, its interpreter's options, its
    environment, working folder and streams.

    Args:
        workers: number of worker processes, one for each CPU by default.
        include: directories in which the workers look for modules first.
        import_script: whether a worker imports this program's script when a task needs it, as multiprocessing's spawn
            does, if it is guarded by ``if __name__ == "__main__"``; True by default. Otherwise what the script defines
            travels by value.
        max_payload: how many bytes the payload of one task or one result may have, 64 MiB by default.
        max_requests, threads_per_worker, queue_limit, kill_after, drain_timeout, report_load: as for ``argon.Node``.
        connect_timeout: seconds for which the client tries to connect when the cluster has started, 10 by default.
            None for one attempt.
        heartbeat, dead_after: as for ``Cluster``; None (the default) for its defaults.

    Returns:
        A ``Client``; its ``address`` and ``token`` are for other clients.

    Raises:
        ValueError: ``workers`` is not a whole number from 1 to 4096, ``include`` is one string, or an option is out of
            its range.
        ConnectionFailed: the cluster did not start. Its errors are on the standard error of this process.
        RuntimeError: it was called while a worker imports the script: start it below the script's guard. Or this
            program is no Python interpreter, and cannot start one.

    Example:
        >>> with argon.local(workers=2) as client:  # doctest: +SKIP
        ...     client.run(pow, 2, 10)
        1024
    """
    check_connect_timeout(connect_timeout)
    check_liveness(heartbeat, dead_after)
    options = NodeOptions(
        max_payload=max_payload,
        max_requests=max_requests,
        threads_per_worker=threads_per_worker,
        queue_limit=queue_limit,
        kill_after=kill_after,
        drain_timeout=drain_timeout,
        report_load=report_load,
        heartbeat=heartbeat,
        dead_after=dead_after,
    )
    cluster = LocalCluster(workers, include, import_script=import_script, options=options)
    return LocalClient(cluster, connect_timeout, heartbeat, dead_after)
