"""The rules of the house, kept by a test.

Each rule is a plain function: it takes the sources of the package (path below `src/argon` -> text) and returns what
breaks the rule, one sentence of `path:line: what, and what to do` each. The first half of the tests applies every rule
to the real package; the second half shows on small sources that each rule fails when it should, and only then.
"""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from pathlib import Path, PurePosixPath

import pytest

ROOT = Path(__file__).resolve().parent.parent
Sources = Mapping[str, str]
Rule = Callable[[Sources], list[str]]

# From the ground up: a folder imports only itself and what stands below it.
ORDER = (
    *("errors", "record", "settings", "protocol", "scheduling"),
    *("net", "ipc", "process", "call", "cluster", "node", "worker", "client"),
    *("build", "planning", "observe", "cli"),
)
FLOORS = {name: floor for floor, name in enumerate(ORDER)}
TOP_OF_THE_CORE = FLOORS["scheduling"]
PROCESSES = {"cluster", "node", "worker", "client"}  # each is one process, or the part of one that a caller holds
EMBEDDED = {("node", "cluster")}  # a node that listens by itself has a cluster inside
MACHINES = {"cluster", "node", "client"}  # the state machines of scheduling/
DOORS = {"__init__.py", "__main__.py"}  # the package's own: they show what is inside, from any floor
ENTRANCES = {"cli/main.py"}  # lists the commands, those in folders of their own too, and is imported by none
IMPURE = {
    *("asyncio", "socket", "ssl", "threading", "multiprocessing", "subprocess", "signal"),
    *("time", "random", "os", "logging", "pickle", "uvloop", "cloudpickle"),
}
PICKLERS = {"pickle", "_pickle", "cloudpickle", "marshal", "shelve"}
WALL_CLOCKS = {"time", "time_ns", "localtime", "gmtime", "ctime", "clock_gettime", "strftime"}
MAGNETS = {"utils", "util", "helpers", "helper", "common", "base", "mixins", "misc", "managers"}
# What the parts share: tasks and what is foreseen and kept of them, nodes and what tasks take on them, ageing, moments,
# lines of tasks, and tables of states.
RECORDS = {
    *("task", "task_options", "task_history", "forecast", "route", "node_task", "worker_slot"),
    *("client_task", "node_session", "node_times", "load", "ageing", "deadlines", "task_line", "transitions"),
}
SEE_SEVERAL = ("_state.py", "/admission.py")  # of the parts of a state machine
LONGEST_FILE = 450
MOST_POSITIONAL = 6


# --- reading the sources ----------------------------------------------------------------------------------------------


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


def is_pure(path: str) -> bool:
    return path not in DOORS and FLOORS.get(top_folder(path), len(ORDER)) <= TOP_OF_THE_CORE


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


# --- the rules --------------------------------------------------------------------------------------------------------


def floors(sources: Sources) -> list[str]:
    found = []
    known = {module_of(path) for path in sources}
    for path, source in sources.items():
        if path in DOORS:
            continue
        here = top_folder(path)
        if here not in FLOORS:
            found.append(f"{place(path, 1)}: {here} is on no floor; put it into a folder of the house")
            continue
        for node, target in imports(path, ast.parse(source), known):
            parts = target.split(".")
            if parts[0] != "argon":
                continue
            there = parts[1] if len(parts) > 1 else ""
            if there not in FLOORS:
                found.append(f"{place(path, node)}: imports {target}; import the module that defines the name")
            elif FLOORS[there] > FLOORS[here]:
                found.append(
                    f"{place(path, node)}: {here} imports {target}, which stands above it;"
                    " let the upper folder import this one, or pass the value in"
                )
            elif (here, there) == ("net", "scheduling"):
                found.append(f"{place(path, node)}: net imports {target}; connections know messages, not decisions")
            elif (here, there) == ("observe", "scheduling") and parts[-1] != "snapshot":
                found.append(f"{place(path, node)}: observe imports {target}; it sees only the snapshot")
    return found


