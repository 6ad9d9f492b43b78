"""The state machine of a node: tasks come, workers answer or end, the cluster goes. `check()` runs after every call."""

from __future__ import annotations

from weakref import ref

import pytest

from argon.protocol.messages import (
    Assign,
    Cancel,
    Capacity,
    Drain,
    Entered,
    FailureKind,
    Goodbye,
    Heartbeat,
    Message,
    Outcome,
    Register,
    Status,
    StatusRequest,
    Welcome,
)
from argon.scheduling.effects import AssignWorker, Close, Kill, Recall, Retire, Spawn, Stop
from argon.scheduling.node.node_state import RETURN_UNSTARTED_AFTER_S
from argon.scheduling.node.worker_slot import RECALL_AFTER_S, Recalled
from argon.scheduling.node.workers import PREFETCH_MAX
from tests.support.drivers import CLUSTER, NodeDriver, detail, submit


def ready_node(workers: int = 1, **settings: object) -> NodeDriver:
    node = NodeDriver(workers, **settings)
    node.ready(*(effect.worker for effect in node.all(Spawn)))
    return node


def quick_node(workers: int = 1, run_s: float = 0.00004) -> NodeDriver:
    """A node that knows how long its tasks take, by default very short, so that workers prefetch some."""
    node = ready_node(workers)
    node.assign(1000)
    node.answer(node.all(AssignWorker)[0].worker, 1, run_s=run_s)
    return node


# --- starting and registering -----------------------------------------------------------------------------------------


def test_start_spawns_the_workers() -> None:
    assert [effect.worker for effect in NodeDriver(3, connect=False).all(Spawn)] == [1, 2, 3]


def test_start_with_max_requests_spawns_one_spare() -> None:
    assert len(NodeDriver(3, connect=False, max_requests=10).all(Spawn)) == 4


def test_welcome_is_answered_with_who_it_is_and_how_many_workers_are_ready() -> None:
    node = NodeDriver(3, connect=False)
    node.ready(1, 2)
    node.connect()
    assert node.said(Register) == [Register("here", 1)]
    assert node.said(Capacity) == [Capacity(2)]
    node.ready(3)
    assert node.said(Capacity) == [Capacity(2), Capacity(3)]


def test_busy_machine_is_reported_with_the_workers_when_it_has_become_so() -> None:
    node = ready_node(2)
    reported = len(node.said(Capacity))
    node.did(node.state.pressed(0.05))
    assert len(node.said(Capacity)) == reported
    node.did(node.state.pressed(0.6))
    assert node.said(Capacity)[reported:] == [Capacity(2, 0.6)]


def test_busy_machine_is_reported_to_nobody_while_there_is_no_cluster_and_then_at_once() -> None:
    node = ready_node(1)
    node.lose()
    assert node.did(node.state.pressed(0.6)) == []
    node.connect(peer=2)
    assert node.said(Capacity)[-1] == Capacity(1, 0.6)


def test_spare_worker_is_no_capacity() -> None:
    node = ready_node(2, max_requests=5)
    assert node.said(Capacity)[-1] == Capacity(2)
    node.assign(1)
    node.assign(2)
    node.assign(3)
    assert len(node.all(AssignWorker)) == 2, "the spare one waits for its time"


def test_capacity_is_reported_again_to_a_new_connection() -> None:
    node = ready_node(2)
    node.lose()
    node.connect(peer=2)
    assert node.said(Capacity)[-1] == Capacity(2)
    assert len(node.said(Register)) == 2


def test_worker_ready_twice_or_unknown_changes_nothing() -> None:
    node = ready_node()
    assert node.ready(1) == []
    assert node.ready(99) == []


# --- running tasks ----------------------------------------------------------------------------------------------------


def test_payload_of_an_answered_task_is_let_go_though_its_deadline_is_far() -> None:
    node = ready_node()
    payload = memoryview(b"large")
    held = ref(payload)
    node.say(Assign(1, 1, 2, 3600.0, 7, (payload,)))
    node.answer(node.all(AssignWorker)[0].worker, 1)
    node.effects.clear()
    del payload
    assert held() is None


