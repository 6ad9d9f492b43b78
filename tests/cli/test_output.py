"""Results become text that any output can carry."""

from __future__ import annotations

import doctest
import json
from typing import Any

import pytest

from argon.cli import output
from argon.cli.output import as_json_line, as_text


class Unspeakable:
    def __repr__(self) -> str:
        raise RuntimeError("no words")


@pytest.mark.parametrize("value", [1, 1.5, "text", None, True, [1, "a"], {"a": {"b": []}}])
def test_value_with_a_json_form_is_json(value: Any) -> None:
    assert json.loads(as_text(value)) == value
    assert json.loads(as_json_line(value)) == value


@pytest.mark.parametrize("value", [{1, 2}, b"bytes", 1j, float("nan"), [float("inf")], object])
def test_value_without_a_json_form_is_its_repr(value: object) -> None:
    assert as_text(value) == repr(value)
    assert json.loads(as_json_line(value)) == repr(value)


def test_value_that_contains_itself_is_its_repr() -> None:
    loop: list[object] = []
    loop.append(loop)
    assert as_text(loop) == "[[...]]"


def test_json_line_of_a_repr_with_lines_is_one_line() -> None:
    class Tall:
        def __repr__(self) -> str:
            return "one\ntwo"

    assert as_json_line(Tall()).count("\n") == 0


def test_repr_that_raises_is_named() -> None:
    assert as_text(Unspeakable()) == "<Unspeakable object whose repr() raised RuntimeError>"


class Leaving:
    def __repr__(self) -> str:
        raise SystemExit(7)


class LeavingItems(dict[str, int]):
    def items(self) -> Any:
        raise SystemExit(7)

    def __repr__(self) -> str:
        return "left"


def test_value_that_would_end_the_process_is_named() -> None:
    assert as_text(Leaving()) == "<Leaving object whose repr() raised SystemExit>"
    assert as_json_line([Leaving()]) == '"<list object whose repr() raised SystemExit>"'
    assert as_text(LeavingItems(a=1)) == "left"


def test_integer_of_any_length_is_printed() -> None:
    assert as_text([10**5000]) == f"[1{'0' * 5000}]"
    assert as_text(1 << 4_000_000) == f"0x1{'0' * 1_000_000}"
    assert as_json_line(1 << 4_000_000) == f'"0x1{"0" * 1_000_000}"'


@pytest.mark.parametrize("value", [{1: "a", "1": "b"}, [{"deep": ({None: 1, "null": 2},)}]])
def test_keys_that_json_cannot_tell_apart_are_no_json(value: object) -> None:
    assert as_text(value) == repr(value)
    assert json.loads(as_json_line(value)) == repr(value)


def test_other_keys_are_their_names_in_json() -> None:
    assert as_text({1: "a", None: "b"}) == '{"1": "a", "null": "b"}'


def test_letters_that_the_output_has_are_themselves() -> None:
    assert as_text("Müller", "utf-8") == '"Müller"'


@pytest.mark.parametrize("value", ["Müller", {"Müller"}, "\udc80", {"\udc80"}])
def test_letters_that_the_output_lacks_are_escaped(value: object) -> None:
    assert as_text(value, "ascii").isascii()
    assert as_json_line(value, "ascii").isascii()


def test_examples_in_docstrings_hold() -> None:
    assert doctest.testmod(output).failed == 0
