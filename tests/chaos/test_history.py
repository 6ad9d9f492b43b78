"""Histories: each process has a file of its own, which outlives it, and all are read as one."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from tests.chaos.history import History, Record, read
from tests.support.network import ROOT

WRITES_AND_DIES = """
import os, signal, sys
from pathlib import Path
from tests.chaos.history import History, Record
history = History(Path(sys.argv[1]))
for at in range(1000):
    history.write(Record("enter", float(at), task=f"t-{at}"))
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_what_a_killed_process_has_written_is_there(tmp_path: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    ended = subprocess.run([sys.executable, "-c", WRITES_AND_DIES, str(tmp_path)], env=environment, check=False)
    assert ended.returncode == -signal.SIGKILL
    assert [record.task for record in read(tmp_path)] == [f"t-{at}" for at in range(1000)]


def test_histories_are_read_as_one_by_time(tmp_path: Path) -> None:
    histories = [History(tmp_path), History(tmp_path)]
    for at in range(6):
        histories[at % 2].write(Record("enter", float(at)))
    for history in histories:
        history.close()
    records = read(tmp_path)
    assert [record.at for record in records] == [0, 1, 2, 3, 4, 5]
    assert [record.process for record in records[:2]] == [history.process for history in histories]
    assert histories[0].process != histories[1].process, "a process id may be used again"


def test_records_of_one_moment_stay_in_the_order_in_which_they_were_written(tmp_path: Path) -> None:
    history = History(tmp_path)
    for what in ("enter", "leave", "enter"):
        history.write(Record(what, 1.0))
    history.close()
    assert [record.what for record in read(tmp_path)] == ["enter", "leave", "enter"]


def test_lines_of_many_threads_stay_whole(tmp_path: Path) -> None:
    history = History(tmp_path)

    def write(number: int) -> None:
        for at in range(200):
            history.write(Record("answer", float(at), task="x" * 500 * number))

    threads = [threading.Thread(target=write, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    history.close()
    assert len(read(tmp_path)) == 800


def test_every_field_comes_back(tmp_path: Path) -> None:
    record = Record("answer", 1.5, task="t", node="n", outcome="lost", ran="unknown", run_s=0.25, is_right=False)
    history = History(tmp_path)
    history.write(record)
    history.close()
    assert read(tmp_path) == [record]


@pytest.mark.parametrize("line", [b'{"what":"ent', b'{"what":"\xff","at":1.0}', b"\xff", b"[]", b'{"what":1}'])
def test_line_that_is_no_record_is_named(tmp_path: Path, line: bytes) -> None:
    (tmp_path / "1-1.jsonl").write_bytes(b'{"what":"enter","at":1.0}\n' + line)
    with pytest.raises(ValueError, match=r"^1-1\.jsonl:2: "):
        read(tmp_path)