def test_assigned_task_goes_to_a_free_worker_under_the_nodes_own_number() -> None:
    node = ready_node()
    message = Assign(500, 3, 1, 2.0, 7, b"work")
    node.say(message)
    (effect,) = node.all(AssignWorker)
    assert effect == AssignWorker(1, 1, 2.0, b"work", own_packet=True)
    assert message == Assign(500, 3, 1, 2.0, 7, b"work"), "what came in is not written into"


def test_answer_travels_under_the_clusters_number_and_attempt() -> None:
    node = ready_node()
    node.say(Assign(500, 3, 2, 0.0, 7, b"work"))
    node.answer(1, 1, run_s=0.5)
    outcome = node.answers()[500]
    assert (outcome.status, outcome.attempt, outcome.run_s, outcome.payload) == (Status.COMPLETED, 3, 0.5, b"done")


def test_tasks_beyond_the_workers_wait_and_whichever_frees_first_takes_the_next() -> None:
    node = ready_node(2)
    for id_ in (1, 2, 3):
        node.assign(id_)
    assert node.assigned(1) == [1]
    assert node.assigned(2) == [2]
    node.answer(2, 2, run_s=1.0)
    assert node.assigned(2) == [2, 3]


def test_waiting_tasks_go_by_priority_then_by_arrival() -> None:
    node = ready_node()
    for id_, priority in enumerate([2, 3, 0, 3, 0]):
        node.assign(id_, priority=priority)
    for _ in range(4):
        node.answer(1, node.assigned(1)[-1], run_s=1.0)
    assert node.assigned(1) == [1, 3, 5, 2, 4]


def test_very_short_tasks_are_prefetched_as_many_as_are_done_in_a_millisecond() -> None:
    node = quick_node()
    for id_ in range(30):
        node.assign(id_)
    assert len(node.assigned(1)) == 1 + 25, "twenty-five tasks of 40 µs are a millisecond"


def test_what_was_prefetched_is_still_counted_right_after_the_measurements_have_changed() -> None:
    node = quick_node()
    slot = node.state._workers.all()[0]
    next_id = 0
    for run_s in [0.00008] * 60 + [0.00002] * 100:
        while node.state._buffer.length < 4:
            node.assign(next_id)
            next_id += 1
        assert len(slot.tasks) <= PREFETCH_MAX
        node.answer(1, next(iter(slot.tasks)), run_s=run_s)
    assert 49 <= len(slot.tasks) <= 50, "a millisecond of tasks of 20 µs"


def test_task_that_is_not_known_to_be_short_goes_in_its_own_packet() -> None:
    node = quick_node(2)
    node.assign(1, kind=8)
    node.assign(2)
    unknown, short = node.all(AssignWorker)[-2:]
    assert (unknown.own_packet, short.own_packet) == (True, False)
    node.answer(unknown.worker, unknown.local_task_id, run_s=0.01)
    node.assign(3, kind=8)
    assert node.all(AssignWorker)[-1].own_packet, "it is known, and not short"


def test_long_unknown_and_large_tasks_are_not_prefetched() -> None:
    node = quick_node()
    node.assign(1)
    node.assign(2, kind=8)
    node.say(Assign(3, 1, 2, 0.0, 7, b"x" * (17 << 10)))
    assert len(node.assigned(1)) == 2


def test_answer_of_a_worker_that_is_gone_is_ignored() -> None:
    node = ready_node()
    node.assign(1)
    node.die(1)
    assert node.answer(1, 1) == []
    assert node.answers()[1].status == Status.FAILED


def test_answer_to_an_unknown_task_is_ignored() -> None:
    node = ready_node()
    assert node.answer(1, 77) == []


def test_task_id_in_use_ends_the_connection() -> None:
    node = ready_node()
    node.assign(1)
    node.assign(1)
    assert node.all(Close) == [Close(CLUSTER, "task id 1 is already here")]


@pytest.mark.parametrize("message", [submit(1), Register("n", 1), StatusRequest(), Welcome(1, 1, 1, 1.0, 1.0)])
def test_cluster_that_says_what_it_may_not_is_hung_up_on(message: Message) -> None:
    node = ready_node()
    node.say(message)
    assert "a cluster may not send" in node.all(Close)[0].reason


def test_goodbye_of_the_cluster_closes() -> None:
    node = ready_node()
    node.say(Goodbye("shutting down"))
    assert node.all(Close) == [Close(CLUSTER, "shutting down")]


