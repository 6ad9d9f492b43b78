"""The rules of the house.

Each rule is a plain function: it takes the sources of the package (path below `src/argon` -> text) and returns what
breaks the rule, one sentence of `path:line: what, and what to do` each. `tests/test_house.py` applies them.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Collection
from pathlib import PurePosixPath

from tests.support.package_sources import (
    DOORS,
    FLOORS,
    ORDER,
    Sources,
    calls,
    comments,
    folder_of,
    for_types_only,
    imports,
    module_of,
    place,
    reached_over,
    top_folder,
)

Rule = Callable[[Sources], list[str]]

TOP_OF_THE_CORE = FLOORS["scheduling"]
PROCESSES = {"cluster", "node", "worker", "client"}  # each is one process, or the part of one that a caller holds
EMBEDDED = {("node", "cluster")}  # a node that listens by itself has a cluster inside
MACHINES = {"cluster", "node", "client"}  # the state machines of scheduling/
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


def is_pure(path: str) -> bool:
    return path not in DOORS and FLOORS.get(top_folder(path), len(ORDER)) <= TOP_OF_THE_CORE


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
        f"{place(path, node)}: imports {target}; only call/ pickles, so call that"
        for path, source in sources.items()
        if not path.startswith("call/")
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
