"""When tasks come, from whom, and in what mix."""

from __future__ import annotations

from collections import Counter
from random import Random

import pytest

from argon.planning.service import Constant
from argon.planning.workload import MAX_CLIENTS, Arrival, Burst, Mix, Workload, random_workload, traced_workload
from argon.settings import Priority

MIX = Mix(Constant(0.01))


def come(work: Workload, begin_s: float, end_s: float) -> int:
    return sum(begin_s <= at_s < end_s for at_s in work.at_s)


def test_tasks_come_at_the_rate_and_independently() -> None:
    work = random_workload(20_000, 500.0, MIX, Random(1))
    assert len(work) == 20_000
    assert work.at_s[-1] == pytest.approx(40.0, rel=0.03)
    gaps = [later - earlier for earlier, later in zip(work.at_s, work.at_s[1:], strict=False)]
    assert min(gaps) >= 0
    assert sum(gap > 1 / 500 for gap in gaps) / len(gaps) == pytest.approx(0.368, rel=0.03)  # e to the -1


def test_burst_is_so_many_times_the_rate_and_the_rest_is_calm() -> None:
    work = random_workload(30_000, 1000.0, MIX, Random(1), Burst(5.0, 2.0))
    assert work.spike is not None
    begin_s, end_s = work.spike
    assert end_s - begin_s == pytest.approx(2.0)
    assert come(work, 0, begin_s) / begin_s == pytest.approx(1000, rel=0.05)
    assert come(work, begin_s, end_s) / 2.0 == pytest.approx(5000, rel=0.05)
    assert come(work, end_s, work.at_s[-1]) / (work.at_s[-1] - end_s) == pytest.approx(1000, rel=0.05)
    assert work.at_s[-1] - end_s == pytest.approx(2 * begin_s, rel=0.1)


def test_burst_that_leaves_no_calm_is_refused() -> None:
    with pytest.raises(ValueError, match="the burst alone has 10,000 tasks"):
        random_workload(10_000, 1000.0, MIX, Random(1), Burst(5.0, 2.0))


def test_each_task_comes_from_any_client() -> None:
    work = random_workload(3000, 1000.0, Mix(Constant(0.01), clients=3), Random(1))
    assert work.clients == 3
    assert all(900 < count < 1100 for count in Counter(work.client).values())


def test_priorities_come_by_weight() -> None:
    mix = Mix(Constant(0.01), priorities=((Priority.HIGH, 1.0), (Priority.MIN, 3.0)))
    counts = Counter(random_workload(4000, 1000.0, mix, Random(1)).priority)
    assert set(counts) == {Priority.HIGH, Priority.MIN}
    assert counts[Priority.HIGH] == pytest.approx(1000, rel=0.1)


def test_flood_is_one_more_client_whose_tasks_come_first_and_do_not_count() -> None:
    work = random_workload(10, 1000.0, Mix(Constant(0.01), clients=2, flood=5), Random(1))
    assert (work.clients, work.flood, len(work)) == (3, 2, 15)
    assert list(work.client[:5]) == [2] * 5
    assert set(work.at_s[:5]) == {0.0}
    assert work.watched() == list(range(5, 15))


def test_without_a_flood_every_task_counts() -> None:
    assert random_workload(3, 1.0, MIX, Random(1)).watched() == [0, 1, 2]


def test_equal_seeds_give_equal_days() -> None:
    def day(seed: int) -> list[float]:
        return list(random_workload(10, 1.0, MIX, Random(seed)).at_s)

    assert day(1) == day(1) != day(2)


def test_trace_is_sorted_begins_at_0_and_its_names_become_numbers() -> None:
    work = traced_workload(
        [
            Arrival(107.0, 0.2, "web", Priority.HIGH, "resize"),
            Arrival(105.0, 0.1, "batch", Priority.LOW, "index"),
            Arrival(108.0, 0.3, "web", Priority.NORMAL, "index"),
        ]
    )
    assert list(work.at_s) == [0.0, 2.0, 3.0]
    assert list(work.service_s) == [0.1, 0.2, 0.3]
    assert (list(work.client), work.clients) == ([0, 1, 1], 2)
    assert list(work.priority) == [Priority.LOW, Priority.HIGH, Priority.NORMAL]
    assert (list(work.kind), list(work.kinds)) == ([1, 2, 1], ["index", "resize"])


def test_trace_of_nothing_or_of_too_many_clients_is_refused() -> None:
    with pytest.raises(ValueError, match="no tasks"):
        traced_workload([])
    with pytest.raises(ValueError, match="clients"):
        traced_workload(Arrival(0.0, 1.0, str(number)) for number in range(MAX_CLIENTS + 1))
