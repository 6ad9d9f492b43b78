"""Other systems, each driven as the suite drives Argon: with two workers, on this machine, and as suits it best.

In: a peer's name. Out: a Subject of it, or why there can be none. It must never import anything of a peer before that
peer is asked for: none of them need be installed.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from benchmarks.subject import Subject


class _Peer(NamedTuple):
    home: str  # the module and the class of its Subject
    packages: tuple[str, ...] = ()  # of Python; what they are imported as is their name
    programs: tuple[tuple[str, str], ...] = ()  # each with the system's package that has it


_KNOWN = {
    "ppe": _Peer("process_pool.ProcessPoolSubject"),
    "gearmand": _Peer("gearman.GearmanSubject", programs=(("gearmand", "gearman-job-server"),)),
    "dask": _Peer("dask_cluster.DaskSubject", ("distributed",)),
    "ray": _Peer("ray_cluster.RayTasksSubject", ("ray",)),
    "ray_actors": _Peer("ray_cluster.RayActorsSubject", ("ray",)),
    "celery": _Peer("celery_redis.CelerySubject", ("celery", "redis"), (("redis-server", "redis-server"),)),
}


def available(name: str) -> str:
    """Why a peer cannot run here, and what to do about it, in one sentence; "" if it can."""
    peer = _KNOWN[name]
    packages = [package for package in peer.packages if find_spec(package) is None]
    system = [package for program, package in peer.programs if not path_of(program)]
    commands = [
        *([f"pip install {' '.join(packages)}"] if packages else []),
        *([f"apt-get install {' '.join(system)}"] if system else []),
    ]
    return f"not installed: {', '.join(commands)} (make bench-peers does it)" if commands else ""


def path_of(program: str) -> str:
    """Where a server's program is, or ""; Debian puts some of them where only root looks."""
    path = os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/local/sbin", "/usr/sbin"])
    return shutil.which(program, path=path) or ""


def _maker(home: str) -> Callable[..., Subject]:
    module, _, name = home.rpartition(".")

    def make(**options: int) -> Subject:
        subject: Subject = getattr(import_module(f"benchmarks.peers.{module}"), name)(**options)
        return subject

    return make


PEERS: dict[str, Callable[..., Subject]] = {name: _maker(peer.home) for name, peer in _KNOWN.items()}
