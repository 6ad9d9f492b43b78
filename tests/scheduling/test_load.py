"""What tasks take: averages that follow, forget with time, and stay bounded."""

from __future__ import annotations

import pytest

from argon.scheduling.load import Average, ServiceTimes, predict_s


def times(**kinds: float) -> ServiceTimes:
    found = ServiceTimes()
    for kind, seconds in kinds.items():
        found.add(int(kind[1:]), seconds, 0.0)
    return found


def test_average_moves_a_tenth_towards_a_sample_at_once() -> None:
    average = Average(1.0, 0.0)
    average.add(2.0, 0.0)
    assert average.mean_s == pytest.approx(1.1)


def test_average_believes_more_after_a_long_silence() -> None:
    average = Average(1.0, 0.0)
    average.add(2.0, 30.0)
    assert average.mean_s == pytest.approx(1.55)
    average.add(10.0, 1e6)
    assert average.mean_s == pytest.approx(10.0, rel=0.01)


def test_average_reaches_a_new_level_within_fifty_samples() -> None:
    average = Average(0.001, 0.0)
    for step in range(50):
        average.add(0.1, step * 0.01)
    assert average.mean_s == pytest.approx(0.1, rel=0.02)


def test_kind_never_seen_has_no_time() -> None:
    assert ServiceTimes().of(1) is None
    assert ServiceTimes().overall is None


def test_first_sample_is_the_average_of_its_kind() -> None:
    seen = times(k1=2.0, k2=4.0)
    assert (seen.of(1), seen.of(2)) == (2.0, 4.0)
    assert seen.overall is not None
    assert seen.overall.mean_s == pytest.approx(2.2)


def test_kinds_are_bounded_and_the_one_unused_for_longest_is_forgotten() -> None:
    seen = ServiceTimes()
    for kind in range(1024):
        seen.add(kind, 1.0, float(kind))
    seen.add(0, 1.0, 2000.0)
    seen.add(5000, 1.0, 2001.0)
    assert seen.of(0) == 1.0
    assert seen.of(1) is None
    assert sum(seen.of(kind) is not None for kind in range(6000)) == 1024


@pytest.mark.parametrize(
    ("node", "fleet", "seconds"),
    [
        (times(k1=1.0), times(k1=2.0), 1.0),
        (times(k9=5.0), times(k1=2.0), 2.0),
        (times(k9=5.0), times(k8=7.0), 5.0),
        (times(), times(k8=7.0), 7.0),
        (times(), times(), None),
    ],
)
def test_prediction_falls_back_from_node_to_fleet_and_from_kind_to_all(
    node: ServiceTimes, fleet: ServiceTimes, seconds: float | None
) -> None:
    assert predict_s(1, node, fleet) == seconds
