"""Sessions, by which one caller's main module is told from another's."""

from __future__ import annotations

import os

import msgspec

from argon.call.script_source import ScriptSource, own_session


def test_a_session_stays_the_same_in_its_process() -> None:
    assert own_session() == own_session()


def test_a_forked_process_has_a_session_of_its_own() -> None:
    ours = own_session()
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(writer, own_session())
        os._exit(0)
    os.waitpid(child, 0)
    theirs = os.read(reader, 100)
    os.close(reader)
    os.close(writer)
    assert len(theirs) == len(ours)
    assert theirs != ours


def test_a_script_is_the_same_after_it_has_travelled() -> None:
    script = ScriptSource(b"12345678", b"print()", "/folder/script.py", None)
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(script), type=ScriptSource) == script
