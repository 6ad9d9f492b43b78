"""Defaults and limits, each with its name and unit, and what callers write: priorities and addresses.

In: strings and numbers from callers. Out: checked values, or an exception that says what is allowed. Nothing here reads
the environment or a file.
"""

from __future__ import annotations

from enum import IntEnum
from math import inf
from typing import Final

import msgspec

from argon.errors import AddressInvalid

DEFAULT_HOST: Final = "localhost"
DEFAULT_PORT: Final = 8000
DEFAULT_ADDRESS: Final = f"{DEFAULT_HOST}:{DEFAULT_PORT}"

QUEUE_LIMIT: Final = 128
QUEUE_BYTES: Final = 256 << 20
CLIENT_LIMIT: Final = 10_000_000  # none beside the client's fair share
MAX_PAYLOAD_BYTES: Final = 64 << 20
MIN_MAX_PAYLOAD_BYTES: Final = 1 << 10  # every failure in words fits into that
MAX_WORKERS: Final = 4096
MAX_THREADS: Final = 4096
EXIT_WITHIN_S: Final = 5
MAX_CONNECTIONS: Final = 4096
MAX_CONTROL_BYTES: Final = 1 << 20
MAX_NAME_CHARS: Final = 128
NODE_NAME_CHARS: Final = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._:-")
MAX_TIMEOUT_S: Final = 10.0 * 365 * 86400
PREFETCH_S: Final = 0.025  # a task predicted to take no longer may wait behind one other task at a busy worker

HELLO_TIMEOUT_S: Final = 5.0
CONNECT_TIMEOUT_S: Final = 10.0
HEARTBEAT_S: Final = 5.0
DEAD_AFTER_S: Final = 15.0
OUT_BUFFER_BYTES: Final = 8 << 20
OUT_BUFFER_STALL_S: Final = 10.0
OUT_BUFFERS_BYTES: Final = 1 << 30
DRAIN_TIMEOUT_S: Final = 30.0
KILL_AFTER_S: Final = 5.0
AGE_STEP_S: Final = 1.0
RECONNECT_MIN_S: Final = 0.1
RECONNECT_MAX_S: Final = 30.0


class Priority(IntEnum):
    """Five priorities; a lower number is more urgent. Waiting tasks age, so that none starves."""

    MAX = 0
    HIGH = 1
    NORMAL = 2
    LOW = 3
    MIN = 4


class ClusterSettings(msgspec.Struct, frozen=True):
    """The settings of a cluster.

    Attributes:
        queue_limit: most tasks admitted and not yet assigned.
        queue_bytes: most bytes of their payloads.
        max_payload_bytes: most bytes of one payload.
        queue_target_s: how long tasks may wait in the queue before new ones are rejected; infinity for no limit, None
            for a target that follows the mean run time.
        client_limit: most tasks that one client may have outstanding.
        age_step_s: after this time, that in its client included, a waiting task counts as one priority more urgent.
        heartbeat_s, dead_after_s: a heartbeat goes to every peer this often; a peer silent for longer is dead.
    """

    queue_limit: int = QUEUE_LIMIT
    queue_bytes: int = QUEUE_BYTES
    max_payload_bytes: int = MAX_PAYLOAD_BYTES
    queue_target_s: float | None = None
    client_limit: int = CLIENT_LIMIT
    age_step_s: float = AGE_STEP_S
    heartbeat_s: float = HEARTBEAT_S
    dead_after_s: float = DEAD_AFTER_S


class PeerLiveness(msgspec.Struct, frozen=True):
    """What a client or a node wants of its cluster's heartbeats; None for what the cluster says.

    Attributes:
        heartbeat_s: it sends a heartbeat this often, or more often if the cluster asks for that.
        dead_after_s: a cluster silent for longer is dead; at least two of the cluster's heartbeats.
    """

    heartbeat_s: float | None = None
    dead_after_s: float | None = None


AS_THE_CLUSTER_SAYS: Final = PeerLiveness()


