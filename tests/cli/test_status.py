"""`argon status` prints the numbers of a cluster."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.cli.conftest import Run
from tests.cli.fakes import STATUS, FakeClient
from tests.support.waiting import wait_until


def test_json_is_what_the_cluster_said(argon: Run, fake_client: type[FakeClient]) -> None:
    ran = argon("status", "--json")
    assert ran.status == 0
    assert json.loads(ran.out) == STATUS


def test_table_has_the_queue_every_node_and_every_counter(argon: Run, fake_client: type[FakeClient]) -> None:
    ran = argon("status")
    assert ran.status == 0
    assert "3 of 128" in ran.out
    rows = [line.split() for line in ran.out.splitlines()]
    assert ["node-a", "2", "1", "62%"] in rows
    assert ["node-b", "4", "4", "0%"] in rows
    assert ["accepted", "12,345"] in rows
    assert ["lost", "0"] in rows


def test_table_has_every_decision_and_the_reasons_of_rejections_that_there_were(
    argon: Run, fake_client: type[FakeClient]
) -> None:
    rows = [line.split() for line in argon("status").out.splitlines()]
    assert ["to_free_worker", "11,000"] in rows
    assert ["prefetched", "1,345"] in rows
    assert ["rejected", "QUEUE_FULL", "7"] in rows
    assert not any("DEADLINE" in row for row in rows)


def test_table_without_nodes_says_how_to_start_one(
    argon: Run, fake_client: type[FakeClient], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(FakeClient, "status", lambda self: {**STATUS, "nodes": []})
    assert "argon node --cluster" in argon("status").out


def test_name_of_a_node_is_never_markup(
    argon: Run, fake_client: type[FakeClient], monkeypatch: pytest.MonkeyPatch
) -> None:
    node = {"name": "[bold]x[/]", "workers": 1, "in_flight": 0}
    monkeypatch.setattr(FakeClient, "status", lambda self: {**STATUS, "role": "[red]", "nodes": [node]})
    ran = argon("status")
    assert "[bold]x[/]" in ran.out
    assert "[red]" in ran.out


def test_cluster_option_says_whose_numbers(argon: Run, fake_client: type[FakeClient]) -> None:
    argon("status", "--cluster", "here:1")
    assert fake_client.made[0].address == "here:1"


@pytest.mark.parametrize(("given", "connect_timeout"), [([], None), (["--connect-timeout", "2.5"], 2.5)])
@pytest.mark.parametrize("command", [["status"], ["run", "math:sqrt", "4"], ["map", "math:sqrt"], ["explain", "3.17"]])
def test_connect_timeout_reaches_the_client_of_each_command(
    argon: Run, fake_client: type[FakeClient], command: list[str], given: list[str], connect_timeout: float | None
) -> None:
    argon(*command, *given)
    assert fake_client.made[0].connect_timeout == connect_timeout


@pytest.mark.parametrize("columns", ["1", "20"])
def test_narrow_terminal_is_no_crash(
    argon: Run, fake_client: type[FakeClient], monkeypatch: pytest.MonkeyPatch, columns: str
) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    assert argon("status").status == 0


# --- with real processes ----------------------------------------------------------------------------------------------


def test_live_numbers_are_all_there(argon_process: Run, live_address: str) -> None:
    numbers: dict[str, Any] = {"workers": 0}

    def all_workers_are_there() -> bool:  # one that a test before has ended may not be replaced yet
        ran = argon_process("status", "--json", "--cluster", live_address)
        assert ran.status == 0
        numbers.update(json.loads(ran.out))
        return bool(numbers["workers"] == 2)

    wait_until(all_workers_are_there)
    assert set(STATUS) <= set(numbers)
    assert [(node["name"], node["workers"]) for node in numbers["nodes"]] == [("live", 2)]
    assert set(STATUS["counters"]) <= set(numbers["counters"])


def test_live_table_is_printed(argon_process: Run, live_address: str) -> None:
    ran = argon_process("status", "--cluster", live_address)
    assert (ran.status, ran.err) == (0, "")
    assert "live" in ran.out
