"""Any exception becomes one sentence."""

from __future__ import annotations

import json

import pytest

from argon.cli.failures import sentence, task_sentence, type_name
from argon.errors import RemoteError, ResultNotSerializable, TaskLost


class Mute(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no words")


class Leaving(Exception):
    def __str__(self) -> str:
        raise SystemExit(5)


def test_sentence_is_what_the_exception_says() -> None:
    assert sentence(ValueError("too small")) == "too small"


def test_sentence_of_an_exception_that_says_nothing_is_its_name() -> None:
    assert sentence(ValueError()) == "ValueError"


def test_sentence_of_an_exception_that_cannot_speak_says_so() -> None:
    assert "__str__ raised RuntimeError" in sentence(Mute())
    assert "__str__ raised SystemExit" in sentence(Leaving())


def test_type_name_of_a_builtin_has_no_module() -> None:
    assert type_name(ValueError()) == "ValueError"
    assert type_name(json.JSONDecodeError("x", "", 0)) == "json.decoder.JSONDecodeError"


def test_task_sentence_of_a_result_whose_module_is_missing_here_says_what_to_do() -> None:
    error = ResultNotSerializable("the result cannot be loaded here: no module 'm'")
    error.__cause__ = ImportError()
    said = "m:f has run, but the result cannot be loaded here: no module 'm'; have PYTHONPATH name the folder of"
    assert task_sentence("m:f", error) == f"{said} that module"
    assert task_sentence("m:f", ResultNotSerializable("too large")) == "too large"


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (ValueError("too small"), "m:f raised ValueError: too small"),
        (KeyError(), "m:f raised KeyError"),
        (RemoteError("long", type_name="m.E", remote_message="odd"), "m:f raised m.E: odd"),
        (RemoteError("long", type_name="m.E"), "m:f raised m.E"),
        (TaskLost("node-a was lost"), "node-a was lost"),
    ],
)
def test_task_sentence_tells_what_became_of_the_task(error: Exception, said: str) -> None:
    assert task_sentence("m:f", error) == said
