"""The lengths of tasks have the mean that was asked for, whatever their distribution."""

from __future__ import annotations

from itertools import islice

import pytest

from argon.cli.bench.task_times import BLOCK, Distribution, task_times

SPREAD = [distribution for distribution in Distribution if distribution is not Distribution.CONSTANT]


def drawn(distribution: Distribution, seed: int = 1) -> list[float]:
    return list(islice(task_times(distribution, 0.02, seed), 2 * BLOCK))


def test_constant_tasks_are_all_the_same() -> None:
    assert set(drawn(Distribution.CONSTANT)) == {0.02}


@pytest.mark.parametrize("distribution", list(Distribution))
def test_mean_of_a_block_is_the_one_asked_for(distribution: Distribution) -> None:
    assert sum(drawn(distribution)[:BLOCK]) / BLOCK == pytest.approx(0.02)


@pytest.mark.parametrize("distribution", SPREAD)
def test_same_seed_gives_the_same_tasks_and_another_others(distribution: Distribution) -> None:
    assert drawn(distribution) == drawn(distribution)
    assert drawn(distribution) != drawn(distribution, seed=2)


@pytest.mark.parametrize("distribution", SPREAD)
def test_most_tasks_are_shorter_than_the_mean_and_a_few_much_longer(distribution: Distribution) -> None:
    ordered = sorted(drawn(distribution))
    assert ordered[len(ordered) // 2] < 0.02 * 0.7
    assert ordered[-1] > 0.02 * 10


def test_bimodal_tasks_have_two_lengths_in_each_block() -> None:
    block = drawn(Distribution.BIMODAL)[:BLOCK]
    short, long = sorted(set(block))
    assert long / short == pytest.approx(100)
    assert 0.02 < block.count(long) / BLOCK < 0.09


def test_lognormal_and_pareto_differ() -> None:
    assert drawn(Distribution.LOGNORMAL) != drawn(Distribution.PARETO)
