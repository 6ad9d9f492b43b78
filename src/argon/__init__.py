"""Argon: run Python functions on a cluster of processes and machines, with predictable latency.

The public names live here and are imported on first use, so that ``import argon`` costs almost nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from argon.call.time_left import time_left as time_left
    from argon.client.async_client import AsyncClient as AsyncClient
    from argon.client.client import Client as Client
    from argon.client.executor import Executor as Executor
    from argon.client.local import local as local
    from argon.cluster.cluster import Cluster as Cluster
    from argon.errors import AddressInvalid as AddressInvalid
    from argon.errors import ArgonError as ArgonError
    from argon.errors import ArgumentNotSerializable as ArgumentNotSerializable
    from argon.errors import AuthenticationFailed as AuthenticationFailed
    from argon.errors import ConnectionFailed as ConnectionFailed
    from argon.errors import ListenRefused as ListenRefused
    from argon.errors import MayHaveRun as MayHaveRun
    from argon.errors import Rejected as Rejected
    from argon.errors import RejectReason as RejectReason
    from argon.errors import RemoteError as RemoteError
    from argon.errors import ResultNotSerializable as ResultNotSerializable
    from argon.errors import TaskError as TaskError
    from argon.errors import TaskExpired as TaskExpired
    from argon.errors import TaskLost as TaskLost
    from argon.errors import TokenInvalid as TokenInvalid
    from argon.errors import UnknownFunction as UnknownFunction
    from argon.errors import WorkerDied as WorkerDied
    from argon.node.node import Node as Node
    from argon.settings import Priority as Priority

__version__ = "0.1.0"

_HOMES = {
    "AddressInvalid": "argon.errors",
    "ArgonError": "argon.errors",
    "ArgumentNotSerializable": "argon.errors",
    "AuthenticationFailed": "argon.errors",
    "ConnectionFailed": "argon.errors",
    "ListenRefused": "argon.errors",
    "MayHaveRun": "argon.errors",
    "RejectReason": "argon.errors",
    "Rejected": "argon.errors",
    "RemoteError": "argon.errors",
    "ResultNotSerializable": "argon.errors",
    "TaskError": "argon.errors",
    "TaskExpired": "argon.errors",
    "TaskLost": "argon.errors",
    "TokenInvalid": "argon.errors",
    "UnknownFunction": "argon.errors",
    "WorkerDied": "argon.errors",
    "AsyncClient": "argon.client.async_client",
    "Client": "argon.client.client",
    "Cluster": "argon.cluster.cluster",
    "Executor": "argon.client.executor",
    "Node": "argon.node.node",
    "Priority": "argon.settings",
    "local": "argon.client.local",
    "time_left": "argon.call.time_left",
}

__all__ = [*sorted(_HOMES), "__version__"]  # the names are the table's, nothing is listed twice


def __getattr__(name: str) -> object:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module 'argon' has no attribute {name!r}")
    value = getattr(import_module(home), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
