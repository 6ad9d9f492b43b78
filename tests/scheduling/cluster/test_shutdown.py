"""The steps in which a cluster leaves."""

from __future__ import annotations

from math import inf

from argon.scheduling.cluster.shutdown import CLIENTS_LEAVE_S, Departure


def test_cluster_that_stays_has_no_deadline() -> None:
    departure = Departure()
    assert not departure.begun
    assert departure.next_deadline() == inf


def test_clients_are_told_once_and_the_cluster_leaves_once_behind_the_last_of_them() -> None:
    departure = Departure()
    departure.begin(130.0)
    assert departure.begun
    assert departure.next_deadline() == 130.0
    assert [departure.tell(100.0), departure.tell(100.5)] == [True, False]
    assert departure.next_deadline() == 100.0 + CLIENTS_LEAVE_S
    assert [departure.leave(clients, 101.0) for clients in (2, 1, 0, 0)] == [False, False, True, False]
    assert departure.over
    assert departure.next_deadline() == inf


def test_client_that_does_not_leave_is_not_waited_for() -> None:
    departure = Departure()
    departure.begin(130.0)
    departure.tell(100.0)
    assert departure.leave(1, 100.0 + CLIENTS_LEAVE_S)


def test_second_order_to_leave_ends_the_wait_for_clients() -> None:
    departure = Departure()
    departure.begin(130.0)
    departure.tell(100.0)
    departure.begin(101.0)
    assert departure.leave(1, 101.0)
