"""The first lines of a process of Argon's own: whose modules it imports."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from argon.process import boot
from argon.process.interpreter import command

SHOW = """
import sys
import argon

def main():
    print(argon.__path__[0])
    print(sys.argv[1:])
    print(sys.path[0], sys.path[-1])
    print(hasattr(sys.modules["__main__"], "__file__"))
"""


def started(folder: Path, module: str, *arguments: str) -> list[str]:
    line = command(module, arguments, [])
    places = line.index(module) + 1
    line[places] += f":{folder}"
    done = subprocess.run(line, stdout=subprocess.PIPE, text=True, check=True, cwd=folder, timeout=60)
    return done.stdout.splitlines()


def test_argon_is_the_one_beside_it_whatever_else_has_its_name(tmp_path: Path) -> None:
    (tmp_path / "show.py").write_text(SHOW)
    (tmp_path / "argon.py").write_text("raise SystemExit('another one')\n")
    (tmp_path / "random.py").write_text("raise SystemExit('a file of the working folder')\n")
    package, arguments, path, has_file = started(tmp_path, "show", "1", "2")
    assert package == str(Path(boot.__file__).parents[1])
    assert arguments == "['1', '2']"
    assert path.split()[0] != str(tmp_path)
    assert path.split()[1] == str(tmp_path)
    assert has_file == "False"


def test_folder_of_the_first_lines_is_no_place_for_modules() -> None:
    code = "import sys; print(*sys.path)"
    line = command("argon.process.server", [], [])
    boot = next(part for part in line if part.endswith("boot.py"))
    done = subprocess.run([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, check=True)
    assert str(Path(boot).parent) not in done.stdout.split()
