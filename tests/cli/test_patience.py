"""Who waits because no node is there is told so, and nobody else; lines are read as they come."""

from __future__ import annotations

import io
import os
import threading
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import pytest

from argon.cli.patience import awaited, lines_of, nobody_works_noted
from argon.errors import ConnectionFailed


class Asked:
    """A client that says when it has been asked."""

    address = "localhost:8000"

    def __init__(self, nodes: list[str] | None) -> None:
        self._nodes = nodes
        self.asked = threading.Event()

    def status(self) -> dict[str, Any]:
        self.asked.set()
        if self._nodes is None:
            raise ConnectionFailed("there is no connection")
        return {"nodes": self._nodes}


def said(client: Asked, capsys: pytest.CaptureFixture[str]) -> str:
    with nobody_works_noted(client, after_s=0.0):
        assert client.asked.wait(10)
        for thread in threading.enumerate():
            if isinstance(thread, threading.Timer):
                thread.join(10)
    return capsys.readouterr().err


def test_waiting_without_a_node_is_explained(capsys: pytest.CaptureFixture[str]) -> None:
    assert said(Asked([]), capsys) == (
        "argon: waiting, since the cluster has no node; start one with: argon node --cluster localhost:8000\n"
    )


@pytest.mark.parametrize("nodes", [["one"], None])
def test_waiting_for_another_reason_is_not(nodes: list[str] | None, capsys: pytest.CaptureFixture[str]) -> None:
    assert said(Asked(nodes), capsys) == ""


def test_what_ends_in_time_asks_nothing() -> None:
    client = Asked([])
    with nobody_works_noted(client, after_s=60.0):
        pass
    assert not client.asked.is_set()


def test_future_is_awaited_however_long_it_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("argon.cli.patience._LOOK_UP_S", 0.001)
    future: Future[int] = Future()
    looks = 0

    def later(futures: list[Future[int]], timeout: float) -> None:
        nonlocal looks
        looks += 1
        if looks == 3:
            future.set_result(7)

    monkeypatch.setattr("argon.cli.patience.wait", later)
    assert awaited(future) == 7


def test_exception_of_the_future_is_raised() -> None:
    future: Future[int] = Future()
    future.set_exception(LookupError("gone"))
    with pytest.raises(LookupError):
        awaited(future)


@pytest.mark.parametrize(
    "text",
    [b"", b"1\n", b"1\n2", b"\n\n", b"one\n\ntwo\n", b"x" * 200_000 + b"\n" + b"y" * 70_000, b"\n" * 70_000],
)
def test_lines_are_those_of_the_file_however_they_come(text: bytes, tmp_path: Path) -> None:
    path = tmp_path / "lines"
    path.write_bytes(text)
    with path.open("rb") as file:
        assert list(lines_of(file)) == list(io.BytesIO(text))


def test_lines_that_nobody_wants_any_more_are_not_waited_for() -> None:
    reading, writing = os.pipe()
    with open(reading, "rb") as file, open(writing, "wb", buffering=0) as out:
        out.write(b"one\n")
        assert list(lines_of(file, unwanted=lambda: True)) == [b"one\n"]


def test_line_is_given_while_the_next_is_waited_for() -> None:
    reading, writing = os.pipe()
    with open(reading, "rb") as file, open(writing, "wb", buffering=0) as out:
        lines = lines_of(file)
        out.write(b"on")
        out.write(b"e\ntw")
        assert next(lines) == b"one\n"
        out.write(b"o\n")
        assert next(lines) == b"two\n"