def foreign_processes(sources: Sources) -> list[str]:
    found = []
    known = {module_of(path) for path in sources}
    for path, source in sources.items():
        here = top_folder(path)
        for node, target in imports(path, ast.parse(source), known):
            there = f"{target}.".split(".")[1]
            if {here, there} <= PROCESSES and here != there and (here, there) not in EMBEDDED:
                found.append(
                    f"{place(path, node)}: {here} imports {target}, the code of another process;"
                    " what both need belongs to call, ipc, net, scheduling or protocol"
                )
    return found


def foreign_machines(sources: Sources) -> list[str]:
    found = []
    known = {module_of(path) for path in sources}
    for path, source in sources.items():
        if top_folder(path) != "scheduling":
            continue
        inside = PurePosixPath(path).parts[1]
        for node, target in imports(path, ast.parse(source), known):
            parts = target.split(".")
            there = parts[2] if parts[:2] == ["argon", "scheduling"] and len(parts) > 3 else ""
            if there in MACHINES and there != inside:
                found.append(
                    f"{place(path, node)}: imports {target}; what several state machines share stands in scheduling/,"
                    " and sees none of them"
                )
    return found


def circles(sources: Sources) -> list[str]:
    """Files that import themselves over others, be it for types only."""
    known = {module_of(path): path for path in sources if path not in DOORS}
    targets = {
        module: {target for _, target in imports(path, ast.parse(sources[path]), known) if target in known}
        for module, path in known.items()
    }

    return [
        f"{place(path, 1)}: imports itself over others; move what both need into a file of its own"
        for module, path in known.items()
        if module in reached_over(targets, module)
    ]


def two_way_arrows(sources: Sources) -> list[str]:
    """Folders that import themselves over others, nested ones included; of each knot its first arrow is named."""
    known = {module_of(path): path for path in sources}
    arrows: dict[str, dict[str, str]] = {}
    for path, source in sources.items():
        if path in DOORS or path in ENTRANCES:
            continue
        for node, target in imports(path, ast.parse(source), known):
            there = folder_of(known[target]) if target in known else folder_of(path)
            if there != folder_of(path):
                arrows.setdefault(folder_of(path), {}).setdefault(there, f"{place(path, node)}: imports {target}")
    found = []
    for here in sorted(arrows):
        knot = {there for there in reached_over(arrows, here) if here in reached_over(arrows, there)}
        if knot and here == min(knot):
            first = next(there for there in arrows[here] if there in knot)
            found.append(f"{arrows[here][first]}, and {first} imports {here}; between folders arrows fall one way")
    return found


def blind_parts(sources: Sources) -> list[str]:
    found = []
    known = {module_of(path) for path in sources}
    for path, source in sources.items():
        if top_folder(path) != "scheduling" or path.endswith(SEE_SEVERAL) or "/reporting/" in path:
            continue
        for node, target in imports(path, ast.parse(source), known):
            parts = target.split(".")
            if parts[:2] == ["argon", "scheduling"] and not (len(parts) > 2 and parts[-1] in RECORDS):
                found.append(
                    f"{place(path, node)}: imports {target}; parts of scheduling see only the records"
                    f" {', '.join(sorted(RECORDS))}, so let a *_state.py pass the value in"
                )
    return found


def pure_imports(sources: Sources) -> list[str]:
    found = []
    for path, source in sources.items():
        if is_pure(path):
            tree = ast.parse(source)
            free = for_types_only(tree)
            for node, target in imports(path, tree, ()):
                if target.split(".")[0] in IMPURE and node not in free:
                    found.append(
                        f"{place(path, node)}: the core imports {target}; take the value as an argument,"
                        " return an effect, or import it under TYPE_CHECKING if it is only a type"
                    )
    return found


def pure_calls(sources: Sources) -> list[str]:
    found = []
    for path, source in sources.items():
        if is_pure(path):
            for node, name, bare in calls(ast.parse(source)):
                if name == "sleep" or (bare and name in {"open", "print"}):
                    found.append(
                        f"{place(path, node)}: the core calls {name}(); return an effect and let a shell perform it"
                    )
    return found


