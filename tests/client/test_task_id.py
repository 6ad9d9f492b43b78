"""What a task is called between people."""

from __future__ import annotations

import doctest
from typing import Any

import pytest

from argon.client import task_id as module
from argon.client.task_id import parse_task_id, task_id


def test_examples_of_the_docstrings_hold() -> None:
    assert doctest.testmod(module).failed == 0


def test_id_is_read_as_it_was_written() -> None:
    assert parse_task_id(task_id(12, 345)) == (12, 345)


@pytest.mark.parametrize(("session", "sequence"), [(0, 0), (0, 5), (5, 0)])
def test_task_that_was_never_sent_has_none(session: int, sequence: int) -> None:
    assert task_id(session, sequence) == ""


@pytest.mark.parametrize(
    "text", ["", ".", "3", "3.", ".17", "3.17.1", "-3.17", "3.-17", "3. 17", "a.b", "\u0663.1", "3." + "9" * 19]
)
def test_text_of_another_form_is_an_error(text: str) -> None:
    with pytest.raises(ValueError, match=r"SESSION\.SEQUENCE"):
        parse_task_id(text)


@pytest.mark.parametrize("other", [None, 3.17, b"3.17", 3])
def test_what_is_no_text_is_the_same_error(other: Any) -> None:
    with pytest.raises(ValueError, match=r"SESSION\.SEQUENCE"):
        parse_task_id(other)
