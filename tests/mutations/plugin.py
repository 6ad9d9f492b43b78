"""What pytest tells the runner: how each test ended, and, where lines are traced, in whose name they run.

In, from the environment: the file to write to. Out: a line of JSON for each test that has ended and for each file that
cannot be collected.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Generator
from typing import Any

import pytest

REPORT_VARIABLE = "ARGON_MUTATIONS_REPORT"
_ends: dict[str, dict[str, Any]] = {}
_names: dict[str, str] = {}


def _write(entry: dict[str, Any]) -> None:
    with open(os.environ[REPORT_VARIABLE], "a", encoding="utf-8") as file:
        file.write(json.dumps(entry) + "\n")


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Adds up the three phases of a test."""
    end = _ends.setdefault(report.nodeid, {"test": report.nodeid, "seconds": 0.0, "end": "passed"})
    end["seconds"] += report.duration
    if report.outcome != "passed" and end["end"] != "failed":
        end["end"] = report.outcome
    if report.when == "teardown":
        _write({**_ends.pop(report.nodeid), "name": _names.get(report.nodeid, "")})


def pytest_collectreport(report: pytest.CollectReport) -> None:
    """A file that cannot be collected fails, too."""
    if report.failed:
        _write({"test": report.nodeid, "seconds": 0.0, "end": "failed", "name": ""})


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Lines run in the test's name."""
    tracer = getattr(sys.modules.get("sitecustomize"), "ACTIVE", None)
    if tracer is not None:
        _names[item.nodeid] = f"test-{os.getpid()}-{len(_names)}"
        tracer.name(_names[item.nodeid])
    return (yield)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_fixture_setup(
    fixturedef: pytest.FixtureDef[Any], request: pytest.FixtureRequest
) -> Generator[None, object, object]:
    """What a fixture of a whole file starts runs in the name of all tests of the file."""
    tracer = getattr(sys.modules.get("sitecustomize"), "ACTIVE", None)
    if tracer is None or fixturedef.scope == "function":
        return (yield)
    before = os.environ["ARGON_MUTATIONS_NAME"]
    tracer.name("file-" + request.node.nodeid.partition("::")[0].replace("/", "-"))
    try:
        return (yield)
    finally:
        tracer.name(before)
