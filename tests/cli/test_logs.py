"""What runs says what happens on standard error, and no more than was asked for."""

from __future__ import annotations

import io
import logging
from collections.abc import Iterator

import pytest

from argon.build import Build
from argon.cli.logs import log_to_stderr


@pytest.fixture(autouse=True)
def logger_as_it_was() -> Iterator[None]:
    argon = logging.getLogger("argon")
    handlers, level = list(argon.handlers), argon.level
    yield
    argon.handlers[:] = handlers
    argon.setLevel(level)


def test_warnings_are_shown_with_the_name_of_who_says_them(capsys: pytest.CaptureFixture[str]) -> None:
    log_to_stderr(debug=False)
    logging.getLogger("argon.node").warning("worker %d ended", 3)
    shown = capsys.readouterr()
    assert " WARNING argon.node: worker 3 ended\n" in shown.err
    assert not shown.out


@pytest.mark.parametrize("debug", [False, True])
def test_details_are_shown_only_with_debug(debug: bool, capsys: pytest.CaptureFixture[str]) -> None:
    log_to_stderr(debug=debug)
    logging.getLogger("argon.cluster").debug("peer 1 connected: a node")
    assert ("peer 1" in capsys.readouterr().err) is debug


def test_asked_for_twice_everything_is_said_once(capsys: pytest.CaptureFixture[str]) -> None:
    log_to_stderr(debug=False)
    log_to_stderr(debug=False)
    logging.getLogger("argon").warning("once")
    assert capsys.readouterr().err.count("once") == 1


@pytest.mark.parametrize("debug", [False, True])
@pytest.mark.parametrize(
    ("build", "quiet"),
    [(Build(), True), (Build("no compiler", "install one"), False), (Build("-e", "none", from_sources=True), True)],
)
def test_first_line_says_that_the_build_is_slower_than_need_be(
    build: Build, quiet: bool, debug: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("argon.cli.logs.this_build", lambda: build)
    log_to_stderr(debug=debug)
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == (0 if quiet and not debug else 1)
    assert all(line.endswith(f" {'DEBUG' if quiet else 'WARNING'} argon: {build}") for line in lines)


def test_closed_standard_error_stops_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    log_to_stderr(debug=False)
    for stream in (None, closed_stream()):
        monkeypatch.setattr("sys.stderr", stream)
        logging.getLogger("argon").warning("to nobody")


def closed_stream() -> io.StringIO:
    stream = io.StringIO()
    stream.close()
    return stream