def test_words_of_an_old_connection_are_ignored() -> None:
    node = ready_node()
    node.lose()
    node.connect(peer=2)
    assert node.say(Assign(1, 1, 2, 0.0, 7, b""), peer=CLUSTER) == []
    assert node.lose(peer=CLUSTER) == []


# --- workers that die -------------------------------------------------------------------------------------------------


def test_worker_that_dies_fails_its_own_task_alone_and_is_replaced_at_once() -> None:
    node = ready_node(2)
    node.assign(1)
    node.assign(2)
    effects = node.die(1, signal=9)
    outcome = node.answers()[1]
    assert (outcome.status, outcome.entered, outcome.failure_kind) == (
        Status.FAILED,
        Entered.YES,
        FailureKind.WORKER_DIED,
    )
    about = detail(outcome)
    assert (about.signal, about.exit_code, about.node, about.reason) == (9, 0, "here", "it crashed")
    assert [effect for effect in effects if isinstance(effect, Spawn)] == [Spawn(3)]
    assert node.said(Capacity)[-1] == Capacity(1)
    node.ready(3)
    assert node.said(Capacity)[-1] == Capacity(2)
    node.answer(2, 2)
    assert node.answers()[2].status == Status.COMPLETED


def test_worker_that_dies_returns_what_it_never_started() -> None:
    node = quick_node(2)
    for id_ in range(24):
        node.assign(id_)
    first, *prefetched = [n for n in node.assigned(1) if n != 1]
    assert len(prefetched) >= 5
    node.die(1, unstarted=prefetched)
    assert [*node.answers()] == [1000, first - 2], "ids 0, 1, 2 … are the numbers 2, 3, 4 …"
    node.ready(3)
    assert set(prefetched) <= set(node.assigned(2) + node.assigned(3)) | {
        task.local_task_id for task in node.state._buffer.waiting()
    }


def test_worker_that_dies_before_it_is_ready_is_replaced_ever_more_slowly() -> None:
    node = NodeDriver(1)
    pauses = []
    for _ in range(20):
        worker, since = node.all(Spawn)[-1].worker, node.now
        node.die(worker, signal=0, exit_code=1)
        while node.all(Spawn)[-1].worker == worker:
            node.wait(0.05)
        pauses.append(node.now - since)
    assert pauses[0] == pauses[1] == 0.0
    assert 0.5 < pauses[8] <= pauses[-1] <= 5.1


def test_worker_that_dies_now_and_then_is_always_replaced_at_once() -> None:
    node = ready_node()
    for id_ in range(20):
        worker = node.all(Spawn)[-1].worker
        node.assign(2 * id_)
        node.answer(worker, node.assigned(worker)[-1])
        node.assign(2 * id_ + 1)
        node.die(worker)
        assert node.all(Spawn)[-1].worker == worker + 1, "its slot is back within a second"
        node.ready(worker + 1)


def test_worker_that_finished_before_it_died_has_finished() -> None:
    node = ready_node()
    node.assign(1)
    finished = [Outcome(1, Status.COMPLETED, Entered.YES, payload=b"done")]
    node.die(1, finished=finished, entered=0)
    assert node.answers()[1].status == Status.COMPLETED


def test_worker_that_ends_twice_or_is_unknown_is_ignored() -> None:
    node = ready_node()
    node.die(1)
    assert node.die(1) == []
    assert node.die(99) == []


# --- timeouts and cancels ---------------------------------------------------------------------------------------------


def test_task_that_overruns_is_recalled_then_killed_and_answered_as_expired() -> None:
    node = ready_node(kill_after_s=5.0)
    node.assign(1, timeout_s=2.0)
    assert Recall(1) not in node.wait(1.9)
    assert Recall(1) in node.wait(0.2)
    assert not node.answers()
    node.recalled(1)
    assert node.all(Kill) == [Kill(1, False)]
    outcome = node.answers()[1]
    assert (outcome.status, outcome.entered) == (Status.EXPIRED, Entered.YES)
    assert node.said(Capacity)[-1] == Capacity(0)
    node.die(1, signal=15)
    assert len(node.answers()) == 1
    assert node.all(Spawn)[-1] == Spawn(2)


