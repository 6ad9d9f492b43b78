"""Which node gets the task: the one with the least predicted finish, never none while one has room."""

from __future__ import annotations

from math import log
from random import Random

from argon.scheduling.cluster.node_session import NodeSession
from argon.scheduling.cluster.route import Choice, Route
from argon.scheduling.cluster.router import Router
from argon.scheduling.cluster.task import Task, admitted_task
from argon.scheduling.load import Average
from tests.support.drivers import KIND, runs_of, submit


class Fleet:
    """Nodes and their router, which receives every change."""

    def __init__(self, *workers: int) -> None:
        self.router = Router()
        self.times = self.router.fleet
        self.nodes: list[NodeSession] = []
        self.route: Route | None = None
        self._last = 0
        for count in workers:
            self.join(count)

    def join(self, workers: int = 1) -> NodeSession:
        peer = len(self.nodes) + 1
        node = NodeSession(peer, f"node-{peer}", 1, workers)
        self.nodes.append(node)
        self.router.update(node)
        return node

    def knows(self, node: NodeSession, seconds: float, kind: int = KIND) -> None:
        node.times.service.add(kind, runs_of(seconds), 0.0)
        self.times.add(kind, runs_of(seconds), 0.0)
        self.router.update(node)

    def assign(self, kind: int = KIND, key: int = 0) -> tuple[NodeSession, Task] | None:
        self.route = route = self.router.choose(kind, key)
        if route is None:
            return None
        node = route.node
        self._last += 1
        task = admitted_task(self._last, 1, submit(self._last, kind=kind), 0, 0.0)
        node.assign(task, node.times.known_s(kind, self.times))
        self.router.update(node)
        return node, task

    def next_node(self) -> NodeSession | None:
        route = self.router.choose(KIND, 0)
        return None if route is None else route.node

    def end(self, node: NodeSession, task: Task) -> None:
        node.release(task)
        self.router.update(node)

    def chosen(self, count: int, kind: int = KIND, key: int = 0) -> list[int]:
        found = [self.assign(kind, key) for _ in range(count)]
        return [assigned[0].peer for assigned in found if assigned is not None]


def test_no_node_or_none_with_workers_is_no_choice() -> None:
    assert Fleet().assign() is None
    assert Fleet(0, 0).assign() is None


def test_only_node_with_a_free_worker_is_chosen_whatever_its_times() -> None:
    fleet = Fleet(1, 1)
    fleet.knows(fleet.nodes[0], 0.0001)
    fleet.knows(fleet.nodes[1], 5.0)
    assert fleet.chosen(2) == [1, 2]


def test_faster_node_for_this_kind_is_chosen() -> None:
    fleet = Fleet(1, 1, 1)
    for node, seconds in zip(fleet.nodes, (3.0, 1.0, 2.0), strict=True):
        fleet.knows(node, seconds)
    assert fleet.chosen(3) == [2, 3, 1]


def test_times_of_the_kind_count_and_not_those_of_other_kinds() -> None:
    fleet = Fleet(1, 1)
    one, two = fleet.nodes
    fleet.knows(one, 1.0, kind=1)
    fleet.knows(one, 4.0, kind=2)
    fleet.knows(two, 4.0, kind=1)
    fleet.knows(two, 1.0, kind=2)
    assert fleet.chosen(1, kind=1) == [1]
    assert fleet.chosen(1, kind=2) == [2]


def test_equal_nodes_are_used_in_turn() -> None:
    fleet = Fleet(4, 4)
    for node in fleet.nodes:
        fleet.knows(node, 1.0)
    assert sorted(fleet.chosen(8)[:4]) == [1, 1, 2, 2]


def test_newcomer_gets_one_task_a_worker_and_no_stampede() -> None:
    fleet = Fleet(2)
    fleet.knows(fleet.nodes[0], 1.0)
    fleet.chosen(2)
    fleet.join(3)
    assert fleet.chosen(10) == [2, 2, 2]


def test_newcomer_among_known_nodes_is_measured_like_the_fleet() -> None:
    fleet = Fleet(8, 8)
    fleet.knows(fleet.nodes[0], 1.0)
    fleet.knows(fleet.nodes[1], 1.0)
    fleet.join(8)
    chosen = fleet.chosen(12)
    assert 2 <= chosen.count(3) <= 6


