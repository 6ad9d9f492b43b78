"""What two audits say of a run in between."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.chaos.audit import GROWTH_MAX_BYTES, Audit, Holding, differences

HELD = Holding(memory=40 << 20, descriptors=20, threads=1, processes=4)


def test_audits_that_differ_within_the_margin_are_the_same() -> None:
    grown = replace(HELD, memory=HELD.memory + GROWTH_MAX_BYTES)
    assert differences(Audit({"node-1": HELD}), Audit({"node-1": grown})) == []
    assert differences(Audit({"node-1": grown}), Audit({"node-1": HELD})) == []


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"descriptors": 21}, "node-1: 20 descriptors before, 21 after"),
        ({"threads": 2}, "node-1: 1 threads before, 2 after"),
        ({"processes": 3}, "node-1: 4 processes before, 3 after"),
        ({"memory": HELD.memory + GROWTH_MAX_BYTES + 1}, "node-1: 40 MiB before, 72 MiB after"),
    ],
)
def test_what_has_not_come_back_is_named(changed: dict[str, int], sentence: str) -> None:
    after = Audit({"cluster": HELD, "node-1": replace(HELD, **changed)})
    assert differences(Audit({"cluster": HELD, "node-1": HELD}), after) == [sentence]
