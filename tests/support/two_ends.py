"""The two ends of a call in one process: the script of a caller, and a worker that knows nothing of it."""

from __future__ import annotations

import os
import sys
import types
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from argon.call import definitions, main_modules, script_source


def script(monkeypatch: pytest.MonkeyPatch, source: str) -> types.ModuleType:
    """Makes this process the caller whose ``__main__`` has run this source."""
    main = types.ModuleType("__main__")
    main.__dict__["__builtins__"] = __builtins__
    exec(compile(source, "<script>", "exec", dont_inherit=True), main.__dict__)
    monkeypatch.setitem(sys.modules, "__main__", main)
    _become(monkeypatch)
    return main


@contextmanager
def worker(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Makes this process a worker for a while: another main module, and nothing that was kept."""
    with monkeypatch.context() as patch:
        patch.setitem(sys.modules, "__main__", types.ModuleType("__main__"))
        _become(patch)
        yield
        sys.modules.pop("__mp_main__", None)


def _become(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(script_source, "_session", [os.getpid(), os.urandom(script_source.SESSION_BYTES)])
    patch.setattr(main_modules, "_callers", type(main_modules._callers)())
    patch.setattr(main_modules, "_scripts", {})
    patch.setattr(definitions, "_kept", type(definitions._kept)())
    patch.setattr(definitions, "_carried", {})
