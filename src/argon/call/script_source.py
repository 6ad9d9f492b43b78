"""What a worker needs to import its caller's script, and by what it tells one caller's main module from another's.

In: nothing. Out: a session, which is a number of the process, and the struct that carries a script. It must never know
how a script is imported, nor what it defines.
"""

from __future__ import annotations

import os
from typing import Final

import msgspec

MAIN_NAMES: Final = frozenset({"__main__", "__mp_main__"})  # every process has its own
SESSION_BYTES: Final = 8

_session = [os.getpid(), os.urandom(SESSION_BYTES)]


def own_session() -> bytes:
    """By which the main module of this process is known; a forked process has another."""
    if _session[0] != os.getpid():
        _session[:] = [os.getpid(), os.urandom(SESSION_BYTES)]
    session: bytes = _session[1]  # type: ignore[assignment]
    return session


class ScriptSource(msgspec.Struct, frozen=True):
    """What a worker needs to import a script.

    Attributes:
        session: the caller's, by which its main module is known.
        source: its text.
        file: what ``__file__`` is.
        name: its own, if it was started by ``python -m``; else None.
    """

    session: bytes
    source: bytes
    file: str
    name: str | None