def test_round_trip_counts_as_well() -> None:
    fleet = Fleet(1, 1)
    far, near = fleet.nodes
    for node in (far, near):
        fleet.knows(node, 0.001)
    far.times.round_trip, near.times.round_trip = Average(0.1, 0.0), Average(0.0001, 0.0)
    assert fleet.chosen(1) == [2]


def slow_beside_fast(run_s: float, times_slower: float) -> Fleet:
    """A node of eight workers, all busy, and a free one that is so much slower."""
    fleet = Fleet(8, 8)
    fast, slow = fleet.nodes
    fleet.knows(fast, run_s)
    assert fleet.chosen(8) == [1, 2, 1, 2, 1, 2, 1, 2]
    for node in fleet.nodes:
        for task in list(node.tasks.values()):
            fleet.end(node, task)
    slow.times.slowness = log(times_slower)
    slow.times.service.add(KIND, runs_of(run_s * times_slower), 0.0)
    for node in fleet.nodes:
        fleet.router.update(node)
    assert fleet.chosen(8) == [1] * 8
    return fleet


def test_task_waits_a_moment_for_a_fast_node_where_a_slow_one_would_take_much_longer() -> None:
    fleet = slow_beside_fast(run_s=0.019, times_slower=4.0)
    assert fleet.chosen(8) == [1, 1, 1, 1, 1, 2, 2, 2], "the sixth would wait for longer than 12.5 ms"


def test_task_does_not_wait_for_a_node_that_is_hardly_faster() -> None:
    assert slow_beside_fast(run_s=0.02, times_slower=1.4).chosen(4) == [2] * 4


def test_task_does_not_wait_behind_long_ones_for_a_fast_node() -> None:
    assert slow_beside_fast(run_s=0.2, times_slower=4.0).chosen(4) == [2] * 4


def test_node_whose_machine_is_busy_counts_as_slower() -> None:
    fleet = Fleet(1, 1)
    busy, calm = fleet.nodes
    fleet.knows(busy, 1.0)
    fleet.knows(calm, 1.3)
    assert fleet.next_node() is busy
    busy.pressure = 0.9
    fleet.router.update(busy)
    assert fleet.next_node() is calm


def test_node_whose_machine_is_a_little_busy_is_a_tie() -> None:
    fleet = Fleet(1, 1)
    for node in fleet.nodes:
        fleet.knows(node, 1.0)
    fleet.nodes[0].pressure = 0.1
    assert fleet.chosen(1) == [1]


def test_quick_nodes_are_found_behind_those_whose_machines_are_busy() -> None:
    fleet = Fleet(1, 1, 1, 1)
    for node in fleet.nodes:
        fleet.knows(node, 1.0)
    for node in fleet.nodes[:3]:
        node.pressure = 1.0
        fleet.router.update(node)
    assert fleet.chosen(1) == [4], "only three are compared, and it is one of them"


def test_busy_machine_prefetches_less_than_a_calm_one() -> None:
    fleet = Fleet(1, 1)
    for node in fleet.nodes:
        fleet.knows(node, 0.0004)
    fleet.nodes[0].pressure = 1.0
    chosen = fleet.chosen(6)
    assert (chosen.count(1), chosen.count(2)) == (2, 4)


def test_busy_nodes_prefetch_what_is_short_the_least_loaded_first() -> None:
    fleet = Fleet(1, 1)
    for node in fleet.nodes:
        fleet.knows(node, 0.0005)
    chosen = fleet.chosen(20)
    assert chosen.count(1) == chosen.count(2) == 5, "one runs, and two milliseconds wait"


def test_busy_nodes_do_not_prefetch_what_is_long_or_unknown() -> None:
    fleet = Fleet(1)
    fleet.knows(fleet.nodes[0], 0.1)
    assert fleet.chosen(5) == [1]
    assert Fleet(1).chosen(5) == [1]


def test_node_that_was_alone_has_its_place_when_another_comes() -> None:
    fleet = Fleet(2)
    assert fleet.chosen(2) == [1, 1]
    fleet.join(2)
    assert fleet.chosen(2) == [2, 2]
    fleet.router.remove(fleet.nodes[1])
    assert fleet.assign() is None
    fleet.join(1)
    assert fleet.chosen(2) == [3]


def test_draining_or_removed_node_is_never_chosen() -> None:
    fleet = Fleet(1, 1)
    fleet.nodes[0].draining = True
    fleet.router.update(fleet.nodes[0])
    fleet.router.remove(fleet.nodes[1])
    assert fleet.assign() is None


