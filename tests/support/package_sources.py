"""The folders of the package from the ground up, and what its files import, call and say in comments.

In: a path below `src/argon`, and the text or the tree of the file. Out: names and lines, of which the rules of the
house speak.
"""

from __future__ import annotations

import ast
import io
import tokenize
from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import PurePosixPath

Sources = Mapping[str, str]

# From the ground up: a folder imports only itself and what stands below it.
ORDER = (
    *("errors", "record", "settings", "protocol", "scheduling"),
    *("net", "ipc", "process", "call", "cluster", "node", "worker", "client"),
    *("build", "planning", "observe", "cli"),
)
FLOORS = {name: floor for floor, name in enumerate(ORDER)}
DOORS = {"__init__.py", "__main__.py"}  # the package's own: they show what is inside, from any floor


def place(path: str, node: ast.AST | int) -> str:
    line = node if isinstance(node, int) else getattr(node, "lineno", 1)
    return f"src/argon/{path}:{line}"


def top_folder(path: str) -> str:
    """The folder under `src/argon`, or the name of a top-level file: what FLOORS speaks of."""
    return PurePosixPath(path).parts[0].removesuffix(".py")


def folder_of(path: str) -> str:
    """The innermost folder of a file; a top-level file is a folder of its own."""
    parts = PurePosixPath(path).parts
    return "/".join(parts[:-1]) or parts[0].removesuffix(".py")


def reached_over(arrows: Mapping[str, Iterable[str]], start: str) -> set[str]:
    """What is reached over one arrow or more."""
    seen: set[str] = set()
    ahead = [start]
    while ahead:
        new = set(arrows.get(ahead.pop(), ())) - seen
        seen |= new
        ahead += new
    return seen


def module_of(path: str) -> str:
    parts = PurePosixPath("argon", path).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def for_types_only(tree: ast.Module) -> set[ast.AST]:
    """Every node under `if TYPE_CHECKING:`, which never runs."""
    found: set[ast.AST] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and ast.unparse(node.test) in {"TYPE_CHECKING", "typing.TYPE_CHECKING"}:
            found.update(inner for statement in node.body for inner in ast.walk(statement))
    return found


def imports(path: str, tree: ast.Module, known: Collection[str]) -> Iterator[tuple[ast.AST, str]]:
    """Each import and the module it reaches: `from argon.net import channel` reaches `argon.net.channel`."""
    package = module_of(path).split(".")
    if PurePosixPath(path).name != "__init__.py":
        package = package[:-1]
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node, alias.name
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else []
            origin = ".".join([*above, *([node.module] if node.module else [])])
            for alias in node.names:
                if origin == "argon" and alias.name == "__version__":
                    continue
                inner = f"{origin}.{alias.name}"
                yield node, inner if inner in known or (origin == "argon" and alias.name in FLOORS) else origin


def calls(tree: ast.Module) -> Iterator[tuple[ast.Call, str, bool]]:
    """Each call, the last part of the name called, and whether it is a bare name."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            yield node, node.func.id, True
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            yield node, node.func.attr, False


def comments(source: str) -> Iterator[tuple[int, str]]:
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            yield token.start[0], token.string
