"""Which build of Argon is tried: the one that these tests import, compiled or not; so must their child processes."""

from __future__ import annotations

from pathlib import Path

import argon

IMPORTED_FROM = str(Path(argon.__file__).resolve().parents[1])
