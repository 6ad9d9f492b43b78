"""What callers write: addresses, counts, priorities; and that the defaults are those of the documentation."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from argon.errors import AddressInvalid
from argon.settings import (
    DEAD_AFTER_S,
    DEFAULT_ADDRESS,
    HEARTBEAT_S,
    ClusterSettings,
    NodeSettings,
    Priority,
    check_count,
    format_address,
    is_node_name,
    parse_address,
)


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [
        ("localhost:8000", "localhost", 8000),
        (":8000", "localhost", 8000),
        ("example.org:0", "example.org", 0),
        ("10.0.0.1:65535", "10.0.0.1", 65535),
        ("[::1]:8000", "::1", 8000),
        (DEFAULT_ADDRESS, "localhost", 8000),
    ],
)
def test_address_well_written_is_split(text: str, host: str, port: int) -> None:
    assert parse_address(text) == (host, port)


@pytest.mark.parametrize(
    "text",
    [
        *("", "localhost", "localhost:", "8000", "::1:8000", "http://localhost:8000", "localhost:80/x"),
        *("localhost:-1", "localhost:65536", "localhost:eight", "localhost:٣", "localhost:1e3", "localhost: 80"),
        "localhost:" + "9" * 5000,
    ],
)
def test_address_badly_written_is_refused_and_told_how(text: str) -> None:
    with pytest.raises(AddressInvalid) as caught:
        parse_address(text)
    assert "host:port" in str(caught.value) or "65535" in str(caught.value)
    assert caught.value.__dict__["address"] == text


@given(st.text("[]:/.0123456789ab ٣é\n", max_size=30))
@settings(max_examples=200, deadline=None)
def test_address_of_any_text_is_split_or_refused(text: str) -> None:
    try:
        host, port = parse_address(text)
    except AddressInvalid:
        return
    assert host
    assert 0 <= port <= 65535


@pytest.mark.parametrize(("host", "port"), [("localhost", 8000), ("::1", 1), ("10.0.0.1", 65535)])
def test_address_formatted_is_split_again(host: str, port: int) -> None:
    assert parse_address(format_address(host, port)) == (host, port)


@pytest.mark.parametrize("value", [1, 50, 100])
def test_count_in_range_is_returned(value: int) -> None:
    assert check_count("workers", value, 1, 100) == value


@pytest.mark.parametrize("value", [0, 101, -1, True, 1.0, "4", None])
def test_count_out_of_range_or_no_integer_is_refused_by_name(value: object) -> None:
    with pytest.raises(ValueError, match=r"workers must be a whole number from 1 to 100, not"):
        check_count("workers", value, 1, 100)  # type: ignore[arg-type]


def test_priorities_from_most_to_least_urgent() -> None:
    assert [priority.name for priority in sorted(Priority)] == ["MAX", "HIGH", "NORMAL", "LOW", "MIN"]
    assert Priority.NORMAL == 2


def test_cluster_defaults() -> None:
    defaults = ClusterSettings()
    assert defaults.queue_limit == 128
    assert defaults.queue_bytes == 256 << 20
    assert defaults.max_payload_bytes == 64 << 20
    assert (defaults.heartbeat_s, defaults.dead_after_s) == (HEARTBEAT_S, DEAD_AFTER_S) == (5.0, 15.0)


def test_node_defaults() -> None:
    defaults = NodeSettings("here", 1, 4)
    assert defaults.max_requests is None
    assert defaults.kill_after_s == 5.0


def test_address_that_is_no_text_is_refused() -> None:
    with pytest.raises(AddressInvalid, match="not None"):
        parse_address(None)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("name", "good"),
    [("node-1.example:8001", True), ("x" * 128, True), ("", False), ("x" * 129, False), ("a/b", False), ("é", False)],
)
def test_node_name_is_short_and_plain(name: str, good: bool) -> None:
    assert is_node_name(name) is good
