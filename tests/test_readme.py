"""The README and the design documents, held to what they say: code is run, links, files and limits are looked up.

In: the Markdown files. Out: failures that name the file and what is no longer true. Each block of Python runs in a
process of its own; of the shell blocks, lines that start a server are started and kept, the others are run against
them. What a comment says a line prints (`# prints 5.0`) is what it must print.
"""

from __future__ import annotations

import os
import re
import shlex
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from importlib import import_module
from pathlib import Path

import pytest

from argon.cli.child_process import ready_address, running
from tests.support.build import IMPORTED_FROM

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text("utf-8")
DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), ROOT / "benchmarks" / "README.md"])
LIMITS = (ROOT / "docs" / "design" / "limits.md").read_text("utf-8")

WRITTEN_ADDRESS = "localhost:8000"
WRITTEN_NODE_PORT = "8001"
SET_UP = ("make ", "pip install ", "python3 -m venv ")  # these change the machine; they are looked at, not run
UNITS = {"": 1, "s": 1, "ms": 1e-3, "bytes": 1, "KiB": 1 << 10, "MiB": 1 << 20}
WITHIN_S = 40


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)


def shell_lines() -> list[str]:
    return [line for block in blocks("sh") for line in block.splitlines() if line]


def promised(text: str) -> list[str]:
    return re.findall(r"# prints (.*?)\s*$", text, re.MULTILINE)


def is_server(line: str) -> bool:
    return line.startswith(("argon cluster", "argon node"))


SERVERS = [line for line in shell_lines() if is_server(line)]
COMMANDS = [line for line in shell_lines() if not is_server(line) and not line.startswith(SET_UP)]
SET_UPS = [line for line in shell_lines() if line.startswith(SET_UP)]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("localhost", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """What every process gets: this working tree, and a token of its own."""
    with pytest.MonkeyPatch.context() as patch:
        path = os.pathsep.join(filter(None, [IMPORTED_FROM, os.environ.get("PYTHONPATH", "")]))
        patch.setenv("PYTHONPATH", path)
        patch.setenv("ARGON_TOKEN_FILE", str(tmp_path_factory.mktemp("token") / "token"))
        patch.delenv("ARGON_TOKEN", raising=False)
        patch.delenv("ARGON_CLUSTER", raising=False)
        yield dict(os.environ)


@pytest.fixture(scope="module")
def address(environment: dict[str, str]) -> Iterator[str]:
    """Everything that the README starts, as it is written there, but on free ports."""
    live = f"localhost:{free_port()}"
    with ExitStack() as stack:
        for line in SERVERS:
            words = shlex.split(line, comments=True)[1:]
            if words == ["cluster"]:
                words += ["--port", live.rpartition(":")[2]]
            words = [word.replace(WRITTEN_ADDRESS, live).replace(WRITTEN_NODE_PORT, "0") for word in words]
            child = stack.enter_context(running(words))
            assert ready_address(child.ready_line) in ("", live) or "--port" in words
        yield live


def run(command: list[str], environment: dict[str, str], folder: Path, text: str = "") -> list[str]:
    done = subprocess.run(
        command, input=text, capture_output=True, text=True, env=environment, cwd=folder, timeout=WITHIN_S
    )
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr, done.stderr
    return done.stdout.splitlines()


@pytest.mark.parametrize("block", blocks("python"))
def test_python_of_the_readme_prints_what_it_says(
    block: str, address: str, environment: dict[str, str], tmp_path: Path
) -> None:
    script = tmp_path / "pasted.py"
    script.write_text(block.replace(WRITTEN_ADDRESS, address), "utf-8")
    assert run([sys.executable, str(script)], environment, tmp_path) == promised(block)


def test_first_python_of_the_readme_when_typed_at_the_prompt_prints_the_same(
    environment: dict[str, str], tmp_path: Path
) -> None:
    block = blocks("python")[0]
    printed = run([sys.executable, "-iq"], {**environment, "PYTHON_BASIC_REPL": "1"}, tmp_path, block + "\n")
    assert printed == promised(block)


def test_there_is_something_to_run() -> None:
    assert len(blocks("python")) >= 5
    assert len(SERVERS) == 3
    assert len(COMMANDS) >= 3


@pytest.mark.parametrize("line", COMMANDS)
def test_shell_of_the_readme_prints_what_it_says(
    line: str, address: str, environment: dict[str, str], tmp_path: Path
) -> None:
    argon = f'argon() {{ {shlex.quote(sys.executable)} -P -m argon "$@"; }}\nset -o pipefail\n'
    printed = run(["bash", "-c", argon + line], {**environment, "ARGON_CLUSTER": address}, tmp_path)
    if promised(line):
        assert printed == promised(line)


@pytest.mark.parametrize("line", SET_UPS)
def test_set_up_of_the_readme_exists(line: str) -> None:
    words = shlex.split(line, comments=True)
    if words[0] == "make":
        assert re.search(rf"^{words[1]}:", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE)
    elif words[0] == "pip":
        assert words == ["pip", "install", "."]
        assert (ROOT / "pyproject.toml").is_file()
    else:
        made, activated = words[3], words[-1]
        assert activated == f"{made}/bin/activate"


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_of_a_document_lead_somewhere(document: Path) -> None:
    targets = re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", document.read_text("utf-8"))
    missing = [target for target in targets if "://" not in target and not (document.parent / target).exists()]
    assert not missing, f"{document.relative_to(ROOT)} links to {missing}"


def anchors(document: Path) -> set[str]:
    """The names by which a link leads to the headings of a document."""
    headings = re.findall(r"^#+ (.+)$", document.read_text("utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_into_a_document_lead_to_a_heading(document: Path) -> None:
    targets = re.findall(r"\]\(([^)#:]*)#([^)]+)\)", document.read_text("utf-8"))
    missing = [
        f"{target}#{heading}"
        for target, heading in targets
        if heading not in anchors(document.parent / target if target else document)
    ]
    assert not missing, f"{document.relative_to(ROOT)} links to {missing}, which are no headings"


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_source_files_named_by_a_document_exist(document: Path) -> None:
    if document.name == "CHANGELOG.md":
        return  # it tells of the past
    named = re.findall(
        r"`((?:protocol|scheduling|net|ipc|process|call|cluster|node|worker|client|planning|cli)/[a-z_/]+\.py)`",
        document.read_text("utf-8"),
    )
    missing = sorted({path for path in named if not (ROOT / "src" / "argon" / path).exists()})
    assert not missing, f"{document.relative_to(ROOT)} names {missing}, which do not exist in src/argon"


def limit_rows() -> list[tuple[str, str, str]]:
    return re.findall(r"`([a-z_.]+)\.([A-Z_]+)` \| ([^|]+?) \|", LIMITS)


def test_limits_are_found_in_the_document() -> None:
    assert len(limit_rows()) > 20


@pytest.mark.parametrize(("module", "name", "written"), limit_rows(), ids=lambda value: value.replace(" ", "_"))
def test_limit_is_what_the_document_says(module: str, name: str, written: str) -> None:
    number, _, unit = written.partition(" ")
    said = float(number.replace(",", "")) * UNITS[unit]
    value = getattr(import_module(f"argon.{module}"), name)
    assert value == pytest.approx(said), f"docs/design/limits.md says {written} for {name}, and the code {value}"
