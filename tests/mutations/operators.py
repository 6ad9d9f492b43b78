"""What may be changed in a source file, one thing at a time.

In: the text of a file. Out: every mutation that makes another program of it, with as many lines. It leaves alone what
nobody can feel or what types need: docstrings, annotations, ``TYPE_CHECKING`` blocks, asserts, decorators, and the
texts of the log and of errors.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Final, TypeAlias

NEVER_RAISED: Final = "FloatingPointError"  # Python keeps the name, and raises it nowhere
_LOGS: Final = frozenset(("log", "logger", "logging", "warnings"))
_FOR_TYPES: Final = frozenset(("cast", "TypeVar", "NewType", "Literal"))
_COMPARISONS: Final = {
    "==": "!=",
    "!=": "==",
    "<": "<=",
    "<=": "<",
    ">": ">=",
    ">=": ">",
    "is": "is not",
    "is not": "is",
    "in": "not in",
    "not in": "in",
}
_ARITHMETIC: Final = {
    ast.Add: ("+", "-"),
    ast.Sub: ("-", "+"),
    ast.Mult: ("*", "/"),
    ast.Div: ("/", "*"),
    ast.FloorDiv: ("//", "*"),
    ast.Mod: ("%", "*"),
    ast.Pow: ("**", "*"),
    ast.LShift: ("<<", ">>"),
    ast.RShift: (">>", "<<"),
    ast.BitAnd: ("&", "|"),
    ast.BitOr: ("|", "&"),
}
_OPERATOR_OF: Final = {
    ast.Eq: "==",
    ast.NotEq: "!=",
    ast.Lt: "<",
    ast.LtE: "<=",
    ast.Gt: ">",
    ast.GtE: ">=",
    ast.Is: "is",
    ast.IsNot: "is not",
    ast.In: "in",
    ast.NotIn: "not in",
}

_TWO_SIDED: Final = (ast.Eq, ast.NotEq, ast.Is, ast.IsNot, ast.In, ast.NotIn)

Function: TypeAlias = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda
KINDS: Final = (
    "condition",
    "and-or",
    "comparison",
    "constant",
    "arithmetic",
    "deletion",
    "return",
    "exception",
    "jump",
    "default",
    "boolean",
)


@dataclass(frozen=True)
class Mutation:
    """One change of one file.

    Attributes:
        path: the file, below ``src/argon``.
        kind: one of ``KINDS``.
        begin: where the text that is replaced begins, in characters.
        end: where it ends.
        text: what stands there instead.
        line: the first line of it, from 1.
        last_line: the last one.
        function: first and last line of the function whose body it is in; None at the level of the module or a class.
    """

    path: str
    kind: str
    begin: int
    end: int
    text: str
    line: int
    last_line: int
    function: tuple[int, int] | None

    def apply(self, source: str) -> str:
        """The text of the file with this change."""
        return source[: self.begin] + self.text + source[self.end :]


def mutations(path: str, source: str) -> list[Mutation]:
    """All mutations of a file, in the order of its text."""
    tree = ast.parse(source)
    before = ast.dump(tree)
    found = {}
    for mutation in _Finder(path, source).find(tree):
        mutated = mutation.apply(source)
        if mutated.count("\n") != source.count("\n"):
            continue
        try:
            after = ast.dump(ast.parse(mutated))
        except SyntaxError:  # what stands between two operands was more than an operator
            continue
        if after != before:
            found.setdefault((mutation.begin, mutation.end, mutation.text), mutation)
    return sorted(found.values(), key=lambda one: (one.begin, one.end, one.text))


class _Finder:
    def __init__(self, path: str, source: str) -> None:
        self._path = path
        self._source = source
        self._lines = source.splitlines(keepends=True)
        self._starts = [0]
        for line in self._lines:
            self._starts.append(self._starts[-1] + len(line))
        self._functions: list[Function] = []

    def find(self, tree: ast.Module) -> Iterator[Mutation]:
        yield from self._statements(tree.body)

    # ---- statements ---------------------------------------------------------------------------------------------

    def _statements(self, body: list[ast.stmt]) -> Iterator[Mutation]:
        for statement in body:
            yield from self._statement(statement)

    def _statement(self, node: ast.stmt) -> Iterator[Mutation]:
        if _stays(node):
            return
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield from self._function(node)
        elif isinstance(node, ast.ClassDef):
            yield from self._statements(node.body)
        elif isinstance(node, ast.AnnAssign):
            if node.value is not None:
                yield from self._expression(node.value)
        else:
            yield from self._whole(node)
            for part in ast.iter_child_nodes(node):
                yield from self._part(part)

    def _whole(self, node: ast.stmt) -> Iterator[Mutation]:
        """What is done to a statement as such."""
        rest = "\n" * ((node.end_lineno or 0) - node.lineno)
        if _can_go(node):
            yield self._change("deletion", node, "pass" + rest)
        elif isinstance(node, ast.Return) and node.value is not None and ast.unparse(node.value) != "None":
            yield self._change("return", node, "return None" + rest)
        elif isinstance(node, ast.Break | ast.Continue):
            yield self._change("jump", node, "continue" if isinstance(node, ast.Break) else "break")
        elif isinstance(node, ast.If | ast.While) and not isinstance(node.test, ast.Constant):
            yield from self._condition(node.test)
        if isinstance(node, ast.AugAssign):
            yield from self._operator(node.op, self._end(node.target), self._start(node.value), "=")

    def _part(self, part: ast.AST) -> Iterator[Mutation]:
        if isinstance(part, ast.stmt):
            yield from self._statement(part)
        elif isinstance(part, ast.expr):
            yield from self._expression(part)
        elif isinstance(part, ast.ExceptHandler):
            if part.type is not None:
                yield from self._caught(part.type)
            yield from self._statements(part.body)
        elif isinstance(part, ast.match_case):
            if part.guard is not None:
                yield from self._condition(part.guard)
                yield from self._expression(part.guard)
            yield from self._statements(part.body)
        elif isinstance(part, ast.withitem):
            yield from self._expression(part.context_expr)
        elif isinstance(part, ast.keyword):
            yield from self._expression(part.value)
        elif isinstance(part, ast.comprehension):
            yield from self._expression(part.iter)
            for test in part.ifs:
                yield from self._condition(test)
                yield from self._expression(test)

    def _function(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> Iterator[Mutation]:
        if all(isinstance(step, ast.Expr) and isinstance(step.value, ast.Constant) for step in node.body):
            return  # it is a type: an overload, or a method of a protocol
        self._functions.append(node)
        yield from self._defaults(node.args)
        yield from self._statements(node.body)
        self._functions.pop()

    def _defaults(self, arguments: ast.arguments) -> Iterator[Mutation]:
        for default in (*arguments.defaults, *arguments.kw_defaults):
            if isinstance(default, ast.Constant):
                for text in _other_constants(default.value):
                    yield self._change("default", default, text)

    def _caught(self, node: ast.expr) -> Iterator[Mutation]:
        for one in node.elts if isinstance(node, ast.Tuple) else [node]:
            yield self._change("exception", one, NEVER_RAISED)

    # ---- expressions --------------------------------------------------------------------------------------------

    def _condition(self, node: ast.expr) -> Iterator[Mutation]:
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
            return  # dropping the `not` is the same
        if isinstance(node, ast.Compare) and len(node.ops) == 1 and isinstance(node.ops[0], _TWO_SIDED):
            return  # the other comparison is the same
        yield self._change("condition", node, f"not ({self._text(node)})")

    def _expression(self, node: ast.expr) -> Iterator[Mutation]:
        if isinstance(node, ast.JoinedStr) or _says(node):
            return
        if isinstance(node, ast.Lambda):
            self._functions.append(node)
            yield from self._defaults(node.args)
            yield from self._expression(node.body)
            self._functions.pop()
            return
        parts: Iterable[ast.AST] = ast.iter_child_nodes(node)
        if isinstance(node, ast.Call):
            name = ast.unparse(node.func).rpartition(".")[2]
            if name == "suppress":
                for argument in node.args:
                    yield from self._caught(argument)
                return
            if name in _FOR_TYPES:
                parts = node.args[1:]
        yield from self._operation(node)
        for part in parts:
            yield from self._part(part)

    def _operation(self, node: ast.expr) -> Iterator[Mutation]:
        """What is done to an expression as such."""
        if isinstance(node, ast.Constant):
            for text in _other_constants(node.value):
                yield self._change("boolean" if isinstance(node.value, bool) else "constant", node, text)
        elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
            yield self._change("condition", node, f"({self._text(node)[3:].lstrip()})")
        elif isinstance(node, ast.IfExp):
            yield from self._condition(node.test)
        elif isinstance(node, ast.BoolOp):
            was, now = ("and", "or") if isinstance(node.op, ast.And) else ("or", "and")
            for left, right in pairwise(node.values):
                yield from self._between("and-or", self._end(left), self._start(right), was, now)
        elif isinstance(node, ast.Compare):
            for operator, (left, right) in zip(node.ops, pairwise([node.left, *node.comparators]), strict=True):
                was = _OPERATOR_OF[type(operator)]
                yield from self._between("comparison", self._end(left), self._start(right), was, _COMPARISONS[was])
        elif isinstance(node, ast.BinOp) and not _is_text(node.left) and not _is_text(node.right):
            yield from self._operator(node.op, self._end(node.left), self._start(node.right))

    def _operator(self, operator: ast.operator, begin: int, end: int, suffix: str = "") -> Iterator[Mutation]:
        was, now = _ARITHMETIC.get(type(operator), ("", ""))
        if was:
            yield from self._between("arithmetic", begin, end, was + suffix, now + suffix)

    def _between(self, kind: str, begin: int, end: int, was: str, now: str) -> Iterator[Mutation]:
        """A change of the operator that stands in the text between two operands."""
        word = re.escape(was).replace(r"\ ", r"\s+")
        found = re.search(rf"\b{word}\b" if was[0].isalpha() else word, self._source[begin:end])
        if found is not None:
            yield self._mutation(kind, begin + found.start(), begin + found.end(), now)

    # ---- places -------------------------------------------------------------------------------------------------

    def _change(self, kind: str, node: ast.expr | ast.stmt, text: str) -> Mutation:
        return self._mutation(kind, self._start(node), self._end(node), text)

    def _mutation(self, kind: str, begin: int, end: int, text: str) -> Mutation:
        function = self._functions[-1] if self._functions else None
        span = (_body_line(function), function.end_lineno or 0) if function is not None else None
        line = self._source.count("\n", 0, begin) + 1
        last_line = line + self._source.count("\n", begin, end)
        return Mutation(self._path, kind, begin, end, text, line, last_line, span)

    def _start(self, node: ast.expr | ast.stmt) -> int:
        return self._offset(node.lineno, node.col_offset)

    def _end(self, node: ast.expr | ast.stmt) -> int:
        return self._offset(node.end_lineno or 0, node.end_col_offset or 0)

    def _offset(self, line: int, column_bytes: int) -> int:
        return self._starts[line - 1] + len(self._lines[line - 1].encode()[:column_bytes].decode())

    def _text(self, node: ast.expr) -> str:
        return self._source[self._start(node) : self._end(node)]


def _says(node: ast.AST) -> bool:
    """Whether it is a docstring, or what goes to a log."""
    if isinstance(node, ast.Expr):
        return isinstance(node.value, ast.Constant) or _says(node.value)
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        return ast.unparse(node.func.value).rpartition(".")[2].lstrip("_") in _LOGS and node.func.attr != "getLogger"
    return False


def _stays(node: ast.stmt) -> bool:
    """Whether it is there for types, for readers or for the log."""
    if isinstance(node, ast.If):
        return ast.unparse(node.test) in ("TYPE_CHECKING", "__name__ == '__main__'")
    if isinstance(node, ast.AnnAssign):
        return ast.unparse(node.annotation) == "TypeAlias"
    return isinstance(node, ast.Assert | ast.Import | ast.ImportFrom) or _says(node)


def _can_go(node: ast.stmt) -> bool:
    if isinstance(node, ast.Expr):
        return isinstance(node.value, ast.Call | ast.Await)
    if isinstance(node, ast.Assign):
        return any(isinstance(target, ast.Attribute | ast.Subscript) for target in node.targets)
    if isinstance(node, ast.AugAssign):
        return isinstance(node.target, ast.Attribute | ast.Subscript)
    return isinstance(node, ast.Raise | ast.Delete)


def _is_text(node: ast.expr) -> bool:
    return isinstance(node, ast.JoinedStr) or (isinstance(node, ast.Constant) and isinstance(node.value, str | bytes))


def _other_constants(value: object) -> list[str]:
    if isinstance(value, bool):
        return [str(not value)]
    if isinstance(value, int | float):
        return [repr(value + 1)] if value in (0, 1) else [repr(value + 1), repr(value - 1)]
    return []


def _body_line(function: Function) -> int:
    return function.body.lineno if isinstance(function, ast.Lambda) else function.body[0].lineno
