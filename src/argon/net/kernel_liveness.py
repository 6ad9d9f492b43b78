"""What the kernel knows of the other end of a connection, whatever the process there is doing.

In: a connected socket, of TCP or Unix. Out: for how long the other kernel has been silent, whether something has come
that nobody has read, whether the connection is over. It must never wait, and never take what has come.

A process that computes, is stopped or sits in a debugger sends nothing, but its kernel answers for it: on a Unix socket
the connection stands until it is closed, and on TCP each segment is acknowledged, and so is each probe. Only a machine
that has vanished, or a wire that is cut, leaves them without an answer.
"""

from __future__ import annotations

import select
import socket
import struct
from math import ceil
from typing import Final

_SUPPORTED: Final = hasattr(socket, "TCP_INFO")
_FAMILIES: Final = (socket.AF_INET, socket.AF_INET6)
_OPTION_MAX_S: Final = 32767  # the kernel refuses more
_PROBES_MAX: Final = 127
_CLOSED: Final = getattr(select, "POLLRDHUP", 0)
_UNANSWERED: Final = 2  # one that has just left may still be answered
_TCP_INFO: Final = struct.Struct("8B13I")  # up to the time since the last acknowledgement


def keep_alive(sock: socket.socket, heartbeat_s: float, dead_after_s: float) -> None:
    """Has the kernel probe a TCP connection on which nothing is said, also while this process does nothing.

    It probes after a silence of ``heartbeat_s``, and ends the connection when that stays without an answer for
    ``dead_after_s`` in all, both in whole seconds. ``TCP_USER_TIMEOUT`` is not set: it would also end the connection to
    a process that does not read for so long, although its kernel answers each probe.
    """
    if sock.family not in _FAMILIES or not _SUPPORTED:
        return
    idle_s = min(_OPTION_MAX_S, max(1, ceil(heartbeat_s)))
    probes = min(_PROBES_MAX, max(1, ceil(dead_after_s / idle_s) - 1))
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, idle_s)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, idle_s)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, probes)


def silent_for_s(sock: socket.socket) -> float:
    """For how many seconds the other kernel has owed an answer; 0 if it owes none."""
    if sock.family not in _FAMILIES or not _SUPPORTED:
        return 0.0
    fields = _TCP_INFO.unpack(sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _TCP_INFO.size))
    retransmits, probes, data_ms, acknowledged_ms = fields[2], fields[3], fields[19], fields[20]
    return min(data_ms, acknowledged_ms) / 1000.0 if max(retransmits, probes) >= _UNANSWERED else 0.0


def has_unread(sock: socket.socket) -> bool:
    """Whether something has come that was not read yet, the end of the connection included."""
    return bool(_poll(sock, select.POLLIN))


def is_cut_off(sock: socket.socket) -> bool:
    """Whether the other side has closed the connection, or it is broken. What has come before may still be read."""
    return bool(_poll(sock, _CLOSED))


def _poll(sock: socket.socket, events: int) -> int:
    """Which of these events there are, or an error or a hang-up, which are always told."""
    poll = select.poll()
    poll.register(sock.fileno(), events)
    return sum(happened for _, happened in poll.poll(0))
