"""What people type becomes values, or one sentence that says what was wanted."""

from __future__ import annotations

import doctest
from typing import Any

import click
import pytest

from argon.cli import arguments
from argon.cli.arguments import (
    GivenOptions,
    address_option,
    function_name,
    number,
    parse_keywords,
    parse_priority,
    parse_value,
    whole_number,
)
from argon.settings import Priority
from tests.cli.fakes import FakeClient


def sentence(error: click.BadParameter) -> str:
    return str(error.format_message())


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("3", 3),
        ("-1.5e3", -1500.0),
        ("true", True),
        ("null", None),
        ('"3"', "3"),
        ('{"a": [1]}', {"a": [1]}),
        ("hello", "hello"),
        ("", ""),
        ("{broken", "{broken"),
        ("True", "True"),
    ],
)
def test_argument_is_json_else_string(text: str, value: object) -> None:
    assert parse_value(text) == value


def test_argument_that_is_a_long_integer_is_an_integer() -> None:
    assert parse_value("1" + "0" * 5000) == 10**5000


@pytest.mark.parametrize("text", ["NaN", "Infinity", "-Infinity", "[NaN]"])
def test_argument_that_only_python_takes_for_json_is_a_string(text: str) -> None:
    assert parse_value(text) == text


@pytest.mark.parametrize("text", ["[" * 100_000, "9" * 200_000])
def test_argument_beyond_what_the_parser_can_do_is_a_string(text: str) -> None:
    assert parse_value(text) == text


def test_keywords_are_names_and_values() -> None:
    assert parse_keywords(["a=1", "b=x=y", "c="]) == {"a": 1, "b": "x=y", "c": ""}


@pytest.mark.parametrize(("texts", "said"), [(["a"], "NAME=VALUE"), (["1=2"], "NAME=VALUE"), (["a=1", "a=2"], "twice")])
def test_keyword_of_another_form_is_refused(texts: list[str], said: str) -> None:
    with pytest.raises(click.BadParameter) as caught:
        parse_keywords(texts)
    assert "--kw" in sentence(caught.value)
    assert said in sentence(caught.value)


@pytest.mark.parametrize("text", ["math:sqrt", "os.path:join", "a.b:C.run"])
def test_function_name_is_module_and_name(text: str) -> None:
    assert function_name(text) == text


@pytest.mark.parametrize("text", ["math", "math.sqrt", ":sqrt", "math:", "a b:c", "math:sqrt:x", "../x:y"])
def test_function_name_of_another_form_is_refused(text: str) -> None:
    with pytest.raises(click.BadParameter, match="math:sqrt"):
        function_name(text)


@pytest.mark.parametrize("value", ["0", "-1", "11", "abc", "1e3", "", "1.0", "٣", "9" * 5000])
def test_whole_number_outside_its_range_is_refused_with_the_range(value: str) -> None:
    with pytest.raises(click.BadParameter) as caught:
        whole_number("--queue-limit", 1, 10)(value)
    assert "--queue-limit" in sentence(caught.value)
    assert "from 1 to 10" in sentence(caught.value)


def test_whole_number_without_an_upper_end_names_the_lower() -> None:
    assert whole_number("--tasks", 1)("500") == 500
    with pytest.raises(click.BadParameter, match="1 or more"):
        whole_number("--tasks", 1)("0")


@pytest.mark.parametrize("value", ["0", "-1", "nan", "inf", "abc", "1e9"])
def test_number_outside_its_range_is_refused(value: str) -> None:
    with pytest.raises(click.BadParameter, match=r"from 0\.1 to 100"):
        number("--timeout", 0.1, 100)(value)


def test_number_inside_its_range_is_taken() -> None:
    assert number("--timeout", 0.1, 100)("1.5") == 1.5


@pytest.mark.parametrize("text", ["HIGH", "high", "1"])
def test_priority_is_a_name_or_a_number(text: str) -> None:
    assert parse_priority(text) is Priority.HIGH


def test_priority_of_another_name_is_refused_with_the_names() -> None:
    with pytest.raises(click.BadParameter, match="MAX, HIGH, NORMAL, LOW, MIN"):
        parse_priority("urgent")


def test_address_is_taken_as_written() -> None:
    assert address_option("--cluster")("[::1]:8000") == "[::1]:8000"


@pytest.mark.parametrize("text", ["localhost", "http://localhost:8000", "::1:8000", "localhost:70000", "localhost:0"])
def test_address_that_cannot_be_connected_to_is_refused(text: str) -> None:
    with pytest.raises(click.BadParameter) as caught:
        address_option("--cluster")(text)
    assert "--cluster" in sentence(caught.value)


def test_address_from_the_environment_blames_the_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ARGON_CLUSTER", "nowhere")
    with pytest.raises(click.BadParameter) as caught:
        address_option("--cluster", environment="ARGON_CLUSTER")("nowhere")
    assert "ARGON_CLUSTER" in sentence(caught.value)


@pytest.mark.parametrize(
    "given", [{"timeout": 2.0}, {"retries": 0}, {"priority": Priority.MAX}, {"timeout": 1.0, "retries": 3}]
)
def test_task_options_are_handed_to_the_client(given: dict[str, Any]) -> None:
    nothing: dict[str, Any] = {"timeout": None, "priority": None, "retries": None}
    view = GivenOptions(**{**nothing, **given}).applied_to(FakeClient("x:1"))
    assert view.options == {**nothing, "priority": Priority.NORMAL, **given}


def test_examples_in_docstrings_hold() -> None:
    assert doctest.testmod(arguments).failed == 0
