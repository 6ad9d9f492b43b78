"""The area `scale`: whether each case gets as far as its figures."""

from __future__ import annotations

import pytest

from benchmarks.scale import Case, one_case


@pytest.mark.parametrize(
    "case",
    [
        Case("queue", "900 tasks waiting", under_way=1000, workers=100, run_s=1.0, block_max=100),
        Case("active", "20 clients, 10 nodes", clients=20, nodes=10, under_way=400, workers=100, block_max=100),
        Case("connected", "1 client, 1 node, and 5 idle of each", idle=5, under_way=400, workers=100, block_max=100),
    ],
    ids=lambda case: case.row,
)
def test_case_with_a_queue_that_stands_is_measured_to_its_end(case: Case) -> None:
    cost = one_case(case, tasks=2000)
    assert cost.cpu_us > 0
    assert cost.per_s > 0
