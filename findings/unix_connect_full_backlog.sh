#!/usr/bin/env bash
# An event loop says that it is connected to a Unix listener that has no room.
#
# Expected: loop.sock_connect() and loop.create_unix_connection() wait, or raise, while the backlog of the listener is
# full. On Linux a non-blocking connect() then fails with EAGAIN and nothing is under way (man 2 connect; EINPROGRESS
# is what says that something is), so the caller must try again or give up.
#
# What happens: asyncio takes EAGAIN for EINPROGRESS, waits until the socket is writable, which it is at once, and finds
# no error on it. sock_connect() returns, and the socket has no peer. create_unix_connection() calls connection_made()
# and returns a transport, whose first read fails: connection_lost(OSError(EINVAL)). uvloop's create_unix_connection()
# raises the EAGAIN; its sock_connect() does as asyncio's.
#
# Where it matters: a burst of clients at a local service. Those beyond the backlog (100 by default in asyncio) count as
# connected, and fail later, at another place and with another reason; who retries only a failed connect does not
# retry. The listener need not be broken: it is enough that it is busy for a moment. A plain socket that connects before
# it is given to the loop (sock=...) sees the EAGAIN.
#
# Source: BaseSelectorEventLoop._sock_connect in Lib/asyncio/selector_events.py catches BlockingIOError, which both
# errors are. Like it: github.com/tokio-rs/mio/issues/1560, github.com/chriskohlhoff/asio/issues/1365.
# Seen: Python 3.11.7, 3.12.1 and 3.13.0, uvloop 0.23.0, Linux 6.18:
#   asyncio sock_connect: returned, without a peer
#   asyncio create_unix_connection: returned, then connection_lost(EINVAL)
#   uvloop sock_connect: returned, without a peer
#   uvloop create_unix_connection: raised EAGAIN
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check uvloop==0.23.0

cat >"$folder/connect.py" <<'PROGRAM'
import asyncio
import errno
import platform
import socket
import sys

import uvloop

EXPECTED = {
    "asyncio sock_connect": "returned, without a peer",
    "asyncio create_unix_connection": "returned, then connection_lost(EINVAL)",
    "uvloop sock_connect": "returned, without a peer",
    "uvloop create_unix_connection": "raised EAGAIN",
}


def name(error):
    return errno.errorcode[error.errno]


class Client(asyncio.Protocol):
    def __init__(self):
        self.lost = asyncio.get_running_loop().create_future()

    def connection_lost(self, error):
        self.lost.set_result(error)


async def with_sock_connect(path):
    with socket.socket(socket.AF_UNIX) as sock:
        sock.setblocking(False)
        try:
            await asyncio.wait_for(asyncio.get_running_loop().sock_connect(sock, path), 5)
        except OSError as error:
            return f"raised {name(error) if error.errno else type(error).__name__}"
        try:
            return f"returned, with the peer {sock.getpeername()}"
        except OSError:
            return "returned, without a peer"


async def with_create_unix_connection(path):
    connect = asyncio.get_running_loop().create_unix_connection(Client, path)
    try:
        transport, protocol = await asyncio.wait_for(connect, 5)
    except OSError as error:
        return f"raised {name(error) if error.errno else type(error).__name__}"
    try:
        return f"returned, then connection_lost({name(await asyncio.wait_for(protocol.lost, 5))})"
    except TimeoutError:
        transport.abort()
        return "returned, and stays"


path = sys.argv[1]
waiting = []
with socket.socket(socket.AF_UNIX) as listener:
    listener.bind(path)
    listener.listen(2)
    while True:  # until there is no room; nobody accepts
        waiting.append(socket.socket(socket.AF_UNIX))
        waiting[-1].setblocking(False)
        try:
            waiting[-1].connect(path)
        except BlockingIOError as error:
            print(f"a plain connect, after {len(waiting) - 1} that have room: {name(error)}")
            break
    found = {}
    for loop, factory in (("asyncio", asyncio.new_event_loop), ("uvloop", uvloop.new_event_loop)):
        for function in (with_sock_connect, with_create_unix_connection):
            with asyncio.Runner(loop_factory=factory) as runner:
                found[f"{loop} {function.__name__[5:]}"] = runner.run(function(path))
    for sock in waiting:
        sock.close()

print(f"Python {platform.python_version()}, uvloop {uvloop.__version__}, {platform.system()} {platform.release()}")
for what, how in found.items():
    print(f"{what}: {how}")
if found != EXPECTED:
    changed = ", ".join(what for what, how in found.items() if how != EXPECTED[what])
    sys.exit(f"The behaviour has changed: {changed}.")
PROGRAM
"$folder/venv/bin/python" "$folder/connect.py" "$folder/socket"
