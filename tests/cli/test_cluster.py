"""`argon cluster` makes a cluster as asked, and says when it is ready."""

from __future__ import annotations

import pytest

from argon.errors import ListenRefused
from tests.cli.conftest import Run
from tests.cli.fakes import FakeServer


def test_defaults_are_those_of_the_manual(argon: Run, fake_cluster: type[FakeServer]) -> None:
    ran = argon("cluster")
    assert (ran.status, ran.out) == (0, "argon cluster ready at localhost:8000\n")
    assert fake_cluster.made[0].options == {"host": "localhost", "port": 8000, "queue_limit": 128}


@pytest.mark.parametrize(
    ("arguments", "option", "value"),
    [
        (["--host", "127.0.0.1"], "host", "127.0.0.1"),
        (["--port", "9000"], "port", 9000),
        (["--queue-limit", "7"], "queue_limit", 7),
    ],
)
def test_option_reaches_the_cluster(
    argon: Run, fake_cluster: type[FakeServer], arguments: list[str], option: str, value: object
) -> None:
    assert argon("cluster", *arguments).status == 0
    assert fake_cluster.made[0].options[option] == value


def test_port_0_says_which_port_was_chosen(argon: Run, fake_cluster: type[FakeServer]) -> None:
    assert argon("cluster", "--port", "0").out == "argon cluster ready at localhost:4321\n"


@pytest.mark.parametrize("value", ["0", "-1", "abc", "1e3"])
def test_queue_limit_out_of_range_is_a_usage_error(argon: Run, fake_cluster: type[FakeServer], value: str) -> None:
    ran = argon("cluster", "--queue-limit", value)
    assert ran.status == 2
    assert "--queue-limit" in ran.err
    assert "from 1 to 10000000" in ran.err
    assert repr(value) in ran.err
    assert not fake_cluster.made


def test_sentence_of_the_cluster_is_kept(
    argon: Run, fake_cluster: type[FakeServer], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fake_cluster, "failure", ListenRefused("its own words"))
    ran = argon("cluster")
    assert (ran.status, ran.err) == (1, "argon: its own words\n")


def test_what_the_cluster_refuses_is_a_usage_error(
    argon: Run, fake_cluster: type[FakeServer], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fake_cluster, "refusal", ValueError("queue_limit is too large"))
    ran = argon("cluster")
    assert ran.status == 2
    assert "queue_limit is too large" in ran.err
