"""The rules of the house, kept by a test.

The first half of the tests applies every rule of `tests/support/house_rules.py` to the real package; the second half
shows on small sources that each rule fails when it should, and only then.
"""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from tests.support.house_rules import (
    IMPURE,
    LONGEST_FILE,
    MAGNETS,
    PICKLERS,
    Rule,
    blind_parts,
    circles,
    docstrings,
    evaluation,
    excuses,
    floors,
    foreign_machines,
    foreign_processes,
    lengths,
    magnets,
    many_positional,
    picklers,
    pure_calls,
    pure_imports,
    swallowed_exceptions,
    two_way_arrows,
    unique_classes,
    untested,
    wall_clocks,
)
from tests.support.package_sources import Sources

ROOT = Path(__file__).resolve().parent.parent


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


def test_only_the_room_of_calls_pickles() -> None:
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
    hold(lengths({**texts_under(ROOT / "tests"), **texts_under(ROOT / "benchmarks")}))


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
    (picklers, {"call/payload.py": "import pickle, cloudpickle", "call/failure.py": "import pickle"}),
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
