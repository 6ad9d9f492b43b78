"""Whether a wheel is compiled: what ARGON_COMPILE says, and what happens where it cannot be."""

from __future__ import annotations

import ast
import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import msgspec
import mypy.api
import pytest

from argon.build import Build

ROOT = Path(__file__).resolve().parent.parent


class App:
    """The builder's side: keeps its warnings."""

    def __init__(self) -> None:
        self.warnings: list[str] = []

    def display_warning(self, text: str) -> None:
        self.warnings.append(text)


@pytest.fixture
def build() -> ModuleType:
    spec = importlib.util.spec_from_file_location("hatch_build", ROOT / "hatch_build.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def said(data: dict[str, Any]) -> Build:
    """What the wheel tells `argon.build`."""
    (path,) = (source for source, target in data["force_include"].items() if target == "argon/build.json")
    return msgspec.json.decode(Path(path).read_bytes(), type=Build)


def run(
    build: ModuleType,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    wanted: str | None,
    version: str,
    fails: bool = False,
) -> tuple[dict[str, Any], list[str]]:
    def compile_all(root: Path, out: Path) -> list[Path]:
        if fails:
            raise OSError("no compiler")
        return [out / "argon" / "record.so"]

    monkeypatch.setattr(build, "compile_all", compile_all)
    monkeypatch.setattr(build, "require_compiler", lambda: None)
    monkeypatch.delenv("ARGON_COMPILE", raising=False)
    if wanted is not None:
        monkeypatch.setenv("ARGON_COMPILE", wanted)
    app, data = App(), {"pure_python": True, "infer_tag": False, "force_include": {}}
    hook = build.CompileHook(str(folder), {}, None, None, str(folder), "wheel", app=app)
    hook.initialize(version, data)
    return data, app.warnings


@pytest.mark.parametrize("wanted", [None, "1"])
def test_wheel_is_compiled_and_carries_the_extensions(
    build: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wanted: str | None
) -> None:
    data, warnings = run(build, tmp_path, monkeypatch, wanted, "standard")
    assert list(data["force_include"].values()) == ["argon/record.so", "argon/build.json"]
    assert "compiled for CPython" in said(data).reason  # if its extensions are not found some day
    assert (data["pure_python"], data["infer_tag"], warnings) == (False, True, [])


@pytest.mark.parametrize("wanted", [None, "1"])
def test_editable_wheel_is_left_as_it_is(
    build: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wanted: str | None
) -> None:
    data, warnings = run(build, tmp_path, monkeypatch, wanted, "editable", fails=True)
    assert (data["pure_python"], data["force_include"], warnings) == (True, {}, [])


def test_wheel_is_pure_when_that_is_wanted_and_tells_argon_so(
    build: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data, warnings = run(build, tmp_path, monkeypatch, "0", "standard", fails=True)
    assert (data["pure_python"], warnings) == (True, [])
    assert "ARGON_COMPILE=0" in said(data).reason


def test_wheel_that_cannot_be_compiled_is_pure_and_says_so(
    build: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data, (warning,) = run(build, tmp_path, monkeypatch, None, "standard", fails=True)
    assert data["pure_python"] is True
    assert "the compile failed (no compiler); " in warning
    assert warning.endswith(f"{said(data).reason}; {said(data).remedy}")


def test_wheel_that_must_be_compiled_and_cannot_be_is_no_wheel(
    build: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(OSError, match="no compiler"):
        run(build, tmp_path, monkeypatch, "1", "standard", fails=True)


@pytest.mark.parametrize("wanted", ["yes", "true", "2", " 0"])
def test_wish_that_is_neither_0_nor_1_is_no_wheel(
    build: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wanted: str
) -> None:
    with pytest.raises(ValueError, match=f"ARGON_COMPILE is '{wanted}'"):
        run(build, tmp_path, monkeypatch, wanted, "standard")


def test_machine_without_a_compiler_is_told_what_to_install(
    build: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CC", "no-such-compiler -O2")
    with pytest.raises(build.CannotCompile, match=r"no C compiler was found \('no-such-compiler'\); install one"):
        build.require_compiler()


def test_machine_without_the_headers_of_python_is_told_what_to_install(
    build: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CC", sys.executable)
    monkeypatch.setattr(build.sysconfig, "get_path", lambda name: str(tmp_path))
    with pytest.raises(build.CannotCompile, match=r"Python\.h was not found; install Python's headers"):
        build.require_compiler()


def test_types_must_be_right_only_in_what_is_compiled(
    build: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "src" / "argon"
    package.mkdir(parents=True)
    for name in ("__init__", "record", "executor"):
        (package / f"{name}.py").write_text("wrong: int = 'a text'\n")
    (tmp_path / "mypy.ini").write_text(build.types_config(package))
    monkeypatch.chdir(tmp_path)
    out, _, status = mypy.api.run(["--config-file", "mypy.ini", "src/argon"])
    assert (status, [line.partition(":")[0] for line in out.splitlines()[:-1]]) == (1, ["src/argon/record.py"])


# Stated by name, so that a file that moves out of a pattern's sight is missed here and not in a benchmark.
COMPILED_SET = {
    ".": "record",
    "protocol": "codec fragments framing handshake ids messages",
    "scheduling": "ageing deadlines effects liveness load task_line task_options transitions",
    "scheduling/cluster": (
        "admission admission_rule answer_state clients cluster_state counters decision_log forecast membership"
        " node_session node_times probation queue retry_pacing route router shutdown standing_queue task task_history"
    ),
    "scheduling/node": "capacity_report node_buffer node_state node_task outcomes respawns worker_slot workers",
    "scheduling/client": "backlog client_state client_task credits local_answers local_retry_pacing send_window",
    "net": "channel memory timer",
    "ipc": "inbox outbox",
    "call": "envelope invoke payload time_left",
    "cluster": "cluster_shell",
    "node": "node_shell pool worker_handle",
    "worker": "worker",
    "client": "answers client_shell submissions usage_guards",
}


def test_compiled_set_is_the_stated_one(build: ModuleType) -> None:
    package = ROOT / "src" / "argon"
    stated = {package / folder / f"{name}.py" for folder, names in COMPILED_SET.items() for name in names.split()}
    found = build.compiled_sources(package)
    assert found == sorted(stated)
    assert len({path.name for path in found}) == len(found), "a profile tells compiled modules apart by their names"


def test_every_pattern_and_every_exception_names_a_file(build: ModuleType) -> None:
    package = ROOT / "src" / "argon"
    assert [pattern for pattern in build.COMPILED if not list(package.glob(pattern))] == []
    assert [name for name in build.LEFT_ALONE if not list(package.rglob(name))] == []


def test_nothing_compiled_raises_from(build: ModuleType) -> None:
    for path in build.compiled_sources(ROOT / "src" / "argon"):
        raises = (node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Raise))
        lines = [node.lineno for node in raises if node.cause is not None]
        assert not lines, f"{path}: mypyc forgets the cause in {lines}; use errors.caused_by"


def test_nothing_compiled_has_coroutines_or_classes_with_keywords(build: ModuleType) -> None:
    for path in build.compiled_sources(ROOT / "src" / "argon"):
        text = path.read_text()
        assert "async def" not in text, path
        assert "Struct, " not in text, path
