"""The limit of open files goes up where it is wanted, and never down."""

from __future__ import annotations

import resource
from collections.abc import Iterator

import pytest

from argon.net.descriptors import raise_descriptor_limit


@pytest.fixture(autouse=True)
def limits_as_they_were() -> Iterator[tuple[int, int]]:
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    yield limits
    resource.setrlimit(resource.RLIMIT_NOFILE, limits)


def soft() -> int:
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0]


def test_limit_is_raised_to_what_is_wanted(limits_as_they_were: tuple[int, int]) -> None:
    resource.setrlimit(resource.RLIMIT_NOFILE, (256, limits_as_they_were[1]))
    raise_descriptor_limit(300)
    assert soft() == 300


def test_limit_is_raised_no_further_than_the_system_lets_it(limits_as_they_were: tuple[int, int]) -> None:
    hard = limits_as_they_were[1]
    if hard == resource.RLIM_INFINITY:
        raise_descriptor_limit(1000)
        assert soft() >= 1000
    else:
        raise_descriptor_limit(hard + 1)
        assert soft() == hard


def test_limit_is_never_lowered() -> None:
    before = soft()
    raise_descriptor_limit(1)
    assert soft() == before
