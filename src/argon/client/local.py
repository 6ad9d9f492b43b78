"""``argon.local``: a cluster on this machine and a client of it, in one line.

In: how many workers. Out: a client. Closing it ends both.
"""

from __future__ import annotations

from collections.abc import Sequence

from argon.client.client import Client
from argon.client.local_cluster import LocalCluster
from argon.settings import CONNECT_TIMEOUT_S, check_connect_timeout, check_liveness


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
    connect_timeout: float | None = CONNECT_TIMEOUT_S,
    heartbeat: float | None = None,
    dead_after: float | None = None,
) -> LocalClient:
    """Starts a cluster on this machine and returns a client of it. The cluster ends when the client is closed.

    The workers have the ``sys.path`` of this process.

    Args:
        workers: number of worker processes, one for each CPU by default.
        include: directories in which the workers look for modules first.
        connect_timeout: seconds for which the client tries to connect when the cluster has started, 10 by default.
            None for one attempt.
        heartbeat, dead_after: as for ``Cluster``; None (the default) for its defaults.

    Returns:
        A ``Client``; its ``address`` and ``token`` are for other clients.

    Raises:
        ValueError: ``workers`` is not a whole number from 1 to 4096, ``include`` is one string, or a time is not a
            positive number of seconds.
        ConnectionFailed: the cluster did not start. Its errors are on the standard error of this process.

    Example:
        >>> with argon.local(workers=2) as client:  # doctest: +SKIP
        ...     client.run(pow, 2, 10)
        1024
    """
    check_connect_timeout(connect_timeout)
    cluster = LocalCluster(workers, include, check_liveness(heartbeat, dead_after))
    return LocalClient(cluster, connect_timeout, heartbeat, dead_after)
