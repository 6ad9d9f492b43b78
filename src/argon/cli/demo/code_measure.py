"""Measures Python source: what `argon demo` has the cluster do.

In: the source of a file. Out: its size, its classes and its functions, each with its length and its complexity; or why
it does not parse. Pure: nothing is read or written, and the code that is measured is never imported or run.

Complexity is McCabe's cyclomatic number (T. J. McCabe, "A Complexity Measure", IEEE Transactions on Software
Engineering SE-2(4), 1976): for a function with one way in and one way out, one more than the decisions in it. Counted
as a decision: `if`, `elif`, the conditional expression, `for`, `while`, `except`, `assert`, each further operand of
`and` and `or`, each `if` of a comprehension, each `case` that can fail to match, and the guard of a `case`. A nested
function is not a decision: it is measured as a function of its own.
"""

from __future__ import annotations

import ast
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

FunctionNode = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True, slots=True)
class FunctionMeasure:
    """One function: `name` is qualified as in `__qualname__`, `line` is that of its `def`."""

    file: str
    name: str
    line: int
    lines: int
    complexity: int


@dataclass(frozen=True, slots=True)
class FileMeasure:
    """One file. `error` says why it does not parse; it then has no functions and classes."""

    file: str
    lines: int
    classes: int = 0
    functions: tuple[FunctionMeasure, ...] = ()
    error: str = ""


def measure_source(file: str, source: bytes) -> FileMeasure:
    """Measures the source of a file, as it is on the disk: its encoding is read from its first lines."""
    lines = len(source.splitlines())
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # an outdated escape is the author's business
            tree = ast.parse(source, filename=file)
    except (SyntaxError, ValueError) as error:  # ValueError: null bytes, or bytes that are not of the encoding
        return FileMeasure(file, lines, error=str(error.msg if isinstance(error, SyntaxError) else error))
    except (RecursionError, MemoryError):  # how the parser says that its stack is full
        return FileMeasure(file, lines, error="nested too deeply for the parser")
    found = list(definitions(tree))
    return FileMeasure(
        file,
        lines,
        classes=sum(isinstance(node, ast.ClassDef) for _, node in found),
        functions=tuple(
            measure_function(file, name, node) for name, node in found if not isinstance(node, ast.ClassDef)
        ),
    )


def measure_function(file: str, name: str, node: FunctionNode) -> FunctionMeasure:
    last = node.lineno if node.end_lineno is None else node.end_lineno
    return FunctionMeasure(file, name, node.lineno, last - node.lineno + 1, complexity(node))


def definitions(tree: ast.Module) -> Iterator[tuple[str, FunctionNode | ast.ClassDef]]:
    """Every function and class, however deep, with its qualified name."""
    waiting: list[tuple[str, ast.AST]] = [("", tree)]  # not recursive: source nests deeper than calls may
    while waiting:
        prefix, parent = waiting.pop()
        for node in ast.iter_child_nodes(parent):
            inner = prefix
            if isinstance(node, FunctionNode | ast.ClassDef):
                yield prefix + node.name, node
                inner = f"{prefix}{node.name}." + ("" if isinstance(node, ast.ClassDef) else "<locals>.")
            if not isinstance(node, ast.expr):  # no expression contains a statement
                waiting.append((inner, node))


def complexity(function: FunctionNode) -> int:
    """McCabe's cyclomatic number of one function."""
    found = 1
    waiting: list[ast.AST] = list(function.body)
    while waiting:
        node = waiting.pop()
        kind = type(node)
        if kind in NESTED_FUNCTIONS:
            continue
        if (decisions := DECISIONS.get(kind)) is not None:
            found += decisions(node)
        for child in vars(node).values():  # half the time of ast.iter_child_nodes, and this is where the time goes
            if isinstance(child, ast.AST):
                waiting.append(child)
            elif type(child) is list:
                waiting.extend([item for item in child if isinstance(item, ast.AST)])
    return found


def decisions_of_case(case: ast.match_case) -> int:
    return int(can_fail(case.pattern)) + int(case.guard is not None)


def can_fail(pattern: ast.pattern) -> bool:
    """Whether a pattern can fail to match: all but a name or `_`, alone or as the last of alternatives."""
    match pattern:
        case ast.MatchAs(pattern=None):
            return False
        case ast.MatchAs(pattern=inner) if inner is not None:
            return can_fail(inner)
        case ast.MatchOr(patterns=alternatives):
            return all(can_fail(alternative) for alternative in alternatives)
        case _:
            return True


def one(node: ast.AST) -> int:
    return 1


NESTED_FUNCTIONS = frozenset([ast.FunctionDef, ast.AsyncFunctionDef])
DECISIONS: dict[type[ast.AST], Callable[[Any], int]] = {
    ast.If: one,
    ast.IfExp: one,
    ast.For: one,
    ast.AsyncFor: one,
    ast.While: one,
    ast.ExceptHandler: one,
    ast.Assert: one,
    ast.BoolOp: lambda node: len(node.values) - 1,
    ast.comprehension: lambda node: len(node.ifs),
    ast.match_case: decisions_of_case,
}
"""How many ways each kind of node adds to the one through it."""
