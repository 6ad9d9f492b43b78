"""`argon cluster` makes a cluster as asked, and says when it is ready."""

from __future__ import annotations

import json
import signal

import pytest

from argon.cli.child_process import ready_address, running
from argon.errors import ListenRefused
from tests.cli.conftest import Run
from tests.cli.fakes import FakeServer
from tests.cli.processes import marked


def test_defaults_are_those_of_the_manual(argon: Run, fake_cluster: type[FakeServer]) -> None:
    ran = argon("cluster")
    assert (ran.status, ran.out) == (0, "argon cluster ready at localhost:8000\n")
    assert fake_cluster.made[0].options == {
        "host": "localhost",
        "port": 8000,
        "queue_limit": 128,
        "queue_target_ms": "auto",
        "client_limit": None,
        "heartbeat": 5.0,
        "dead_after": 15.0,
    }


@pytest.mark.parametrize(
    ("arguments", "option", "value"),
    [
        (["--host", "127.0.0.1"], "host", "127.0.0.1"),
        (["--port", "9000"], "port", 9000),
        (["--queue-limit", "7"], "queue_limit", 7),
        (["--queue-target-ms", "7.5"], "queue_target_ms", 7.5),
        (["--queue-target-ms", "off"], "queue_target_ms", "off"),
        (["--client-limit", "7"], "client_limit", 7),
        (["--heartbeat", "2.5"], "heartbeat", 2.5),
        (["--dead-after", "30"], "dead_after", 30.0),
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


@pytest.mark.parametrize("value", ["0", "-1", "fast", "inf", ""])
def test_queue_target_that_is_neither_milliseconds_nor_a_word_is_a_usage_error(
    argon: Run, fake_cluster: type[FakeServer], value: str
) -> None:
    ran = argon("cluster", "--queue-target-ms", value)
    assert ran.status == 2
    assert "--queue-target-ms" in ran.err
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


# --- with real processes ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_live_cluster_says_that_it_is_ready_and_ends_by_a_signal(number: signal.Signals) -> None:
    with marked("cluster", "--port", "0") as process:
        assert process.stdout is not None
        assert process.stdout.readline().startswith("argon cluster ready at localhost:")
        process.send_signal(number)
        out, err = process.communicate(timeout=20)
    assert (process.returncode, out, err) == (0, "", "")


def test_live_port_in_use_is_one_sentence(argon_process: Run, live_address: str) -> None:
    ran = argon_process("cluster", "--port", live_address.rpartition(":")[2])
    assert (ran.status, ran.out) == (1, "")
    assert "is in use" in ran.err
    assert ran.err.count("\n") == 1


def test_live_queue_limit_is_the_clusters(argon_process: Run) -> None:
    with running(["cluster", "--port", "0", "--queue-limit", "7"]) as cluster:
        ran = argon_process("status", "--json", "--cluster", ready_address(cluster.ready_line))
    assert json.loads(ran.out)["queue_limit"] == 7
