"""What holds for all tests: those that replace a part of Argon need the build in which parts can be replaced."""

from __future__ import annotations

import pytest

from argon.protocol import codec


def pytest_runtest_setup(item: pytest.Item) -> None:
    if item.get_closest_marker("replaces_parts") and not (codec.__file__ or "").endswith(".py"):
        pytest.skip("it replaces a part of Argon, and this build is compiled")