def wall_clocks(sources: Sources) -> list[str]:
    """Reads of the time of day, which may jump; what waits or measures asks a clock that cannot."""
    found = []
    for path, source in sources.items():
        tree = ast.parse(source)
        known = {f"time.{name}" for name in WALL_CLOCKS} | {"datetime"}
        read = [(node, target) for node, target in imports(path, tree, known) if target in known]
        read += [
            (node, ast.unparse(node))
            for node in ast.walk(tree)
            if isinstance(node, ast.Attribute) and ast.unparse(node) in known
        ]
        found += [f"{place(path, node)}: {target} is the time of day; use time.monotonic" for node, target in read]
    return found


def picklers(sources: Sources) -> list[str]:
    return [
        f"{place(path, node)}: imports {target}; only call/payload.py pickles, so call that"
        for path, source in sources.items()
        if path != "call/payload.py"
        for node, target in imports(path, ast.parse(source), ())
        if target.split(".")[0] in PICKLERS
    ]


def evaluation(sources: Sources) -> list[str]:
    return [
        f"{place(path, node)}: calls {name}(); say it in plain code"
        for path, source in sources.items()
        for node, name, bare in calls(ast.parse(source))
        if bare and name in {"eval", "exec"}
    ]


def unique_classes(sources: Sources) -> list[str]:
    found = []
    first: dict[str, str] = {}
    for path, source in sorted(sources.items()):
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, ast.ClassDef):
                if node.name in first:
                    found.append(
                        f"{place(path, node)}: class {node.name} is also in {first[node.name]}; rename one of them"
                    )
                first.setdefault(node.name, place(path, node))
    return found


def magnets(sources: Sources) -> list[str]:
    return [
        f"{place(path, 1)}: '{part}' attracts everything; name it for the thing it holds"
        for path in sources
        for part in PurePosixPath(path).with_suffix("").parts
        if part.strip("_") in MAGNETS
    ]


def untested(sources: Sources, tests: Collection[str]) -> list[str]:
    found = []
    for path in sources:
        file = PurePosixPath(path)
        mirror = str(file.with_name(f"test_{file.name}"))
        if file.name not in DOORS and mirror not in tests:
            found.append(f"{place(path, 1)}: has no test file; write tests/{mirror}")
    return found


def docstrings(sources: Sources) -> list[str]:
    return [
        f"{place(path, 1)}: has no docstring; open with what comes in, what goes out, what it must never do"
        for path, source in sources.items()
        if not ast.get_docstring(ast.parse(source))
    ]


def swallowed_exceptions(sources: Sources) -> list[str]:
    found = []
    for path, source in sources.items():
        for node in ast.walk(ast.parse(source)):
            if not isinstance(node, ast.ExceptHandler):
                continue
            caught = node.type.elts if isinstance(node.type, ast.Tuple) else [node.type]
            broad = any(isinstance(one, ast.Name) and one.id in {"Exception", "BaseException"} for one in caught)
            idle = all(
                isinstance(step, ast.Pass) or (isinstance(step, ast.Expr) and isinstance(step.value, ast.Constant))
                for step in node.body
            )
            if node.type is None:
                found.append(f"{place(path, node)}: bare except; name what may happen")
            elif broad and idle:
                found.append(f"{place(path, node)}: swallows every exception; name the one that is expected")
    return found


def excuses(sources: Sources) -> list[str]:
    found = []
    for path, source in sources.items():
        for line, text in comments(source):
            if re.search(r"type:\s*ignore(?!\[)", text):
                found.append(f"{place(path, line)}: 'type: ignore' for everything; add the [code], or fix the type")
            if re.search(r"noqa:.*\bC901\b", text):
                found.append(f"{place(path, line)}: silences the complexity check; split the function")
        for line, text in enumerate(source.splitlines(), 1):
            if re.search(r"\b(TODO|FIXME)\b", text):
                found.append(f"{place(path, line)}: unfinished work; finish it, or say in a sentence what is not done")
    return found


def lengths(sources: Sources) -> list[str]:
    return [
        f"{place(path, LONGEST_FILE + 1)}: {count} lines, more than {LONGEST_FILE}; split it where two ideas meet"
        for path, source in sources.items()
        if (count := len(source.splitlines())) > LONGEST_FILE
    ]