class NodeSettings(msgspec.Struct, frozen=True):
    """The settings of a node.

    Attributes:
        name: its name in the cluster.
        incarnation: a random number drawn when it started.
        workers: how many worker processes it has.
        max_requests: how many tasks a worker runs before it is replaced, None for no limit.
        kill_after_s: how long a worker may ignore SIGTERM before SIGKILL.
        liveness: how it judges its cluster.
    """

    name: str
    incarnation: int
    workers: int
    max_requests: int | None = None
    kill_after_s: float = KILL_AFTER_S
    liveness: PeerLiveness = AS_THE_CLUSTER_SAYS


def parse_address(text: str) -> tuple[str, int]:
    """Splits ``host:port``.

    Args:
        text: ``host:port``, or ``:port`` for localhost; an IPv6 host goes in brackets, ``[::1]:8000``.

    Returns:
        The host and the port (0–65535; 0 lets the system choose when listening).

    Raises:
        AddressInvalid: the text has another form. The message says which form it must have.

    >>> parse_address("localhost:8000")
    ('localhost', 8000)
    """
    if not isinstance(text, str):
        raise AddressInvalid(f"an address has the form host:port, not {text!r}", address=text)
    host, colon, port = text.rpartition(":")
    bracketed = host.startswith("[") and host.endswith("]")
    if not colon or (":" in host and not bracketed) or "/" in text or not port.isascii() or not port.isdigit():
        raise AddressInvalid(
            f"an address has the form host:port (an IPv6 host in brackets, [::1]:8000), not {text!r}", address=text
        )
    if len(port) > 5 or int(port) > 65535:
        raise AddressInvalid(f"a port must be a number from 0 to 65535, not {port} in {text!r}", address=text)
    return (host[1:-1] if bracketed else host) or DEFAULT_HOST, int(port)


def format_address(host: str, port: int) -> str:
    """Joins a host and a port so that ``parse_address`` splits them again."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def is_node_name(name: str) -> bool:
    """Whether a node may be called so: 1 to ``MAX_NAME_CHARS`` of ``NODE_NAME_CHARS``."""
    return 0 < len(name) <= MAX_NAME_CHARS and NODE_NAME_CHARS.issuperset(name)


def check_queue_target(value: float | str) -> float | None:
    """Turns ``queue_target_ms`` into seconds: infinity for ``"off"``, None for ``"auto"``; raises ``ValueError`` for
    what is neither, nor a positive number."""
    if value == "auto":
        return None
    if value == "off":
        return inf
    if isinstance(value, str) or type(value) not in (int, float) or not 0 < value <= 1000.0 * MAX_TIMEOUT_S:
        raise ValueError(f'queue_target_ms must be "auto", "off" or a positive number of milliseconds, not {value!r}')
    return float(value) / 1000.0


def check_count(name: str, value: int, low: int, high: int) -> int:
    """Returns ``value`` if it is an integer from ``low`` to ``high``; raises ``ValueError`` naming it otherwise."""
    if type(value) is not int or not low <= value <= high:
        raise ValueError(f"{name} must be a whole number from {low} to {high}, not {value!r}")
    return value


def check_seconds(name: str, value: float) -> float:
    """Returns ``value`` if it is a positive number of seconds; raises ``ValueError`` naming it otherwise."""
    if type(value) not in (int, float) or not 0 < value <= MAX_TIMEOUT_S:
        raise ValueError(f"{name} must be a positive number of seconds, not {value!r}")
    return float(value)


def check_connect_timeout(value: float | None) -> float | None:
    """Returns the option ``connect_timeout``: a positive number of seconds, or None for one attempt."""
    return None if value is None else check_seconds("connect_timeout", value)


def check_liveness(heartbeat: float | None, dead_after: float | None) -> PeerLiveness:
    """Turns the options ``heartbeat`` and ``dead_after`` of a client or a node into what it wants, None for the
    cluster's; raises ``ValueError`` for what is no positive number of seconds, or if the first is not the shorter."""
    heartbeat_s = None if heartbeat is None else check_seconds("heartbeat", heartbeat)
    dead_after_s = None if dead_after is None else check_seconds("dead_after", dead_after)
    if heartbeat_s is not None and dead_after_s is not None and not heartbeat_s < dead_after_s:
        raise ValueError(f"dead_after ({dead_after!r}) must be longer than heartbeat ({heartbeat!r})")
    return PeerLiveness(heartbeat_s, dead_after_s)
