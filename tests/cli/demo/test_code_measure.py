"""Small sources with known measures."""

from __future__ import annotations

import pytest

from argon.cli.demo.code_measure import FileMeasure, FunctionMeasure, measure_source


def measured(source: str) -> FileMeasure:
    return measure_source("f.py", source.encode())


def complexity_of(body: str) -> int:
    indented = "\n".join(f"    {line}" for line in body.splitlines())
    return measured(f"def f(x):\n{indented}\n").functions[0].complexity


def test_empty_file_has_nothing() -> None:
    assert measured("") == FileMeasure("f.py", 0)


def test_file_is_counted() -> None:
    found = measured("class A:\n    def f(self): ...\n    class B: ...\n\nasync def g(): ...\n")
    assert (found.lines, found.classes, len(found.functions), found.error) == (5, 2, 2, "")


def test_functions_have_qualified_names_wherever_they_are() -> None:
    source = (
        "class A:\n"
        "    def f(self):\n"
        "        def inner(): ...\n"
        "        class C:\n"
        "            def g(self): ...\n"
        "if x:\n"
        "    try: ...\n"
        "    except E:\n"
        "        def h(): ...\n"
        "match x:\n"
        "    case 1:\n"
        "        def k(): ...\n"
    )
    names = {function.name for function in measured(source).functions}
    assert names == {"A.f", "A.f.<locals>.inner", "A.f.<locals>.C.g", "h", "k"}


def test_function_has_its_place_and_length() -> None:
    found = measured("\n@decorator\ndef f(\n    x,\n):\n    return x\n").functions[0]
    assert found == FunctionMeasure("f.py", "f", line=3, lines=4, complexity=1)


@pytest.mark.parametrize(
    ("body", "complexity"),
    [
        ("pass", 1),
        ("with x: pass", 1),
        ("try: pass\nfinally: pass", 1),
        ("if x: pass", 2),
        ("if x: pass\nelse: pass", 2),
        ("if x: pass\nelif y: pass\nelse: pass", 3),
        ("for y in x: pass", 2),
        ("for y in x: pass\nelse: pass", 2),
        ("async def g():\n    async for y in x: pass", 1),
        ("while x: pass", 2),
        ("try: pass\nexcept A: pass\nexcept B: pass", 3),
        ("try: pass\nexcept* A: pass", 2),
        ("assert x", 2),
        ("return 1 if x else 2", 2),
        ("return x and y", 2),
        ("return x and y and z", 3),
        ("return x and y or z", 3),
        ("if x and y: pass", 3),
        ("return [y for y in x]", 1),
        ("return [y for y in x if y if z]", 3),
        ("return {y: z for y, z in x if y}", 2),
        ("return lambda y: 1 if y else 2", 2),
        ("match x:\n    case 1: pass\n    case 2: pass", 3),
        ("match x:\n    case 1: pass\n    case _: pass", 2),
        ("match x:\n    case 1: pass\n    case other: pass", 2),
        ("match x:\n    case 1 | 2: pass\n    case 3 | _: pass", 2),
        ("match x:\n    case int() as y: pass", 2),
        ("match x:\n    case y if y > 1: pass", 2),
        ("match x:\n    case [y, z] if y or z: pass", 4),
    ],
)
def test_complexity_is_one_more_than_the_decisions(body: str, complexity: int) -> None:
    assert complexity_of(body) == complexity


def test_decisions_of_a_nested_function_are_its_own() -> None:
    outer, inner = measured(
        "def f():\n    if x: pass\n    def g():\n        while y: pass\n        assert z\n"
    ).functions
    assert (outer.complexity, inner.complexity) == (2, 3)


def test_decisions_of_a_class_in_a_function_are_the_functions() -> None:
    assert complexity_of("class A:\n    if x: pass\n    def g(self):\n        if y: pass") == 2


@pytest.mark.parametrize(
    ("source", "said"),
    [
        (b"print 'hello'\n", "print"),
        (b"x = 1\0\n", "null bytes"),
        (b"# coding: nonsense\n", "nonsense"),
        (b"x = '\xff'\n", "utf-8"),
        (b"(" * 10_000 + b")" * 10_000, ""),
        (b"-" * 100_000 + b"1", ""),
    ],
)
def test_file_that_does_not_parse_says_why(source: bytes, said: str) -> None:
    found = measure_source("f.py", source)
    assert found.error
    assert said in found.error.lower()
    assert (found.classes, found.functions) == (0, ())


def test_file_in_another_encoding_is_read_as_it_says() -> None:
    assert measure_source("f.py", "# coding: latin-1\nx = 'ü'\n".encode("latin-1")).error == ""


@pytest.mark.filterwarnings("error")
def test_outdated_escape_warns_nobody() -> None:
    assert measured("x = '\\d'\n").error == ""