def many_positional(sources: Sources) -> list[str]:
    """Functions of the scheduling whose calls would be rows of values that nobody can tell apart."""
    return [
        f"{place(path, node)}: {node.name} takes {count} positional parameters; let those after the first be keywords"
        for path, source in sources.items()
        if top_folder(path) == "scheduling"
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (count := sum(a.arg not in {"self", "cls"} for a in [*node.args.posonlyargs, *node.args.args]))
        > MOST_POSITIONAL
    ]


# --- the real package -------------------------------------------------------------------------------------------------


def texts_under(folder: Path) -> dict[str, str]:
    return {file.relative_to(folder).as_posix(): file.read_text("utf-8") for file in sorted(folder.rglob("*.py"))}


PACKAGE = texts_under(ROOT / "src" / "argon")
TESTS = {file.relative_to(ROOT / "tests").as_posix() for file in (ROOT / "tests").rglob("test_*.py")}


def hold(found: list[str]) -> None:
    assert not found, "\n" + "\n".join(found)


def test_the_package_is_there() -> None:
    assert "__init__.py" in PACKAGE


def test_a_folder_imports_only_what_stands_below_it() -> None:
    hold(floors(PACKAGE))


def test_no_process_imports_another() -> None:
    hold(foreign_processes(PACKAGE))


def test_no_state_machine_imports_another() -> None:
    hold(foreign_machines(PACKAGE))


def test_no_file_imports_itself_over_others() -> None:
    hold(circles(PACKAGE))


def test_parts_of_scheduling_are_blind_to_each_other() -> None:
    hold(blind_parts(PACKAGE))


def test_arrows_between_folders_fall_one_way() -> None:
    hold(two_way_arrows(PACKAGE))


def test_the_core_imports_nothing_that_acts() -> None:
    hold(pure_imports(PACKAGE))


def test_the_core_calls_nothing_that_acts() -> None:
    hold(pure_calls(PACKAGE))


def test_nothing_reads_the_time_of_day() -> None:
    hold(wall_clocks(PACKAGE))


def test_only_payload_pickles() -> None:
    hold(picklers(PACKAGE))


def test_nothing_evaluates_text_as_code() -> None:
    hold(evaluation(PACKAGE))


def test_class_names_are_unique() -> None:
    hold(unique_classes(PACKAGE))


def test_no_module_is_a_magnet() -> None:
    hold(magnets(PACKAGE))


def test_every_source_file_has_its_test_file() -> None:
    hold(untested(PACKAGE, TESTS))


def test_every_module_opens_with_a_docstring() -> None:
    hold(docstrings(PACKAGE))


def test_no_exception_is_swallowed_unnamed() -> None:
    hold(swallowed_exceptions(PACKAGE))


def test_no_excuses_in_comments() -> None:
    hold(excuses(PACKAGE))


def test_no_file_is_too_long() -> None:
    hold(lengths(PACKAGE))


def test_no_function_of_the_scheduling_takes_many_positional_parameters() -> None:
    hold(many_positional(PACKAGE))


# --- the rules themselves ---------------------------------------------------------------------------------------------

