"""Service times have the mean that was asked for, and the shape."""

from __future__ import annotations

from random import Random
from statistics import fmean, pstdev

import pytest

from argon.planning.service import parse_service


def seconds(text: str, count: int = 200_000) -> list[float]:
    service, rng = parse_service(text, 0.01), Random(1)
    return [service.sample(rng)[0] for _ in range(count)]


@pytest.mark.parametrize("text", ["constant", "exponential", "lognormal:1", "pareto:3", "bimodal:100:0.05"])
def test_samples_have_the_mean_that_is_said(text: str) -> None:
    assert fmean(seconds(text)) == pytest.approx(parse_service(text, 0.01).mean_s, rel=0.02)


def test_mean_is_the_one_asked_for_except_of_a_bimodal_one_whose_short_tasks_are_asked_for() -> None:
    assert {parse_service(t, 0.01).mean_s for t in ("constant", "exponential", "lognormal:2", "pareto:2")} == {0.01}
    assert parse_service("bimodal:100:0.5", 0.01).mean_s == pytest.approx(0.055)


def test_spread_grows_with_the_parameter() -> None:
    spreads = [pstdev(seconds(t, 20_000)) for t in ("constant", "lognormal:0.5", "exponential", "lognormal:1.5")]
    assert spreads == sorted(spreads)
    assert max(seconds("pareto:1.2")) > 5 * max(seconds("pareto:3"))


def test_bimodal_has_two_kinds_in_the_share_that_is_given() -> None:
    service, rng = parse_service("bimodal:100:0.25", 0.001), Random(1)
    found = [service.sample(rng) for _ in range(10_000)]
    assert set(found) == {(0.001, 1), (0.1, 2)}
    assert sum(kind == 2 for _, kind in found) == pytest.approx(2500, rel=0.05)
    assert service.kinds == ("short", "long")


@pytest.mark.parametrize(
    "text",
    ["", "normal", "constant:1", "lognormal", "lognormal:9", "lognormal:x", "pareto:1", "bimodal:100", "bimodal:1:2"],
)
def test_shape_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"a distribution must be|must be a number"):
        parse_service(text, 0.01)


def test_service_time_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="positive"):
        parse_service("constant", 0.0)
