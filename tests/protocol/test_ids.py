"""Names of numbers: each is used, so that none lies about what there is."""

from __future__ import annotations

from pathlib import Path

from argon.protocol import ids

PACKAGE = Path(__file__).resolve().parents[2] / "src" / "argon"


def test_every_name_is_used_in_some_signature() -> None:
    sources = [file.read_text("utf-8") for file in PACKAGE.rglob("*.py") if file.name != "ids.py"]
    names = [name for name in vars(ids) if name.endswith("Id")]
    assert len(names) == 5
    assert [name for name in names if not any(f": {name}" in source for source in sources)] == []
