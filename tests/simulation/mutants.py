"""The simulation is worth what it catches: each mutant breaks one behaviour, and some seed must notice.

`python -m tests.simulation.mutants` (`make mutants`) prints who noticed each, and when; exit status 1 if one survives.

A mutant that no scenario can tell from the original (an answer with an old attempt never comes from an honest node) is
killed by the test of the core that is named with it.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor

import pytest
from rich.console import Console
from rich.table import Table

from tests.scheduling import test_liveness
from tests.scheduling.client import test_client_order, test_client_rejections
from tests.scheduling.cluster import test_cluster_capacity, test_cluster_outcomes
from tests.simulation import client_mutants, cluster_mutants, node_mutants, wire_mutants
from tests.simulation.mutation import Mutant
from tests.simulation.scenario import PromiseBroken, run

SEEDS = range(400)
SAID_CHARS = 100

# Each with the seed that noticed it last, which is tried first: a matter of speed, not of truth.
IN_SOME_SCENARIO: dict[Mutant, int] = {
    cluster_mutants.queue_takes_one_too_many: 0,
    cluster_mutants.queue_forgets_its_bytes: 49,
    cluster_mutants.deadline_is_ignored_in_the_queue: 15,
    cluster_mutants.last_comes_first: 0,
    cluster_mutants.tombstones_come_back: 49,
    cluster_mutants.slot_is_kept_after_a_cancel: 2,
    cluster_mutants.everything_may_run_twice: 66,
    cluster_mutants.payload_is_dropped_when_assigned: 1,
    cluster_mutants.lost_is_said_never_to_have_run: 27,
    cluster_mutants.task_that_came_back_is_said_never_to_have_run: 52,
    cluster_mutants.worker_idles_now_and_then: 0,
    cluster_mutants.draining_cluster_never_gives_up: 27,
    cluster_mutants.queued_tasks_of_a_gone_client_stay: 16,
    cluster_mutants.running_tasks_of_a_gone_client_go_on: 2,
    cluster_mutants.tasks_are_known_by_their_clients_numbers: 0,
    cluster_mutants.slot_is_free_as_soon_as_a_cancel_is_sent: 2,
    cluster_mutants.returned_task_needs_room_in_the_queue: 36,
    cluster_mutants.queue_keeps_the_bytes_of_what_is_cancelled: 2,
    cluster_mutants.superseded_nodes_tasks_are_forgotten: 187,
    cluster_mutants.nobody_ages: 0,
    cluster_mutants.what_has_aged_takes_every_turn: 0,
    cluster_mutants.what_has_aged_shares_by_turns: 0,
    cluster_mutants.wait_in_its_client_is_ignored: 0,
    cluster_mutants.only_the_first_of_a_level_ages: 56,
    cluster_mutants.stopping_cluster_forgets_what_came_back: 68,
    cluster_mutants.id_in_use_is_admitted_again: 2,
    cluster_mutants.client_may_say_anything: 0,
    cluster_mutants.announcement_of_a_gone_client_stays: 18,
    cluster_mutants.peer_that_is_held_back_counts_as_silent: 2,
    cluster_mutants.payload_that_stopped_coming_keeps_its_place: 4,
    cluster_mutants.remaining_time_is_assigned_as_a_moment: 1,
    cluster_mutants.cancelled_task_of_a_lost_node_runs_again: 40,
    cluster_mutants.cancel_names_another_task: 2,
    cluster_mutants.attempts_are_not_counted: 1,
    node_mutants.tasks_of_a_lost_cluster_go_on: 1,
    node_mutants.dead_workers_task_is_forgotten: 5,
    node_mutants.dead_worker_is_not_replaced: 1,
    node_mutants.recycled_worker_is_not_replaced: 0,
    node_mutants.draining_node_forgets_what_waits: 206,
    node_mutants.draining_node_leaves_without_being_heard: 110,
    node_mutants.stubborn_worker_is_never_killed_by_force: 4,
    node_mutants.kill_hits_the_innocent: 2,
    node_mutants.running_task_is_reported_as_not_started: 1,
    node_mutants.timeout_is_ignored_on_the_node: 15,
    node_mutants.ended_task_is_answered_twice: 1,
    node_mutants.capacity_is_reported_only_once: 1,
    node_mutants.dying_worker_counts_as_ready: 18,
    node_mutants.deadline_is_a_moment_of_another_clock: 1,
    node_mutants.what_is_returned_unstarted_is_lost: 9,
    client_mutants.credits_are_ignored: 0,
    client_mutants.priority_is_never_sent: 0,
    client_mutants.wait_is_never_sent: 0,
    client_mutants.everything_is_sent_again_after_a_loss: 1,
    client_mutants.outstanding_is_counted_down_twice: 1,
    client_mutants.unsent_task_is_lost: 1,
    client_mutants.connection_that_has_ended_is_sent_on: 134,
    client_mutants.rejected_task_is_forgotten: 0,
    client_mutants.retries_never_end: 2,
    client_mutants.remaining_time_is_sent_as_a_moment: 15,
    client_mutants.cluster_that_says_nothing_is_waited_for: 1,
    client_mutants.no_retry_probe_is_sent: 0,
    client_mutants.task_that_waits_is_lost_from_the_backlog: 0,
    wire_mutants.silence_is_no_death: 6,
    wire_mutants.what_is_sent_counts_as_heard: 4,
    wire_mutants.rest_of_a_split_frame_is_forgotten: 0,
    wire_mutants.bytes_of_an_unfinished_frame_are_no_sign_of_life: 4,
    wire_mutants.everything_passes_what_is_large: 102,
    wire_mutants.refused_payload_is_kept: 4,
    wire_mutants.frame_over_the_limit_is_taken: 40,
}
IN_THE_CORE: list[tuple[Mutant, Callable[[], None]]] = [
    (
        wire_mutants.own_sleep_counts_as_silence,
        test_liveness.test_silence_after_this_side_slept_is_forgiven_once,
    ),
    (
        cluster_mutants.attempts_are_not_compared,
        test_cluster_outcomes.test_answer_with_an_old_attempt_is_counted_and_dropped,
    ),
    (
        cluster_mutants.node_may_answer_a_task_of_another,
        test_cluster_outcomes.test_answer_to_a_task_of_another_node_is_dropped,
    ),
    (cluster_mutants.pressure_is_ignored, test_cluster_capacity.test_node_that_says_its_machine_is_busy_gets_less),
    (
        client_mutants.backlog_goes_on_after_a_rejection,
        test_client_rejections.test_rejection_blocks_the_backlog_and_only_its_first_task_is_sent_again,
    ),
    (
        client_mutants.rejected_task_goes_to_the_end_of_the_backlog,
        test_client_rejections.test_blocked_backlog_keeps_its_order,
    ),
    (
        client_mutants.retry_probes_are_free,
        test_client_rejections.test_retry_probes_that_no_answer_pays_for_slow_down_to_one_a_second,
    ),
    (
        client_mutants.oldest_goes_first_however_late_it_is,
        test_client_order.test_newest_goes_first_where_the_oldest_is_late,
    ),
]


def promise_broken(seed: int) -> str:
    """What a scenario says of a mutant; empty if it notices nothing. A mutant may also stumble over itself."""
    try:
        run(seed)
    except PromiseBroken as broken:
        return str(broken)
    return ""


def fails(test: Callable[[], None]) -> bool:
    """Whether a test of the core notices."""
    try:
        test()
    except AssertionError:
        return True
    return False


def first_to_notice(mutant: Mutant) -> tuple[int, str]:
    """The first seed that notices a mutant and what it says; -1 for none. Runs in a process of its own."""
    with pytest.MonkeyPatch.context() as patch:
        mutant(patch)
        for seed in SEEDS:
            said = promise_broken(seed)
            if said:
                return seed, said
    return -1, ""


def main() -> int:
    """Prints the table; returns the exit status."""
    table = Table("mutant", "noticed by", "which says")
    survivors = 0
    with ProcessPoolExecutor() as pool:
        for mutant, (seed, said) in zip(IN_SOME_SCENARIO, pool.map(first_to_notice, IN_SOME_SCENARIO), strict=True):
            survivors += seed < 0
            table.add_row(
                mutant.__name__, f"seed {seed}" if seed >= 0 else "nobody", said.partition(" (seed")[0][:SAID_CHARS]
            )
    for mutant, test in IN_THE_CORE:
        with pytest.MonkeyPatch.context() as patch:
            mutant(patch)
            noticed = fails(test)
        survivors += not noticed
        table.add_row(mutant.__name__, test.__name__ if noticed else "nobody", "")
    Console(width=200).print(table)
    print(f"{len(IN_SOME_SCENARIO) + len(IN_THE_CORE)} mutants, {survivors} survive {len(SEEDS)} seeds")
    return int(survivors > 0)


if __name__ == "__main__":
    sys.exit(main())
