"""What `make dist` builds can be installed where there is no C compiler, and does what the README says.

In: the folder that `ARGON_DIST` names; without it nothing is tried here, since each installation takes a while. Each
file is installed into an empty environment of a Python that it is for.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.test_readme import README, promised

ROOT = Path(__file__).resolve().parent.parent
FOLDER = os.environ.get("ARGON_DIST", "")
BUILT = sorted(path for path in (ROOT / FOLDER).glob("argon_cluster-*") if FOLDER)
TEN_LINES = README.partition("## Ten lines")[2].partition("```python\n")[2].partition("```")[0]
BUILDS = {
    ".tar.gz": "pure Python, about half as fast: no C compiler was found",
    "-any.whl": "pure Python, about half as fast: it was built with ARGON_COMPILE=0",
    ".whl": "core compiled",
}

pytestmark = [
    pytest.mark.skipif(not FOLDER, reason="make test-dist tries what make dist has built"),
    pytest.mark.timeout(600),
]


def python_for(file: Path) -> str:
    """The interpreter that a file is for: of a wheel for all of them, and of the sources, the one that runs this."""
    tag = re.search(r"-cp3(\d+)-", file.name)
    if tag is None:
        return sys.executable
    here = subprocess.run([ROOT / ".ci" / "pythons"], capture_output=True, text=True, check=True).stdout.split()
    found = [python for python in here if python.endswith(f"python3.{tag[1]}")]
    if not found:
        pytest.skip(f"Python 3.{tag[1]} is not here")
    return found[0]


@pytest.mark.parametrize("file", BUILT, ids=lambda file: file.name)
def test_installed_without_a_compiler_it_does_what_the_readme_says(file: Path, tmp_path: Path) -> None:
    subprocess.run([python_for(file), "-m", "venv", "--without-pip", tmp_path / "venv"], check=True)
    programs = tmp_path / "venv" / "bin"
    here = {name: value for name, value in os.environ.items() if name not in {"CC", "ARGON_COMPILE", "PYTHONPATH"}}
    here["PATH"] = str(programs)  # where no compiler is
    here["PIP_CONSTRAINT"] = here["PIP_BUILD_CONSTRAINT"] = str(ROOT / "constraints.txt")

    def run(*command: str | Path) -> str:
        done = subprocess.run(command, cwd=tmp_path, env=here, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    run(sys.executable, "-m", "pip", "--python", programs / "python", "install", "--no-input", file)
    (tmp_path / "ten_lines.py").write_text(TEN_LINES)
    assert run(programs / "python", "ten_lines.py").splitlines() == promised(TEN_LINES)
    build = next(text for end, text in BUILDS.items() if file.name.endswith(end))
    assert f" ({build}" in run(programs / "argon", "--version")


def test_there_is_something_to_try() -> None:
    kinds = {end for end in BUILDS if any(path.name.endswith(end) for path in BUILT)}
    assert kinds == set(BUILDS)
