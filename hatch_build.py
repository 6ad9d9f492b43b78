"""Compiles the hot part of Argon with mypyc when a wheel is built, and writes into the wheel why it is not compiled.

In: the sources, and ``ARGON_COMPILE``: 1 compiles or fails, 0 does not compile, and without it a wheel is compiled
where a C compiler is, and is pure Python elsewhere. Out: C extensions beside the same sources in the wheel, and
``argon/build.json`` for ``argon.build``. An editable install is never compiled. It must never change what Argon does:
the tests run on both builds. Nor may it check types for the sake of it: that is for ``make check``, and a user's build
must not fail because a newer library describes itself in other words.
"""

from __future__ import annotations

import atexit
import contextlib
import io
import json
import os
import platform
import shlex
import shutil
import sys
import sysconfig
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

# Only what is synchronous: coroutines stay the interpreter's, which compiled ones do not equal when they are cancelled.
COMPILED = [
    "record.py",
    "protocol/*.py",
    "scheduling/*.py",
    *(f"scheduling/{folder}/*.py" for folder in ("cluster", "node", "client")),
    *(f"net/{name}.py" for name in ("channel", "memory", "timer")),
    *(f"ipc/{name}.py" for name in ("inbox", "outbox")),
    *(f"call/{name}.py" for name in ("payload", "envelope", "time_left", "invoke")),
    "cluster/cluster_shell.py",
    *(f"node/{name}.py" for name in ("node_shell", "pool", "worker_handle")),
    "worker/worker.py",
    *(f"client/{name}.py" for name in ("client_shell", "submissions", "usage_guards", "answers")),
]
# Nothing in them is called for every task; and a class with keywords loses them when it is compiled.
LEFT_ALONE = {"__init__.py", "diagnosis.py"}

AGAIN = "install it again: pip install --force-reinstall --no-cache-dir --no-binary argon-cluster argon-cluster (or .)"
REPORT = "please report it, with what pip install -v says; a newer or an older Python may do"


class CannotCompile(Exception):
    """Why there is no compiled build, and what to do about it."""

    def __init__(self, reason: str, remedy: str) -> None:
        super().__init__(f"{reason}; {remedy}")
        self.reason, self.remedy = reason, remedy


class CompileHook(BuildHookInterface[Any]):
    """Adds the extensions to a wheel, and why there are none."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        if version == "editable":
            return
        root, out = Path(self.root), Path(tempfile.mkdtemp(prefix="argon-"))
        atexit.register(shutil.rmtree, out, ignore_errors=True)
        wanted = os.environ.get("ARGON_COMPILE", "")
        if wanted not in ("", "0", "1"):
            raise ValueError(f"ARGON_COMPILE is {wanted!r}: give 1 to compile or fail, 0 not to compile, or nothing")
        try:
            if wanted == "0":
                raise CannotCompile("it was built with ARGON_COMPILE=0, as the wheel for all machines is", AGAIN)
            require_compiler()
            extensions = compile_all(root, out)
        except (Exception, SystemExit) as error:
            if wanted == "1":
                raise
            why = error if isinstance(error, CannotCompile) else CannotCompile(f"the compile failed ({error})", REPORT)
            if wanted != "0":
                self.app.display_warning(f"Argon is built as pure Python, about half as fast: {why}")
        else:
            build_data["pure_python"] = False
            build_data["infer_tag"] = True
            build_data["force_include"].update({str(path): str(path.relative_to(out)) for path in extensions})
            why = CannotCompile(f"it was compiled for {this_python()}, and this is another Python", AGAIN)
        said = out / "build.json"
        said.write_text(json.dumps({"reason": why.reason, "remedy": why.remedy}))
        build_data["force_include"][str(said)] = "argon/build.json"


def compiled_sources(package: Path) -> list[Path]:
    """The files that are compiled. A pattern does not descend into folders, so each folder has one of its own."""
    found = {path for pattern in COMPILED for path in package.glob(pattern)}
    return sorted(path for path in found if path.name not in LEFT_ALONE)


def this_python() -> str:
    return f"{platform.python_implementation()} {platform.python_version()} on {sysconfig.get_platform()}"


def require_compiler() -> None:
    """Raises CannotCompile where there is no C compiler, or nothing of Python's for it."""
    compiler = (shlex.split(os.environ.get("CC") or sysconfig.get_config_var("CC") or "") or ["cc"])[0]
    if shutil.which(compiler) is None:
        raise CannotCompile(f"no C compiler was found ('{compiler}')", f"install one, and then {AGAIN}")
    header = Path(sysconfig.get_path("include"), "Python.h")
    if not header.exists():
        what = "install Python's headers (on Debian and Ubuntu: the package python3-dev)"
        raise CannotCompile(f"{header} was not found", f"{what}, and then {AGAIN}")


def types_config(package: Path) -> str:
    """What mypy is told for a build: only what is compiled must have types that are right, whatever a library's are."""
    modules = [".".join(path.relative_to(package.parent).with_suffix("").parts) for path in compiled_sources(package)]
    return f"""\
[mypy]
mypy_path = src
local_partial_types = True
strict_bytes = True
ignore_missing_imports = True
[mypy-argon.*]
ignore_errors = True
[mypy-{",".join(modules)}]
ignore_errors = False
"""


def compile_all(root: Path, out: Path) -> list[Path]:
    """Compiles into ``out``, laid out as in the wheel; returns the extension modules."""
    from mypyc.build import mypycify
    from setuptools import Distribution
    from setuptools.command.build_ext import build_ext

    before, complaints = Path.cwd(), io.StringIO()
    os.chdir(root)
    try:
        config = out / "mypy.ini"
        config.write_text(types_config(root / "src" / "argon"))
        paths = [str(path.relative_to(root)) for path in compiled_sources(root / "src" / "argon")]
        options = ["--config-file", str(config), "--python-executable", sys.executable]
        with contextlib.redirect_stdout(complaints):
            modules = mypycify([*options, *paths], opt_level="3", debug_level="0", target_dir=str(out / "c"))
        command = build_ext(Distribution({"name": "argon", "ext_modules": modules, "package_dir": {"": "src"}}))
        command.build_lib, command.build_temp = str(out), str(out / "objects")
        command.ensure_finalized()
        command.run()
    except SystemExit as error:  # how mypyc ends when it has printed what is wrong
        sys.stderr.write(complaints.getvalue())
        first = next((line for line in complaints.getvalue().splitlines() if "error: " in line), str(error))
        raise CannotCompile(f"mypyc could not compile it ({first})", REPORT) from error
    finally:
        os.chdir(before)
    return sorted([*out.glob("argon/**/*.so"), *out.glob("*.so")])
