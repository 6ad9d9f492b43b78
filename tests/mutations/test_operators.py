"""What may be changed in a source, and what never is."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from tests.mutations.operators import KINDS, NEVER_RAISED, mutations

ROOT = Path(__file__).resolve().parents[2]


def texts(source: str, kind: str = "") -> list[str]:
    """The mutated sources of one kind, or of all."""
    return [one.apply(source) for one in mutations("a.py", source) if kind in ("", one.kind)]


@pytest.mark.parametrize(
    ("kind", "source", "mutated"),
    [
        ("condition", "if ready():\n    go = x\n", ["if not (ready()):\n    go = x\n"]),
        ("condition", "while not ready:\n    go = x\n", ["while (ready):\n    go = x\n"]),
        ("condition", "a = [x for x in y if x.b]\n", ["a = [x for x in y if not (x.b)]\n"]),
        ("and-or", "a = b and c\n", ["a = b or c\n"]),
        ("and-or", "a = b or c or d\n", ["a = b and c or d\n", "a = b or c and d\n"]),
        ("comparison", "a = b < c <= d\n", ["a = b < c < d\n", "a = b <= c <= d\n"]),
        ("comparison", "a = b is not None\n", ["a = b is None\n"]),
        ("comparison", "a = (b) not in (c)\n", ["a = (b) in (c)\n"]),
        ("constant", "a = 0\n", ["a = 1\n"]),
        ("constant", "a = 2.5\n", ["a = 1.5\n", "a = 3.5\n"]),
        ("arithmetic", "a = (b) + c\n", ["a = (b) - c\n"]),
        ("arithmetic", "def f():\n    a -= b\n", ["def f():\n    a += b\n"]),
        ("deletion", "def f():\n    a.close()\n", ["def f():\n    pass\n"]),
        ("deletion", "async def f():\n    await a\n", ["async def f():\n    pass\n"]),
        ("deletion", "def f():\n    self.a = b\n", ["def f():\n    pass\n"]),
        ("deletion", "def f():\n    raise a\n", ["def f():\n    pass\n"]),
        ("return", "def f():\n    return a\n", ["def f():\n    return None\n"]),
        ("jump", "for a in b:\n    break\n", ["for a in b:\n    continue\n"]),
        ("default", "def f(a=False, *, b=1):\n    return a\n", None),
        ("boolean", "f = g(keep=True)\n", ["f = g(keep=False)\n"]),
    ],
)
def test_each_kind_makes_its_change(kind: str, source: str, mutated: list[str] | None) -> None:
    assert sorted(texts(source, kind)) == (
        mutated or ["def f(a=False, *, b=2):\n    return a\n", "def f(a=True, *, b=1):\n    return a\n"]
    )


def test_every_kind_is_shown() -> None:
    shown = test_each_kind_makes_its_change.pytestmark[0].args[1]  # type: ignore[attr-defined]
    assert {kind for kind, _, _ in shown} | {"exception"} == set(KINDS)


def test_exceptions_are_swapped_one_by_one_for_one_that_is_never_raised() -> None:
    source = "try:\n    a = b\nexcept (OSError, ValueError):\n    a = c\nwith suppress(KeyError):\n    a = d\n"
    changed = [line for text in texts(source, "exception") for line in text.splitlines() if NEVER_RAISED in line]
    assert changed == [
        f"except ({NEVER_RAISED}, ValueError):",
        f"except (OSError, {NEVER_RAISED}):",
        f"with suppress({NEVER_RAISED}):",
    ]


@pytest.mark.parametrize(
    "source",
    [
        '"""Counts to 3."""\n',
        "from a import b\n",
        "def f(a: Literal[1], b: 'int | None') -> Annotated[int, 1]: ...\n",
        "if TYPE_CHECKING:\n    a = 1\n",
        "if __name__ == '__main__':\n    main()\n",
        "a: TypeAlias = b | c\n",
        "def f():\n    assert a is not None and b > 1\n",
        "def f():\n    log.warning('%s of %s', 1, not a)\n",
        "a = f'{b + 1}'\n",
        "a = 'b' % c\n",
        "@cached(size=3)\ndef f(): ...\n",
        "class A(Struct, frozen=True): ...\n",
        "class A(Protocol):\n    def f(self, b=1):\n        'Does it.'\n",
    ],
)
def test_what_is_there_for_types_readers_and_logs_stays(source: str) -> None:
    assert texts(source) == []


def test_lines_keep_their_numbers() -> None:
    source = "def f():\n    a.close(\n        b,\n    )  # done\n    return (\n        c\n        + 1\n    )\n"
    found = texts(source)
    assert len(found) == 4
    for text in found:
        assert text.count("\n") == source.count("\n")
        assert {type(node) for node in ast.parse(text).body} == {ast.FunctionDef}


def test_place_is_counted_in_characters_and_names_the_body_of_the_function() -> None:
    source = "def f(\n    a,\n):\n    b = 'é', a < 1\n    return b\nc = 1\n"
    compared = next(one for one in mutations("a.py", source) if one.kind == "comparison")
    assert compared.apply(source).splitlines()[3] == "    b = 'é', a <= 1"
    assert (compared.line, compared.last_line, compared.function) == (4, 4, (4, 5))
    outside = next(one for one in mutations("a.py", source) if one.line == 6)
    assert outside.function is None


def test_every_mutation_of_a_real_file_is_another_program_that_compiles() -> None:
    source = (ROOT / "src" / "argon" / "net" / "channel.py").read_text("utf-8")
    found = mutations("net/channel.py", source)
    assert len(found) > 100
    assert len({one.apply(source) for one in found}) == len(found)
    for one in found:
        compile(one.apply(source), one.path, "exec")
