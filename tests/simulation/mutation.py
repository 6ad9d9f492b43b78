"""How a mutant is made: one method of the real code behaves otherwise, as long as the patch lasts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import pytest

Patch: TypeAlias = pytest.MonkeyPatch
Mutant: TypeAlias = Callable[[Patch], None]


def around(patch: Patch, owner: type, name: str, mutant: Callable[..., Any]) -> None:
    """Replaces a method; the mutant gets the original first."""
    original = getattr(owner, name)
    patch.setattr(owner, name, lambda self, *a, **k: mutant(original, self, *a, **k))
