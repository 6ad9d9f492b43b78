"""Whether a task ran is told truly, also where its function was never reached."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

import argon


@pytest.fixture
def client(tmp_path: Path) -> Iterator[argon.Client]:
    os.mkfifo(tmp_path / "never_written")
    (tmp_path / "blocks_on_import.py").write_text(f"open({str(tmp_path / 'never_written')!r}).read()\n")
    (tmp_path / "dies_on_import.py").write_text("import os\nos._exit(3)\n")
    with argon.local(workers=1, include=[str(tmp_path)]) as client:
        yield client


def test_task_that_expires_before_its_function_is_entered_did_not_run(client: argon.Client) -> None:
    with pytest.raises(argon.TaskExpired) as caught:
        client.with_options(timeout=1.0).run("blocks_on_import:function")
    assert caught.value.may_have_run == argon.MayHaveRun.NO
    assert client.run(abs, -1) == 1


def test_worker_that_dies_before_the_function_is_entered_says_that_it_did_not_run(client: argon.Client) -> None:
    with pytest.raises(argon.WorkerDied) as caught:
        client.run("dies_on_import:function")
    assert (caught.value.exit_code, caught.value.may_have_run) == (3, argon.MayHaveRun.NO)
    assert client.run(abs, -1) == 1


def test_worker_that_dies_in_the_function_says_that_it_ran(client: argon.Client) -> None:
    with pytest.raises(argon.WorkerDied) as caught:
        client.run(os._exit, 4)
    assert (caught.value.exit_code, caught.value.may_have_run) == (4, argon.MayHaveRun.YES)