BROKEN: list[tuple[Rule, Sources, str]] = [
    (floors, {"protocol/codec.py": "import argon.net.channel"}, "src/argon/protocol/codec.py:1: protocol imports"),
    (floors, {"protocol/codec.py": "\nfrom argon.scheduling.effects import Send"}, "codec.py:2: "),
    (floors, {"protocol/codec.py": "from argon import cli"}, "imports argon.cli, which stands above"),
    (floors, {"protocol/codec.py": "from ..node import pool"}, "imports argon.node, which"),
    (floors, {"protocol/__init__.py": "from ..node.node import Node"}, "imports argon.node.node, which"),
    (floors, {"errors.py": "from .protocol import framing", "protocol/framing.py": ""}, "argon.protocol.framing"),
    (floors, {"errors.py": "if TYPE_CHECKING:\n    from argon.node.node import Node"}, "errors.py:2"),
    (floors, {"node/node.py": "def late():\n    from argon.cli.main import main"}, "node.py:2"),
    (floors, {"node/node.py": "from argon import Client"}, "import the module that defines the name"),
    (floors, {"cli/run.py": "import argon"}, "import the module that defines the name"),
    (floors, {"net/channel.py": "from argon.scheduling import effects"}, "net imports argon.scheduling"),
    (floors, {"ipc/inbox.py": "from argon.call.payload import pack_call"}, "ipc imports argon.call.payload"),
    (floors, {"call/payload.py": "from argon.client.options import UNSET"}, "call imports argon.client.options"),
    (floors, {"observe/metrics.py": "from argon.scheduling.cluster.queue import Queue"}, "only the snapshot"),
    (floors, {"stray.py": ""}, "stray is on no floor"),
    (floors, {"tools/stray.py": ""}, "tools is on no floor"),
    (foreign_processes, {"client/local.py": "from argon.node.node import Node"}, "client imports argon.node.node"),
    (foreign_processes, {"worker/worker.py": "from argon.client import client"}, "worker imports argon.client"),
    (foreign_processes, {"client/a.py": "if TYPE_CHECKING:\n    from argon.cluster.cluster import C"}, "a.py:2"),
    (foreign_processes, {"cluster/cluster.py": "from argon.node.node import Node"}, "cluster imports argon.node"),
    (foreign_machines, {"scheduling/node/a.py": "import argon.scheduling.client.backlog"}, "scheduling.client.backlog"),
    (foreign_machines, {"scheduling/load.py": "from argon.scheduling.cluster.task import Task"}, "cluster.task"),
    (circles, {"net/a.py": "from . import a"}, "src/argon/net/a.py:1"),
    (
        two_way_arrows,
        {"net/a.py": "import argon.net.b.c", "net/b/c.py": "from argon.net import a"},
        "net/a.py:1: imports argon.net.b.c, and net/b imports net",
    ),
    (
        two_way_arrows,
        {"cli/a/x.py": "import argon.cli.b.y", "cli/b/y.py": "import argon.cli.z", "cli/z.py": "import argon.cli.a.x"},
        "cli/z.py:1: imports argon.cli.a.x, and cli/a imports cli",
    ),
    (blind_parts, {"scheduling/cluster/queue.py": "from argon.scheduling.effects import Send"}, "scheduling.effects"),
    (blind_parts, {"scheduling/node/a.py": "from . import b", "scheduling/node/b.py": ""}, "imports argon.scheduling"),
    (blind_parts, {"scheduling/node/workers.py": "from .node_buffer import NodeBuffer"}, "only the records"),
    (blind_parts, {"scheduling/cluster/task.py": "from argon.scheduling.cluster import queue"}, "scheduling.cluster"),
    (blind_parts, {"scheduling/cluster/queue.py": "from .cluster_state import ClusterState"}, "cluster_state"),
    (blind_parts, {"scheduling/cluster/queue.py": "from .reporting.snapshot import Snapshot"}, "reporting.snapshot"),
    (blind_parts, {"scheduling/cluster/__init__.py": "from .queue import Queue"}, "scheduling.cluster.queue"),
    *[(pure_imports, {"settings.py": f"import {name}"}, f"the core imports {name}") for name in sorted(IMPURE)],
    (pure_imports, {"errors.py": "import os.path"}, "os.path"),
    (pure_imports, {"protocol/codec.py": "def now():\n    from time import monotonic"}, "codec.py:2"),
    (pure_imports, {"scheduling/router.py": "if TYPE_CHECKING:\n    pass\nelse:\n    import random"}, "router.py:4"),
    (pure_calls, {"settings.py": "open('settings')"}, "calls open()"),
    (pure_calls, {"protocol/codec.py": "print(1)"}, "calls print()"),
    (pure_calls, {"scheduling/queue.py": "clock.sleep(1)"}, "calls sleep()"),
    (wall_clocks, {"net/timer.py": "import time\ntime.time()"}, "net/timer.py:2: time.time is"),
    (wall_clocks, {"node/pool.py": "from time import time_ns"}, "pool.py:1: time.time_ns is"),
    (wall_clocks, {"cli/run.py": "import datetime"}, "datetime is the time of day"),
    *[(picklers, {"worker/worker.py": f"import {name}"}, f"imports {name}") for name in sorted(PICKLERS)],
    (picklers, {"__init__.py": "from pickle import loads"}, "imports pickle"),
    (picklers, {"cli/payload.py": "import pickle"}, "imports pickle"),
    (evaluation, {"cli/run.py": "eval('1')"}, "calls eval()"),
    (evaluation, {"worker/worker.py": "exec('1')"}, "calls exec()"),
    (unique_classes, {"a.py": "class Task: ...", "b.py": "\nclass Task: ..."}, "src/argon/b.py:2: class Task is also"),
    (
        unique_classes,
        {"a.py": "class _S: ...", "b.py": "def f():\n    class _S: ..."},
        "src/argon/b.py:2: class _S is also in src/argon/a.py:1",
    ),
    *[(magnets, {f"net/{name}.py": ""}, f"'{name}' attracts") for name in sorted(MAGNETS)],
    (magnets, {"net/_utils.py": ""}, "attracts"),
    (magnets, {"common/queue.py": ""}, "'common' attracts"),
    (docstrings, {"net/channel.py": "x = 1"}, "no docstring"),
    (docstrings, {"net/__init__.py": ""}, "no docstring"),
    (swallowed_exceptions, {"a.py": "try:\n    f()\nexcept:\n    raise"}, "a.py:3: bare except"),
    (swallowed_exceptions, {"a.py": "try:\n    f()\nexcept Exception:\n    pass"}, "a.py:3: swallows"),
    (swallowed_exceptions, {"a.py": "try:\n    f()\nexcept (OSError, BaseException):\n    ..."}, "a.py:3: swallows"),
    (excuses, {"a.py": "x = 1  # type: ignore"}, "add the [code]"),
    (excuses, {"a.py": "def f(): ...  # noqa: E501, C901"}, "split the function"),
    (excuses, {"a.py": "\n# TODO later"}, "a.py:2: unfinished"),
    (excuses, {"a.py": '"""FIXME: later."""'}, "unfinished"),
    (lengths, {"a.py": "\n" * (LONGEST_FILE + 1)}, f"{LONGEST_FILE + 1} lines"),
    (
        many_positional,
        {"scheduling/load.py": "class A:\n    def f(self, a, b, c, d, e, f, g): ..."},
        "load.py:2: f takes 7",
    ),
]

