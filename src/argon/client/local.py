"""``argon.local``: a cluster on this machine and a client of it, in one line.

In: how many workers. Out: a client. Closing it ends both.
"""

from __future__ import annotations

from collections.abc import Sequence

from argon.client.client import Client
from argon.client.local_cluster import LocalCluster


class LocalClient(Client):
    """A client that owns the local cluster it is connected to; closing it ends both.

    ``address`` and ``token`` let other clients join: ``argon.AsyncClient(client.address, token=client.token)``.
    """

    def __init__(self, cluster: LocalCluster) -> None:
        self._local = cluster
        self.token = cluster.token
        try:
            super().__init__(cluster.address, token=cluster.token)
        except BaseException:
            cluster.close()
            raise

    def close(self) -> None:
        """Disconnects and ends the local cluster."""
        super().close()
        self._local.close()


def local(workers: int | None = None, *, include: Sequence[str] = ()) -> LocalClient:
    """Starts a cluster on this machine and returns a client of it; closing the client ends both.

    Args:
        workers: worker processes; by default one for each CPU.
        include: directories in which workers look for modules first.

    Raises:
        ValueError: ``workers`` is not a whole number from 1.
        ConnectionFailed: it did not start.

    Example:
        >>> with argon.local(workers=2) as client:  # doctest: +SKIP
        ...     client.run(pow, 2, 10)
        1024
    """
    return LocalClient(LocalCluster(workers, include))
