"""Every mutant is noticed, by some scenario or by the test of the core that is named with it."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.simulation.mutants import IN_SOME_SCENARIO, IN_THE_CORE, SEEDS, fails, promise_broken
from tests.simulation.mutation import Mutant, Patch


@pytest.mark.replaces_parts
@pytest.mark.parametrize("mutate", IN_SOME_SCENARIO, ids=lambda mutate: mutate.__name__)
def test_mutant_is_noticed_in_some_scenario(mutate: Mutant, monkeypatch: Patch) -> None:
    mutate(monkeypatch)
    assert any(map(promise_broken, [IN_SOME_SCENARIO[mutate], *SEEDS])), f"no seed in {SEEDS} noticed"


@pytest.mark.replaces_parts
@pytest.mark.parametrize(("mutate", "test"), IN_THE_CORE, ids=lambda one: one.__name__)
def test_mutant_is_noticed_by_a_test_of_the_core(mutate: Mutant, test: Callable[[], None], monkeypatch: Patch) -> None:
    test()
    mutate(monkeypatch)
    assert fails(test)


def test_there_are_thirty_mutants_or_more() -> None:
    assert len(IN_SOME_SCENARIO) + len(IN_THE_CORE) >= 30