@pytest.mark.parametrize("kill_after_s", [1.0, 5.0])
def test_worker_that_ignores_the_signal_is_killed_by_force_after_kill_after(kill_after_s: float) -> None:
    node = ready_node(kill_after_s=kill_after_s)
    node.assign(1, timeout_s=2.0)
    node.wait(2.0)
    node.recalled(1)
    assert Kill(1, True) not in node.wait(kill_after_s - 0.1)
    assert Kill(1, True) in node.wait(0.2)
    assert len(node.all(Kill)) == 2


def test_task_that_expires_in_the_buffer_never_starts() -> None:
    node = ready_node()
    node.assign(1)
    node.assign(2, timeout_s=0.5 * RETURN_UNSTARTED_AFTER_S)
    node.wait(0.6 * RETURN_UNSTARTED_AFTER_S)
    outcome = node.answers()[2]
    assert (outcome.status, outcome.entered) == (Status.EXPIRED, Entered.NO)
    node.answer(1, 1)
    assert node.assigned(1) == [1]


def test_task_that_finished_before_the_recall_has_finished() -> None:
    node = ready_node()
    node.assign(1, timeout_s=1.0)
    node.wait(1.1)
    node.recalled(1, finished=[1])
    assert node.answers()[1].status == Status.COMPLETED
    assert not node.all(Kill)
    node.assign(2)
    assert node.assigned(1) == [1, 2], "the worker goes on"


def test_task_that_had_not_started_is_ended_without_killing_anybody() -> None:
    node = quick_node()
    for id_ in (1, 2, 3):
        node.assign(id_)
    node.say(Cancel(2))
    node.recalled(1, unstarted=[3, 4])
    outcome = node.answers()[2]
    assert (outcome.status, outcome.entered) == (Status.CANCELLED, Entered.NO)
    assert not node.all(Kill)
    node.answer(1, 2)
    assert node.assigned(1)[-1] == 4


def test_cancel_of_a_running_task_kills_its_worker_after_the_others_were_recalled() -> None:
    node = quick_node()
    for id_ in (1, 2, 3):
        node.assign(id_)
    node.say(Cancel(1))
    assert node.all(Recall) == [Recall(1)]
    node.recalled(1, unstarted=[3, 4])
    assert node.all(Kill) == [Kill(1, False)]
    assert node.answers()[1].status == Status.CANCELLED
    node.die(1, signal=15)
    node.ready(2)
    assert node.assigned(2)[0] == 3, "the innocent run elsewhere"
    node.answer(2, 3)
    node.answer(2, 4)
    assert {id_: answer.status for id_, answer in node.answers().items() if id_ in (2, 3)} == {2: 0, 3: 0}


def test_worker_that_is_to_be_killed_prefetches_nothing() -> None:
    node = quick_node()
    node.assign(1)
    node.say(Cancel(1))
    node.assign(2)
    assert node.assigned(1) == [1, 2]


def test_task_to_end_that_was_started_is_killed_although_the_answer_before_it_was_not_read_yet() -> None:
    node = quick_node()
    node.assign(1)
    node.assign(2)
    first = node.assigned(1)[-2]
    node.say(Cancel(2))
    node.recalled(1)
    assert node.all(Kill) == [Kill(1, False)], "it was started, so the one before it is done"
    node.answer(1, first)
    assert node.answers()[1].status == Status.COMPLETED
    assert node.answers()[2].status == Status.CANCELLED


def test_task_to_end_that_was_claimed_and_not_entered_is_answered_when_it_is_certain_that_it_never_ran() -> None:
    node = ready_node()
    node.assign(1)
    node.say(Cancel(1))
    node.did(node.state.worker_recalled(Recalled(1, [], [], 0), node.now))
    assert node.all(Kill) == [Kill(1, False)]
    assert not node.answers()
    node.die(1, signal=15, entered=0)
    assert (node.answers()[1].status, node.answers()[1].entered) == (Status.CANCELLED, Entered.NO)


def test_worker_that_dies_before_it_enters_its_task_says_that_it_did_not_run() -> None:
    node = ready_node()
    node.assign(1)
    node.die(1, entered=0)
    assert (node.answers()[1].status, node.answers()[1].entered) == (Status.FAILED, Entered.NO)


