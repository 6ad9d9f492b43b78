"""The steps in which a cluster shuts down."""

from __future__ import annotations

from math import inf

from argon.scheduling.cluster.shutdown import CLIENTS_LEAVE_S, Shutdown


def test_cluster_that_stays_has_no_deadline() -> None:
    shutdown = Shutdown()
    assert not shutdown.draining
    assert shutdown.next_deadline() == inf


def test_clients_are_told_once_and_the_cluster_stops_once_after_the_last_of_them() -> None:
    shutdown = Shutdown()
    shutdown.begin(130.0)
    assert shutdown.draining
    assert shutdown.next_deadline() == 130.0
    assert [shutdown.tell_clients(100.0), shutdown.tell_clients(100.5)] == [True, False]
    assert shutdown.next_deadline() == 100.0 + CLIENTS_LEAVE_S
    assert [shutdown.finish(clients, 101.0) for clients in (2, 1, 0, 0)] == [False, False, True, False]
    assert shutdown.done
    assert shutdown.next_deadline() == inf


def test_client_that_does_not_leave_is_not_waited_for() -> None:
    shutdown = Shutdown()
    shutdown.begin(130.0)
    shutdown.tell_clients(100.0)
    assert shutdown.finish(1, 100.0 + CLIENTS_LEAVE_S)


def test_second_order_to_drain_ends_the_wait_for_clients() -> None:
    shutdown = Shutdown()
    shutdown.begin(130.0)
    shutdown.tell_clients(100.0)
    shutdown.begin(101.0)
    assert shutdown.finish(1, 101.0)