SOUND: list[tuple[Rule, Sources]] = [
    (floors, {"__init__.py": "from argon.client.client import Client", "__main__.py": "import argon.cli.main"}),
    (floors, {"cli/run.py": "import json\nfrom argon import __version__, errors\nfrom .main import app"}),
    (floors, {"net/channel.py": "from argon.protocol.codec import Codec\nfrom argon.errors import ArgonError"}),
    (floors, {"observe/http.py": "import argon.scheduling.cluster.reporting.snapshot\nfrom .metrics import text"}),
    (foreign_processes, {"node/node.py": "from argon.cluster.cluster import Cluster\nfrom .pool import Pool"}),
    (foreign_processes, {"cli/demo/command.py": "from argon.client.client import Client\nimport argon.node.node"}),
    (foreign_machines, {"scheduling/node/a.py": "from argon.scheduling.load import X\nimport argon.protocol.codec"}),
    (foreign_machines, {"planning/engine.py": "from argon.scheduling.cluster.cluster_state import ClusterState"}),
    (
        circles,
        {"net/a.py": "from argon.net.b import B\nfrom . import c", "net/b.py": "from . import c", "net/c.py": ""},
    ),
    (circles, {"__init__.py": "from argon.errors import E", "errors.py": "from argon import __version__"}),
    (two_way_arrows, {"cli/main.py": "from .demo import run", "cli/demo/run.py": "import argon.cli.a", "cli/a.py": ""}),
    (two_way_arrows, {"net/a/x.py": "from .. import b", "net/b.py": "", "net/c/y.py": "import argon.net.a.x"}),
    (
        blind_parts,
        {"scheduling/cluster/queue.py": "from argon.protocol.messages import Submit\nfrom .task import Task"},
    ),
    (blind_parts, {"scheduling/cluster/queue.py": "from . import task", "scheduling/cluster/task.py": ""}),
    (
        blind_parts,
        {"scheduling/cluster/router.py": "from ..load import predict_s\nfrom .node_session import NodeSession"},
    ),
    (blind_parts, {"scheduling/node/workers.py": "from argon.scheduling.load import ServiceTimes"}),
    (blind_parts, {"scheduling/cluster/reporting/invariants.py": "from argon.scheduling.cluster.queue import Q"}),
    (blind_parts, {"scheduling/cluster/cluster_state.py": "from . import queue\nfrom .router import Router"}),
    (blind_parts, {"scheduling/cluster/admission.py": "from argon.scheduling.cluster.queue import TaskQueue"}),
    (pure_imports, {"scheduling/router.py": "import typing\nif typing.TYPE_CHECKING:\n    from random import Random"}),
    (pure_imports, {"scheduling/load.py": "import heapq\nfrom .time import x"}),
    (pure_imports, {"net/channel.py": "import asyncio", "__init__.py": "import os"}),
    (pure_calls, {"scheduling/admission.py": "gate.open()", "cli/run.py": "print(open('x'))"}),
    (wall_clocks, {"net/timer.py": "from time import monotonic\nloop.time()", "cli/run.py": "import time"}),
    (picklers, {"call/payload.py": "import pickle, cloudpickle"}),
    (evaluation, {"cli/run.py": "shell.exec('ls')\nast.literal_eval('1')"}),
    (unique_classes, {"a.py": "class Task: ...", "b.py": "class Tasks: ..."}),
    (magnets, {"net/channel.py": "", "call/base64.py": ""}),
    (docstrings, {"a.py": '"""What it is."""'}),
    (swallowed_exceptions, {"a.py": "try:\n    f()\nexcept OSError:\n    pass\nexcept Exception:\n    raise"}),
    (excuses, {"a.py": "x = 1  # type: ignore[misc]\ny = '# type: ignore'\nf()  # noqa: BLE001"}),
    (lengths, {"a.py": "\n" * LONGEST_FILE}),
    (many_positional, {"scheduling/load.py": "class A:\n    def f(self, a, b, c, d, e, f, *, g): ..."}),
    (many_positional, {"protocol/messages.py": "def f(a, b, c, d, e, f, g): ..."}),
]