def test_cancel_of_a_waiting_task_answers_at_once() -> None:
    node = ready_node()
    node.assign(1)
    node.assign(2)
    node.say(Cancel(2))
    outcome = node.answers()[2]
    assert (outcome.status, outcome.entered) == (Status.CANCELLED, Entered.NO)


def test_cancel_of_an_unknown_task_or_one_that_is_ending_is_ignored() -> None:
    node = ready_node()
    node.assign(1)
    node.say(Cancel(1))
    assert node.say(Cancel(1), Cancel(99)) == []


def test_worker_that_dies_while_it_is_recalled_ends_the_task_as_it_was_to_end() -> None:
    node = ready_node()
    node.assign(1)
    node.say(Cancel(1))
    node.die(1)
    assert node.answers()[1].status == Status.CANCELLED
    assert node.recalled(1) == []


def test_leftovers_of_tasks_ended_in_the_buffer_are_swept() -> None:
    node = ready_node()
    node.assign(0)
    node.assign(1, priority=0)
    for id_ in range(2, 2000):
        node.assign(id_, priority=4, timeout_s=100.0)
        node.say(Cancel(id_))
    assert len(node.state._buffer._heap) < 200
    assert len(node.state._deadlines) < 200


# --- silent workers ---------------------------------------------------------------------------------------------------


def test_silent_worker_is_relieved_of_what_it_has_not_started() -> None:
    node = quick_node(2)
    for id_ in range(20):
        node.assign(id_)
    slow, *prefetched = [n for n in node.assigned(1) if n != 1]
    assert Recall(1) in node.wait(RECALL_AFTER_S * 1.1)
    node.recalled(1, unstarted=prefetched)
    waiting = {task.local_task_id for task in node.state._buffer.waiting()}
    assert waiting, "the other worker is full for the moment"
    assert not waiting & set(node.assigned(1)) - set(prefetched)
    node.recalled(2)
    node.answer(2, *(n for n in node.assigned(2)))
    assert set(prefetched) & set(node.assigned(2)), "they run elsewhere"
    assert slow not in node.assigned(2)
    node.assign(100)
    assert node.assigned(1)[-1] in [slow, *prefetched], "and it gets nothing more ahead"


def test_silent_worker_with_a_single_task_is_left_alone() -> None:
    node = ready_node()
    node.assign(1)
    node.wait(10.0)
    assert not node.all(Recall)


def test_worker_that_speaks_is_not_silent() -> None:
    node = quick_node()
    for id_ in range(10):
        node.assign(id_)
    for local_task_id in node.assigned(1)[1:8]:
        node.wait(RECALL_AFTER_S * 0.8)
        node.answer(1, local_task_id)
    assert not node.all(Recall)


def test_free_worker_relieves_the_one_in_which_a_task_waits() -> None:
    node = quick_node(2, run_s=0.01)
    for id_ in range(4):
        node.assign(id_)
    first, second = node.assigned(1)[1:], node.assigned(2)
    assert (len(first), len(second)) == (2, 2), "each has prefetched one"
    node.answer(1, first[0], run_s=0.01)
    assert not node.all(Recall), "it has one more"
    effects = node.answer(1, first[1], run_s=0.01)
    assert effects[-1:] == [Recall(2)]
    node.recalled(2, unstarted=[second[1]])
    assert node.assigned(1)[-1] == second[1]


def test_free_worker_takes_what_waits_in_the_buffer_before_it_relieves_another() -> None:
    node = quick_node(2, run_s=0.01)
    for id_ in range(5):
        node.assign(id_)
    for local_task_id in node.assigned(1)[1:3]:
        node.answer(1, local_task_id, run_s=0.01)
    assert len(node.assigned(1)) == 1 + 3
    assert not node.all(Recall)


