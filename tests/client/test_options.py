"""The options of a task: each is kept, each wrong one is one sentence, and none leaks into another client's."""

from __future__ import annotations

from enum import IntEnum
from math import inf, nan
from typing import Any

import pytest

from argon.client.options import changed_options
from argon.scheduling.task_options import TaskOptions
from argon.settings import MAX_TIMEOUT_S, Priority

DEFAULTS = TaskOptions()


class Other(IntEnum):
    ONE = 1


def test_nothing_given_changes_nothing() -> None:
    options = TaskOptions(priority=1, timeout_s=3.0, retries=2, idempotent=True, key=5)
    assert changed_options(options) == options


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"priority": Priority.MAX}, TaskOptions(priority=0)),
        ({"priority": 4}, TaskOptions(priority=4)),
        ({"timeout": 5}, TaskOptions(timeout_s=5.0)),
        ({"timeout": 0.25}, TaskOptions(timeout_s=0.25)),
        ({"retries": 0}, TaskOptions(retries=0)),
        ({"retries": 7}, TaskOptions(retries=7)),
        ({"idempotent": True}, TaskOptions(idempotent=True)),
        ({"on_overload": "wait"}, DEFAULTS),
        ({"on_overload": "raise"}, TaskOptions(retries=0)),
        ({"on_overload": "run_here"}, TaskOptions(retries=0, run_here=True)),
        ({"on_overload": "run_here", "retries": 3}, TaskOptions(retries=3, run_here=True)),
        ({"on_overload": "raise", "retries": 0}, TaskOptions(retries=0)),
    ],
)
def test_option_given_is_kept_and_the_others_are_as_before(given: dict[str, Any], expected: TaskOptions) -> None:
    assert changed_options(DEFAULTS, **given) == expected


def test_none_takes_an_option_back() -> None:
    options = changed_options(DEFAULTS, timeout=5, retries=3, key="a")
    assert changed_options(options, timeout=None, retries=None, key=None) == DEFAULTS


@pytest.mark.parametrize(("given", "expected"), [("wait", DEFAULTS), ("raise", TaskOptions(retries=0))])
def test_last_word_on_overload_holds(given: str, expected: TaskOptions) -> None:
    assert changed_options(changed_options(DEFAULTS, on_overload="run_here"), on_overload=given) == expected


@pytest.mark.parametrize("given", [{"on_overload": "raise", "retries": 1}, {"on_overload": "wait", "retries": 0}])
def test_two_options_that_contradict_each_other_are_an_error(given: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="give only one of the two"):
        changed_options(DEFAULTS, **given)


def test_options_are_never_changed_in_place() -> None:
    changed_options(DEFAULTS, priority=0, timeout=1, retries=0, idempotent=True, key="a")
    assert TaskOptions() == DEFAULTS


def test_equal_keys_are_one_number_and_others_differ() -> None:
    def number(key: object) -> int:
        return changed_options(DEFAULTS, key=key).key

    assert number("user-7") == number("user-7") != number("user-8")
    assert number(7) == number("7")
    assert all(0 < number(key) < 1 << 32 for key in ("", 0, "user-7", (1, 2), "\udcff", b"\xff"))


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("priority", [-1, 5, 99, "high", 1.0, nan, True, None, Other.ONE]),
        ("timeout", [0, -1, nan, inf, MAX_TIMEOUT_S * 2, "5", True]),
        ("retries", [-1, 1.0, "3", True, 10**9]),
        ("idempotent", [None, 1, 0, "yes"]),
        ("on_overload", ["never", "", None, 0, True, ["wait"]]),
    ],
)
def test_option_out_of_range_is_one_sentence_that_names_it(name: str, values: list[Any]) -> None:
    for value in values:
        with pytest.raises(ValueError, match=name) as caught:
            changed_options(DEFAULTS, **{name: value})
        assert repr(value) in str(caught.value)
        assert "\n" not in str(caught.value)
