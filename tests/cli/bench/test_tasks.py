"""The tasks of the benchmark return their argument."""

from __future__ import annotations

import time

from argon.cli.bench.tasks import echo, nap, noop


def test_noop_returns_its_argument() -> None:
    assert noop(7) == 7


def test_echo_returns_the_payload() -> None:
    assert echo(b"payload") == b"payload"


def test_nap_takes_its_time_and_returns_its_argument() -> None:
    begin = time.monotonic()
    assert nap(0.01, "value") == "value"
    assert time.monotonic() - begin >= 0.01