@pytest.mark.parametrize(("rule", "sources", "sentence"), BROKEN)
def test_rule_when_broken_names_the_place(rule: Rule, sources: Sources, sentence: str) -> None:
    found = rule(sources)
    assert len(found) == 1
    assert sentence in found[0]
    assert re.match(r"src/argon/\S+\.py:\d+: ", found[0])


@pytest.mark.parametrize(("rule", "sources"), SOUND)
def test_rule_when_kept_is_silent(rule: Rule, sources: Sources) -> None:
    assert rule(sources) == []


def test_file_without_its_mirrored_test_file_is_named() -> None:
    sources = {"errors.py": "", "cli/run.py": "", "__init__.py": "", "cli/__init__.py": "", "__main__.py": ""}
    assert untested(sources, {"test_errors.py", "cli/test_run.py"}) == []
    assert untested(sources, {"test_errors.py", "test_run.py"}) == [
        "src/argon/cli/run.py:1: has no test file; write tests/cli/test_run.py"
    ]
    assert untested(sources, {"cli/test_run.py", "cli/test_errors.py"}) == [
        "src/argon/errors.py:1: has no test file; write tests/test_errors.py"
    ]


def test_files_that_import_each_other_over_a_third_are_all_named() -> None:
    sources = {
        "a.py": "import argon.b",
        "b.py": "from argon import c",
        "c.py": "from argon.a import A",
        "d.py": "import argon.a",
    }
    known = {f"net/{path}": text.replace("argon", "argon.net") for path, text in sources.items()}
    assert [sentence[:20] for sentence in circles(known)] == [f"src/argon/net/{name}.py:1"[:20] for name in "abc"]


def test_every_rule_is_shown_to_fail() -> None:
    rules = {rule for rule, _, _ in BROKEN} | {untested}
    applied = {
        name
        for node in ast.walk(ast.parse(Path(__file__).read_text("utf-8")))
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "hold"
        for name in [ast.unparse(node.args[0]).split("(")[0]]
    }
    assert applied == {rule.__name__ for rule in rules}
    assert rules - {untested} == {rule for rule, _ in SOUND}