def test_what_no_worker_takes_for_a_while_goes_back_to_the_cluster_unstarted() -> None:
    node = quick_node(run_s=0.01)
    for id_ in (1, 2, 3):
        node.assign(id_)
    running, prefetched = node.assigned(1)[1:]
    node.wait(0.5 * RETURN_UNSTARTED_AFTER_S)
    assert node.answers() == {1000: node.answers()[1000]}
    assert Recall(1) in node.all(Recall)
    node.recalled(1, unstarted=[prefetched])
    node.wait(RETURN_UNSTARTED_AFTER_S)
    outcomes = node.answers()
    assert {id_: (o.status, o.entered) for id_, o in outcomes.items() if id_ != 1000} == {
        2: (Status.LOST, Entered.NO),
        3: (Status.LOST, Entered.NO),
    }
    node.answer(1, running)
    assert node.answers()[1].status == Status.COMPLETED


def test_nothing_goes_back_while_workers_take_what_waits() -> None:
    node = quick_node(run_s=0.02)
    for id_ in range(1, 8):
        node.assign(id_)
    for position in range(1, 6):
        node.wait(0.8 * RETURN_UNSTARTED_AFTER_S)
        node.recalled(1)
        node.answer(1, node.assigned(1)[position], run_s=0.02)
    assert all(outcome.status == Status.COMPLETED for outcome in node.answers().values())


# --- recycling --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("max_requests", [1, 3])
def test_worker_that_has_served_max_requests_retires_and_another_is_started(max_requests: int) -> None:
    node = ready_node(1, max_requests=max_requests)
    served = {1: 0, 2: 0}
    while not node.all(Retire):
        node.assign(sum(served.values()))
        effect = node.all(AssignWorker)[-1]
        node.answer(effect.worker, effect.local_task_id)
        served[effect.worker] += 1
    (retired,) = node.all(Retire)
    assert served[retired.worker] == max_requests
    assert max(served.values()) == max_requests
    assert [effect.worker for effect in node.all(Spawn)] == [1, 2, 3]


def test_recycling_leaves_no_gap_in_service() -> None:
    node = ready_node(2, max_requests=2)
    for id_ in range(40):
        node.assign(id_)
        effect = node.all(AssignWorker)[-1]
        assert effect.local_task_id == id_ + 1, "a worker is always there"
        node.answer(effect.worker, effect.local_task_id)
        for worker in [effect.worker for effect in node.all(Spawn)][-1:]:
            node.ready(worker)
        for effect in node.all(Retire):
            node.die(effect.worker, signal=0)
    assert len(node.all(Retire)) >= 15
    assert node.said(Capacity) == [Capacity(1), Capacity(2)]
    assert len(node.state._workers.all()) == 3


def test_worker_prefetches_no_more_than_it_may_serve() -> None:
    node = ready_node(1, max_requests=4)
    node.assign(0)
    node.answer(node.all(AssignWorker)[0].worker, 1, run_s=0.00001)
    for id_ in range(1, 20):
        node.assign(id_)
    for worker in (1, 2):
        assert len(node.assigned(worker)) <= 4


def test_without_max_requests_nobody_retires() -> None:
    node = ready_node()
    for id_ in range(200):
        node.assign(id_)
        node.answer(1, id_ + 1)
    assert not node.all(Retire)


# --- the cluster goes -------------------------------------------------------------------------------------------------


def test_cluster_lost_drops_what_waits_and_ends_what_runs_without_a_word() -> None:
    node = ready_node()
    node.assign(1)
    node.assign(2)
    node.lose()
    assert node.all(Recall) == [Recall(1)]
    node.recalled(1)
    assert node.all(Kill) == [Kill(1, False)]
    assert not node.answers()
    node.die(1, signal=15)
    node.ready(2)
    assert node.assigned(2) == []
    assert node.all(Spawn)[-1] == Spawn(2)


def test_task_of_a_lost_cluster_that_finishes_all_the_same_is_dropped() -> None:
    node = ready_node()
    node.assign(1)
    node.lose()
    node.connect(peer=2)
    node.recalled(1, finished=[1])
    assert not node.answers()
    node.say(Assign(1, 1, 2, 0.0, 7, b"new"), peer=2)
    assert node.assigned(1) == [1, 2]


def test_ids_of_a_new_cluster_are_not_those_of_the_old_one() -> None:
    node = ready_node(2)
    node.assign(1)
    node.lose()
    node.connect(peer=2)
    node.say(Assign(1, 1, 2, 0.0, 7, b"new"), peer=2)
    assert node.assigned(2) == [2]
    node.answer(1, 1)  # the old one's
    assert not node.answers()
    node.answer(2, 2)
    assert node.answers()[1].status == Status.COMPLETED


