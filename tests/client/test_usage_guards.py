"""What a client cannot do is an error that says what to do instead. With real futures and a fork:
test_client_waiting and test_client_closing."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from argon.client.usage_guards import UsageGuards
from argon.errors import ConnectionFailed


def in_other_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("argon.client.usage_guards.getpid", lambda: 17)


@pytest.fixture
def guards() -> UsageGuards:
    return UsageGuards(threading.Thread())


def test_open_client_in_its_process_and_on_another_thread_may_do_everything(guards: UsageGuards) -> None:
    guards.check_usable()
    guards.check_may_wait()
    assert guards.in_own_process()
    assert not guards.on_own_thread()


def test_closed_client_cannot_be_used(guards: UsageGuards) -> None:
    guards.closed = True
    with pytest.raises(ConnectionFailed, match="this client is closed; create a new one"):
        guards.check_usable()
    guards.check_may_wait()


def test_forked_process_cannot_use_it_nor_wait(guards: UsageGuards, monkeypatch: pytest.MonkeyPatch) -> None:
    in_other_process(monkeypatch)
    assert not guards.in_own_process()
    for check in (guards.check_usable, guards.check_process, guards.check_may_wait):
        with pytest.raises(RuntimeError, match="and this is process 17; create one after the fork"):
            check()


def test_thread_that_brings_the_answers_must_not_wait_for_one() -> None:
    def waits() -> Any:
        guards = UsageGuards(threading.current_thread())
        assert guards.on_own_thread()
        guards.check_usable()
        with pytest.raises(RuntimeError, match="runs on the thread that receives the answers"):
            guards.check_may_wait()

    with ThreadPoolExecutor(1) as thread:
        thread.submit(waits).result()
