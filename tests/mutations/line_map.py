"""Which tests run which line of Argon, also in the processes that they start.

In: the repository. Out: a ``LineMap``. Each test file is run once with every line traced; what it ran is kept in
``build/mutations`` until the sources, what tests share or the file itself change. A test that fails, or is skipped, on
the unchanged sources can feel nothing, and is left out.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import sys
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path, PurePosixPath
from queue import SimpleQueue
from typing import Any, Final

from tests.mutations import tracer
from tests.mutations.keeper import TIME_IS_UP
from tests.mutations.tree import Tree, tracked

_FILE_LIMIT_S: Final = 600.0
_OTHER_FOLDERS: Final = ("benchmarks", "chaos", "mutations", "planning", "protocol", "scheduling", "simulation")
_OTHER_FILES: Final = ("house", "prose", "faults", "dist", "hatch_build", "dependencies", "transcript")


class LineMap:
    """What every test runs.

    Args:
        pieces: one for each test file: how long its tests take, and which lines they run.

    Attributes:
        seconds: how long each test takes, with tracing.
    """

    def __init__(self, pieces: Iterable[dict[str, Any]]) -> None:
        self.seconds: dict[str, float] = {}
        self._tests: defaultdict[tuple[str, int], set[str]] = defaultdict(set)
        for piece in pieces:
            self.seconds.update(piece["seconds"])
            for test, files in piece["lines"].items():
                for path, lines in files.items():
                    for line in lines:
                        self._tests[path, line].add(test)

    def tests(self, path: str, first: int, last: int) -> set[str]:
        """The tests that run one of these lines."""
        return set().union(*(self._tests.get((path, line), ()) for line in range(first, last + 1)))

    def of_file(self, test_file: str) -> set[str]:
        """The tests of a test file."""
        return {test for test in self.seconds if file_of(test) == test_file}


def file_of(test: str) -> str:
    """The file of a test."""
    return test.partition("::")[0]


def feeling_files(names: Iterable[str]) -> list[str]:
    """The test files, of all files of the repository, that can feel a mutation."""
    return sorted(
        name
        for name in names
        if (parts := PurePosixPath(name).parts)[0] == "tests"
        and parts[-1].startswith("test_")
        and parts[-1].endswith(".py")
        and parts[1] not in _OTHER_FOLDERS
        and parts[-1][5:-3] not in _OTHER_FILES
    )


def key(root: Path, names: Iterable[str], test_file: str) -> str:
    """What the lines of a test file depend on."""
    digest = hashlib.sha256(sys.version.encode())
    for name in sorted(names):
        part = PurePosixPath(name)
        shared = part.suffix == ".py" and part.parts[0] == "tests" and not part.name.startswith("test_")
        if name == test_file or part.parts[0] == "src" or (shared and part.parts[1] != "mutations"):
            digest.update(name.encode() + b"\0" + (root / name).read_bytes() + b"\0")
    return digest.hexdigest()


def line_map(root: Path, trees: Sequence[Tree], tell: Callable[[str], None]) -> LineMap:
    """The map of the repository as it is now; traces those test files that are not known yet."""
    cache = root / "build" / "mutations"
    cache.mkdir(parents=True, exist_ok=True)
    names = tracked(root)
    places = {file: cache / f"{file.replace('/', '-')}.json" for file in feeling_files(names)}
    keys = {file: key(root, names, file) for file in places}
    missing = [file for file, place in places.items() if not place.exists() or _read(place)["key"] != keys[file]]
    if missing:
        tell(f"tracing {len(missing)} test files ...")
        free: SimpleQueue[Tree] = SimpleQueue()
        for tree in trees:
            free.put(tree)

        def trace(file: str) -> None:
            tree = free.get()
            try:
                piece, left_out = trace_file(tree, file)
            finally:
                free.put(tree)
            places[file].write_text(json.dumps({**piece, "key": keys[file]}), "utf-8")
            for line in left_out:
                tell(line)

        with ThreadPoolExecutor(len(trees)) as pool:
            list(pool.map(trace, missing))
    return LineMap(map(_read, places.values()))


def trace_file(tree: Tree, file: str) -> tuple[dict[str, Any], list[str]]:
    """Runs a test file with every line traced; returns what is known of it, and which of its tests are left out."""
    traces = tree.folder / "lines"
    shutil.rmtree(traces, ignore_errors=True)
    traces.mkdir()
    tree.write("sitecustomize.py", Path(tracer.__file__).read_text("utf-8"))
    ended = tree.run([file], _FILE_LIMIT_S, first=False, **{tracer.FOLDER_VARIABLE: str(traces)})
    tree.remove("sitecustomize.py")
    if ended.status == TIME_IS_UP:
        raise RuntimeError(f"{file} was ended while it was traced: it was interrupted, or took {_FILE_LIMIT_S:g} s")
    lines: dict[str, dict[str, list[int]]] = {}
    seconds: dict[str, float] = {}
    left_out = []
    shared = _lines(traces.glob("file-*"))
    for one in ended.reports:
        test = one["test"]
        if one["end"] == "failed" and tree.run([test], _FILE_LIMIT_S).status:
            left_out.append(f"{test} fails on the unchanged sources, and is left out")
        elif one["end"] != "skipped":
            seconds[test] = one["seconds"]
            own = _lines(traces.glob(one["name"]) if one["name"] else ())
            lines[test] = {
                path: sorted(shared.get(path, set()) | own.get(path, set())) for path in sorted({*shared, *own})
            }
    if ended.status not in (0, 1, 5):
        left_out.append(f"{file} ended with status {ended.status}")
    return {"seconds": seconds, "lines": lines}, left_out


def _lines(files: Iterable[Path]) -> dict[str, set[int]]:
    found: defaultdict[str, set[int]] = defaultdict(set)
    for file in files:
        for line in set(file.read_text("utf-8").splitlines()):
            path, _, number = line.rpartition(":")
            found[path].add(int(number))
    return found


def _read(place: Path) -> Any:
    return json.loads(place.read_text("utf-8"))