def test_key_stays_with_its_node_while_it_has_room_and_spills_over_when_not() -> None:
    fleet = Fleet(2, 2, 2)
    for node in fleet.nodes:
        fleet.knows(node, 1.0)
    home = fleet.chosen(1, key=5)[0]
    assert fleet.chosen(2, key=5)[0] == home
    assert fleet.chosen(2, key=5).count(home) == 0


def test_route_says_why_its_node_was_chosen() -> None:
    fleet = Fleet(1, 1, 1)
    for node, seconds in zip(fleet.nodes, (1.0, 2.0, 4.0), strict=True):
        fleet.knows(node, seconds)
    one, two, three = fleet.nodes
    routes = [fleet.assign(key=key) and fleet.route for key in (0, 5, 5)]
    assert routes == [
        Route(one, Choice.FREE, 3, two, 2.0),
        Route(two, Choice.FREE, 2, three, 4.0),
        Route(three, Choice.SPILLED, 1),
    ]
    fleet.nodes[1].tasks.clear()
    fleet.router.update(fleet.nodes[1])
    fleet.assign(key=5)
    assert fleet.route == Route(two, Choice.KEY, 1)


def test_lone_node_is_chosen_without_a_second_best() -> None:
    fleet = Fleet(2, 2)
    fleet.assign()
    assert fleet.route == Route(fleet.nodes[0], Choice.FREE, 2, fleet.nodes[1], 0.0)
    fleet.router.remove(fleet.nodes[1])
    fleet.assign()
    assert fleet.route == Route(fleet.nodes[0], Choice.FREE, 1)


def test_lone_node_prefetches_where_none_of_its_workers_is_free() -> None:
    fleet = Fleet(1)
    fleet.knows(fleet.nodes[0], 0.001)
    fleet.assign()
    assert fleet.route == Route(fleet.nodes[0], Choice.FREE, 1)
    fleet.assign()
    assert fleet.route == Route(fleet.nodes[0], Choice.PREFETCHED, 0)


def test_key_comes_home_after_it_spilled_over() -> None:
    fleet = Fleet(1, 1)
    for node in fleet.nodes:
        fleet.knows(node, 1.0)
    first = fleet.assign(key=5)
    assert first is not None
    assert fleet.chosen(1, key=5) != [first[0].peer]
    fleet.end(*first)
    assert fleet.chosen(1, key=5) == [first[0].peer]


def test_key_of_a_removed_node_finds_another() -> None:
    fleet = Fleet(1, 1)
    assigned = fleet.assign(key=5)
    assert assigned is not None
    fleet.router.remove(assigned[0])
    again = fleet.assign(key=5)
    assert again is not None
    assert again[0] is not assigned[0]


def test_keys_are_bounded() -> None:
    fleet = Fleet(1, 1)
    for key in range(1, 6000):
        assigned = fleet.assign(key=key)
        assert assigned is not None
        fleet.end(*assigned)
    assert len(fleet.router._keys) == 4096


def test_choice_is_not_blinded_by_where_nodes_once_were() -> None:
    fleet = Fleet(4, 4, 4)
    quick, *others = fleet.nodes
    fleet.knows(quick, 0.001, kind=1)  # what it runs otherwise is short, and keeps it in front
    for node in others:
        fleet.knows(node, 1.0)
    fleet.knows(quick, 5.0)
    assert 1 not in fleet.chosen(8), "tasks of this kind take longer there"


def test_lines_are_bounded_and_no_free_worker_is_ever_overlooked() -> None:
    rng, fleet = Random(3), Fleet(1, 2, 3, 4)
    for node in fleet.nodes:
        fleet.knows(node, rng.choice([0.001, 0.01, 0.1]))
    running: list[tuple[NodeSession, Task]] = []
    for _ in range(5000):
        if rng.random() < 0.5:
            assigned = fleet.assign(kind=rng.choice([KIND, 8]), key=rng.choice([0, 0, 3]))
            assert (assigned is None) <= (not any(node.free() for node in fleet.nodes))
            if assigned is not None:
                running.append(assigned)
        elif running:
            fleet.end(*running.pop(rng.randrange(len(running))))
        assert len(fleet.router._free) + len(fleet.router._prefetching) <= 4
