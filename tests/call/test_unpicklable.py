"""Finding the part that fails."""

from __future__ import annotations

import pickle
import threading
from functools import partial

import pytest

from argon.call.unpicklable import TRIES_MAX, culprit

LOCK = threading.Lock()
REASON = TypeError("as a whole")


class Holder:
    def __init__(self, part: object) -> None:
        self.part = part

    def method(self) -> None:
        """Bound, it holds its object."""


def path_of(value: object) -> str:
    return culprit({"args": value}, pickle.dumps, REASON).path


@pytest.mark.parametrize(
    ("value", "path"),
    [
        ((1, {"db": LOCK}), "args[1]['db']"),
        ([[[LOCK]]], "args[0][0][0]"),
        (({LOCK},), "args[0]{...}"),
        (({"a": Holder([LOCK])},), "args[0]['a'].part[0]"),
        ((partial(print, LOCK),), "args[0].args[0]"),
        ((partial(print, file=LOCK),), "args[0].keywords['file']"),
        ((Holder(LOCK).method,), "args[0].__self__.part"),
        (({Holder(1): LOCK},), "args[0][<Holder>]"),
        (({"k" * 1000: LOCK},), "args[0]['" + "k" * 59 + "...]"),
        ((1, [2, 3]), "args"),
    ],
)
def test_path_leads_to_the_smallest_part_that_fails(value: object, path: str) -> None:
    assert path_of(value) == path


def test_variable_of_a_closure_is_named() -> None:
    lock = threading.Lock()

    def closure() -> object:
        return lock, LOCK

    found = culprit({"function": closure}, pickle.dumps, REASON)
    assert found.path == "function variable 'lock'"
    assert found.value is lock
    assert "pickle" in str(found.reason)


def test_first_root_that_fails_is_blamed() -> None:
    assert culprit({"args": (1,), "kwargs": {"lock": LOCK}}, pickle.dumps, REASON).path == "kwargs['lock']"


def test_value_that_fails_only_as_a_whole_is_blamed_with_the_first_reason() -> None:
    assert culprit({"args": (1,)}, pickle.dumps, REASON).reason is REASON


def test_search_looks_at_a_bounded_number_of_parts() -> None:
    tries = 0

    def dumps(value: object) -> None:
        nonlocal tries
        tries += 1
        pickle.dumps(value)

    assert culprit({"args": [*range(10 * TRIES_MAX), LOCK]}, dumps, REASON).path == "args"
    assert tries <= TRIES_MAX


def test_search_in_a_circle_ends() -> None:
    circle: list[object] = [LOCK]
    circle.insert(0, circle)
    assert path_of(circle).startswith("args[0][0]")
