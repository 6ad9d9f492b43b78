"""Changes the shells at random, one thing at a time, and tells which changes no test feels.

python -m tests.mutations --count 100                     with a seed of its own, which it prints
python -m tests.mutations --seed 7 --count 100            these again
python -m tests.mutations --only client/,net/ --seed 7    of these folders or files only
python -m tests.mutations --at net/channel.py:120         all mutations of this line
python -m tests.mutations --unrun                         those that no test can feel, as none runs the line; tries none

Exit status: 0 if each is felt or listed as equivalent, 1 if one survives, 130 interrupted.
"""

from __future__ import annotations

import argparse
import difflib
import random
import shutil
import signal
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import SimpleQueue

from tests.mutations import equivalent
from tests.mutations.choice import draw, may_feel, unrun
from tests.mutations.line_map import LineMap, line_map
from tests.mutations.operators import KINDS, Mutation, mutations
from tests.mutations.tree import Tree
from tests.mutations.trial import Verdict, verdict

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = ("client/", "node/", "worker/", "cluster/", "net/", "call/")
AT_ONCE = 2
INTERRUPTED = 130


def parsed(arguments: Sequence[str]) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.mutations", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--seed", type=int, help="what is drawn (default: another each time)")
    parser.add_argument("--count", type=int, default=100, help="how many (default: 100)")
    parser.add_argument("--only", default=",".join(FOLDERS), help="folders or files (default: %(default)s)")
    parser.add_argument("--kinds", default=",".join(KINDS), help="what is changed (default: %(default)s)")
    parser.add_argument("--at", default="", metavar="PATH:LINE", help="all mutations of one line instead")
    parser.add_argument("--unrun", action="store_true", help="list the mutations of lines that no test runs, and end")
    parser.add_argument("--python", default=sys.executable, help="the interpreter that runs the tests")
    return parser.parse_args(arguments)


def chosen(options: argparse.Namespace, sources: dict[str, str]) -> list[Mutation]:
    """The mutations that the command line asks for."""
    if options.at:
        path, _, line = options.at.rpartition(":")
        return [one for one in mutations(path, sources[path]) if one.line == int(line)]
    found = [
        mutation
        for path, source in sorted(sources.items())
        if path.startswith(tuple(options.only.split(",")))
        for mutation in mutations(path, source)
        if mutation.kind in options.kinds.split(",")
    ]
    return found if options.unrun else draw(options.seed, options.count, found)


def difference(mutation: Mutation, source: str) -> str:
    """A mutation, as a diff."""
    name = f"src/argon/{mutation.path}"
    before, after = source.splitlines(), mutation.apply(source).splitlines()
    return "\n".join(difflib.unified_diff(before, after, name, name, lineterm=""))


def summary(verdicts: Sequence[str]) -> str:
    """The counts, and the share killed of those that change anything."""
    counts = Counter(verdicts)
    felt = counts["killed"] + counts["survived"]
    share = f"{100 * counts['killed'] / felt:.1f} %" if felt else "none"
    return (
        f"{len(verdicts)} mutations: {counts['killed']} killed, {counts['survived']} survived,"
        f" {counts['equivalent']} equivalent; killed of those that change anything: {share}"
    )


def main(arguments: Sequence[str]) -> int:
    """Carries out what the command line asks for; returns the exit status."""
    options = parsed(arguments)
    if options.seed is None:
        options.seed = random.SystemRandom().randrange(1 << 20)
    begun = time.monotonic()
    lock = threading.Lock()

    def tell(line: str) -> None:
        with lock:
            print(f"{time.monotonic() - begun:7.1f} s  {line}", flush=True)

    sources = {
        file.relative_to(ROOT / "src" / "argon").as_posix(): file.read_text("utf-8")
        for file in (ROOT / "src" / "argon").rglob("*.py")
    }
    listed = equivalent.entries(Path(equivalent.__file__).with_suffix(".txt").read_text("utf-8"))
    for entry in equivalent.stale(listed, sources):
        tell(f"equivalent.txt lists a line that {entry.path} no longer has: {entry.was}")
    drawn = chosen(options, sources)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    tell(f"seed {options.seed}, {len(drawn)} mutations")
    folder = Path(tempfile.mkdtemp(prefix="am-"))  # short: the names of Unix sockets are
    try:
        trees = [Tree(ROOT, folder / str(number), options.python) for number in range(AT_ONCE)]
        known = line_map(ROOT, trees, tell)
        if options.unrun:
            for mutation in unrun(drawn, known):
                line = sources[mutation.path].splitlines()[mutation.line - 1].strip()
                print(f"{mutation.path}:{mutation.line}: {mutation.kind}: {line}")
            return 0
        free: SimpleQueue[Tree] = SimpleQueue()
        for tree in trees:
            free.put(tree)

        def tried(numbered: tuple[int, Mutation]) -> str:
            number, mutation = numbered
            source = sources[mutation.path]
            what = f"{number}/{len(drawn)} {mutation.kind} {mutation.path}:{mutation.line}"
            if why := equivalent.why_equivalent(listed, mutation, source):
                tell(f"{what}: equivalent: {why}")
                return "equivalent"
            tree = free.get()
            try:
                end = attempt(tree, mutation, sources, known)
            finally:
                free.put(tree)
            if end.killed_by:
                tell(f"{what}: killed by {end.killed_by}")
                return "killed"
            tell(f"{what}: SURVIVED {end.tests} tests\n{difference(mutation, source)}\n")
            return "survived"

        with ThreadPoolExecutor(AT_ONCE) as pool:
            verdicts = list(pool.map(tried, enumerate(drawn, 1)))
    except KeyboardInterrupt:
        tell("interrupted")
        return INTERRUPTED
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    tell(f"seed {options.seed}: {summary(verdicts)}")
    return int("survived" in verdicts)


def attempt(tree: Tree, mutation: Mutation, sources: dict[str, str], known: LineMap) -> Verdict:
    """Tries one mutation in a copy, which is as it was afterwards."""
    source = sources[mutation.path]
    tests = may_feel(mutation, sources, known)
    tree.write(f"argon/{mutation.path}", mutation.apply(source))
    try:
        return verdict(tree.run, tests, known)
    finally:
        tree.write(f"argon/{mutation.path}", source)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