# --- heartbeats -------------------------------------------------------------------------------------------------------


def test_heartbeats_go_to_the_cluster_at_its_own_pace() -> None:
    node = NodeDriver(1, connect=False)
    node.connect(heartbeat_s=2.0, dead_after_s=100.0)
    node.wait(9.0)
    assert len(node.said(Heartbeat)) == 4


def test_silent_cluster_is_disconnected() -> None:
    node = NodeDriver(1, connect=False)
    node.connect(heartbeat_s=1.0, dead_after_s=3.0)
    for _ in range(10):
        node.wait(1.0)
        node.say(Heartbeat())
    assert not node.all(Close)
    node.wait(3.1)
    assert [close.peer for close in node.all(Close)] == [CLUSTER]


# --- draining ---------------------------------------------------------------------------------------------------------


def test_drain_returns_what_waits_finishes_what_runs_and_leaves_when_it_was_heard() -> None:
    node = ready_node()
    node.assign(1)
    node.assign(2)
    node.drain()
    assert node.said(Drain) == [Drain()]
    assert (node.answers()[2].status, node.answers()[2].entered) == (Status.LOST, Entered.NO)
    node.say(Drain())
    assert not node.all(Stop)
    node.answer(1, 1)
    assert node.answers()[1].status == Status.COMPLETED
    assert node.effects[-2:] == [Close(CLUSTER, "the node has drained"), Stop()]


def test_drain_waits_for_the_clusters_word_since_a_task_may_be_on_its_way() -> None:
    node = ready_node()
    node.drain()
    assert not node.all(Stop)
    node.assign(1)
    assert (node.answers()[1].status, node.answers()[1].entered) == (Status.LOST, Entered.NO)
    assert not node.all(Stop)
    node.say(Drain())
    assert node.effects[-1] == Stop()


def test_drain_unheard_ends_with_its_time() -> None:
    node = ready_node()
    node.drain(timeout_s=5.0)
    node.wait(4.9)
    assert not node.all(Stop)
    node.wait(0.2)
    assert node.effects[-1] == Stop()


def test_drain_recalls_what_was_prefetched() -> None:
    node = quick_node()
    for id_ in (1, 2, 3):
        node.assign(id_)
    node.drain()
    node.say(Drain())
    node.recalled(1, unstarted=[3, 4])
    assert all(node.answers()[id_].entered == Entered.NO for id_ in (2, 3))
    node.answer(1, 2)
    assert node.effects[-1] == Stop()


def test_drain_that_takes_too_long_kills_and_answers_what_runs() -> None:
    node = ready_node()
    node.assign(1)
    node.drain(timeout_s=3.0)
    node.say(Drain())
    node.wait(3.1)
    node.recalled(1)
    outcome = node.answers()[1]
    assert (outcome.status, outcome.entered) == (Status.LOST, Entered.YES)
    assert node.all(Kill) == [Kill(1, False)]
    assert node.all(Stop)


def test_second_drain_with_no_time_is_now() -> None:
    node = ready_node()
    node.assign(1)
    node.drain(timeout_s=30.0)
    node.drain(timeout_s=0.0)
    node.wait(0.0)
    node.recalled(1)
    assert node.all(Stop)


def test_drain_without_a_cluster_leaves_at_once() -> None:
    assert NodeDriver(1, connect=False).drain() == [Stop()]


def test_drain_without_a_cluster_that_comes_back_is_said_again() -> None:
    node = ready_node()
    node.assign(1)
    node.drain()
    node.lose()
    assert node.all(Stop), "there is nobody left to answer"


def test_stop_is_said_once() -> None:
    node = ready_node()
    node.drain()
    node.say(Drain(), Drain())
    node.lose()
    node.drain(0.0)
    node.wait(1.0)
    assert len(node.all(Stop)) == 1


def test_ready_workers_is_the_capacity() -> None:
    node = ready_node(3)
    assert node.state.ready_workers() == 3
    node.die(1)
    assert node.state.ready_workers() == 2


def test_next_deadline_without_anything_to_wait_for_is_none() -> None:
    assert NodeDriver(1, connect=False).state.next_deadline() is None
