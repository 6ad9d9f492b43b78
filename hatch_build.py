"""Compiles the hot part of Argon with mypyc when a wheel is built.

In: the sources, and ``ARGON_COMPILE``: 1 compiles or fails, 0 does not compile, and without it a wheel is compiled
where a C compiler is, and is pure Python elsewhere. Out: C extensions beside the same sources in the wheel. An
editable install is never compiled. It must never change what Argon does: the tests run on both builds.
"""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

# Only what is synchronous: coroutines stay the interpreter's, which compiled ones do not equal when they are cancelled.
COMPILED = [
    "record.py",
    "protocol/*.py",
    "scheduling/*.py",
    *(f"scheduling/{folder}/*.py" for folder in ("cluster", "cluster/reporting", "node", "client")),
    *(f"net/{name}.py" for name in ("channel", "memory", "timer")),
    *(f"ipc/{name}.py" for name in ("inbox", "outbox")),
    *(f"call/{name}.py" for name in ("payload", "envelope", "deadline")),
    "cluster/cluster_shell.py",
    *(f"node/{name}.py" for name in ("node_shell", "pool", "worker_process")),
    "worker/worker.py",
    *(f"client/{name}.py" for name in ("client_shell", "answers")),
]
# Nothing in them is called for every task; and a class with keywords loses them when it is compiled.
LEFT_ALONE = {"__init__.py", "snapshot.py", "invariants.py", "explanation.py", "diagnosis.py"}


class CompileHook(BuildHookInterface[Any]):
    """Adds the extensions to a wheel."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        wanted = os.environ.get("ARGON_COMPILE", "")
        if version == "editable" or wanted == "0":
            return
        root, out = Path(self.root), Path(self.root) / "build" / "compiled"
        shutil.rmtree(out, ignore_errors=True)
        try:
            extensions = compile_all(root, out)
        except (Exception, SystemExit) as error:
            if wanted == "1":
                raise
            self.app.display_warning(
                f"Argon is built as pure Python, which is slower: it could not be compiled: {error}"
            )
            return
        build_data["pure_python"] = False
        build_data["infer_tag"] = True
        build_data["force_include"].update({str(path): str(path.relative_to(out)) for path in extensions})


def compiled_sources(package: Path) -> list[Path]:
    """The files that are compiled. A pattern does not descend into folders, so each folder has one of its own."""
    found = {path for pattern in COMPILED for path in package.glob(pattern)}
    return sorted(path for path in found if path.name not in LEFT_ALONE)


def compile_all(root: Path, out: Path) -> list[Path]:
    """Compiles into ``out``, laid out as in the wheel; returns the extension modules."""
    from mypyc.build import mypycify
    from setuptools import Distribution
    from setuptools.command.build_ext import build_ext

    before = Path.cwd()
    os.chdir(root)
    try:
        paths = [str(path.relative_to(root)) for path in compiled_sources(root / "src" / "argon")]
        options = ["--config-file", "pyproject.toml", "--python-executable", sys.executable]
        modules = mypycify([*options, *paths], opt_level="3", debug_level="0", target_dir=str(out / "c"))
        command = build_ext(Distribution({"name": "argon", "ext_modules": modules, "package_dir": {"": "src"}}))
        command.build_lib, command.build_temp = str(out), str(out / "objects")
        command.ensure_finalized()
        command.run()
    finally:
        os.chdir(before)
    return sorted([*out.glob("argon/**/*.so"), *out.glob("*.so")])
