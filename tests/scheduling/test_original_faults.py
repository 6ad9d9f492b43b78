"""Where the code of the original fell short of its manual, the manual holds here. One test for each of the eight.

The original is Argon::Cluster 0.01 for Perl; what is quoted is what its code did.
"""

from __future__ import annotations

from argon.errors import RejectReason
from argon.protocol.codec import HEADER, HEADER_BYTES, decode, encode
from argon.protocol.messages import (
    Assign,
    Capacity,
    Drain,
    Entered,
    FailureKind,
    Heartbeat,
    Message,
    Register,
    Status,
    StatusReply,
    StatusRequest,
    Submit,
    Welcome,
)
from argon.scheduling.effects import Give, Send, Spawn, Stop
from tests.support.drivers import ClientDriver, ClusterDriver, NodeDriver, completed, submit


def over_the_wire(message: Message) -> Message:
    head, payload = encode(message)
    return decode(*HEADER.unpack_from(head)[1:], head[HEADER_BYTES:] or payload)


def test_1_queue_is_bounded_and_orders_by_priority_and_control_never_waits_in_it() -> None:
    """The queue was emptied at once into one coroutine a message, so it bounded and ordered nothing, and a control
    message could be rejected for `queue_limit`."""
    cluster = ClusterDriver(queue_limit=3)
    node, client = cluster.node(), cluster.client()
    cluster.say(client, submit(1), submit(2, priority=4), submit(3, priority=0), submit(4, priority=2))
    late = cluster.client()
    cluster.say(late, submit(1))
    assert cluster.answers(late)[1].reason == RejectReason.QUEUE_FULL
    assert cluster.snapshot().queue_length == 3

    cluster.say(late, StatusRequest(), Heartbeat())
    assert len(cluster.heard(late, StatusReply)) == 1
    other = cluster.node(workers=0)
    assert not cluster.closed(other), "a node registers while the queue is full"

    for _ in range(3):
        cluster.say(node, completed(cluster.heard(node, Assign)[-1], run_s=1.0))
    assert [assign.priority for assign in cluster.heard(node, Assign)] == [2, 0, 2, 4]


def test_2_priority_that_the_caller_wrote_reaches_the_worker() -> None:
    """The client read `priority` and never sent it."""
    client, cluster, node = ClientDriver(), ClusterDriver(), NodeDriver()
    node.ready(1)
    peers = cluster.node(), cluster.client()
    client.submit(priority=0)
    (submitted,) = client.sent(Submit)
    cluster.say(peers[1], over_the_wire(submitted))
    (assigned,) = cluster.heard(peers[0], Assign)
    node.say(over_the_wire(assigned))
    (give,) = node.all(Give)
    assert submitted.priority == assigned.priority == give.assign.priority == 0


def test_3_predicted_time_decides_and_a_new_node_is_not_stampeded() -> None:
    """`est_proc_time` was computed and never used, and a new node, whose average was 0, got everything."""
    cluster = ClusterDriver()
    slow, quick, client = cluster.node(name="slow"), cluster.node(name="quick"), cluster.client()
    times = {slow: 4.0, quick: 1.0}
    for id_ in (1, 2):
        cluster.say(client, submit(id_))
    for node, run_s in times.items():
        cluster.say(node, completed(cluster.heard(node, Assign)[0], run_s=run_s))
    cluster.say(client, submit(3))
    assert len(cluster.heard(quick, Assign)) == 2

    new = cluster.node(workers=2, name="new")
    cluster.say(client, *(submit(id_) for id_ in range(10, 20)))
    assert len(cluster.heard(new, Assign)) == 2, "one task for each of its workers, until their time is known"
    assert len(cluster.heard(slow, Assign)) == 2


def test_4_worker_that_dies_fails_its_task_at_once_and_its_slot_comes_back() -> None:
    """The caller waited for ever, and the slot was lost."""
    node = NodeDriver()
    node.ready(1)
    node.assign(1)
    node.die(1, signal=9)
    outcome = node.answers()[1]
    assert (outcome.status, outcome.failure_kind, outcome.entered) == (
        Status.FAILED,
        FailureKind.WORKER_DIED,
        Entered.YES,
    )
    assert node.all(Spawn)[-1] == Spawn(2)
    node.ready(2)
    assert node.said(Capacity)[-1] == Capacity(1)
    node.assign(2)
    assert node.given(2) == [2]


def test_5_shutdown_answers_every_pending_task_before_it_hangs_up() -> None:
    """`shutdown` did not fail pending messages: a TODO in both servers."""
    cluster = ClusterDriver()
    cluster.node()
    client = cluster.client()
    cluster.say(client, submit(1), submit(2), submit(3))
    effects = cluster.drain(timeout_s=0.0)
    answers = cluster.answers(client)
    assert {id_: (answer.status, answer.entered) for id_, answer in answers.items()} == {
        1: (Status.LOST, Entered.UNKNOWN),
        2: (Status.LOST, Entered.NO),
        3: (Status.LOST, Entered.NO),
    }
    assert effects[-1] == Send(client, Drain()), "it is told so behind every answer, and goes first"
    assert isinstance(cluster.lose(client)[-1], Stop)

    node = NodeDriver()
    node.ready(1)
    node.assign(1)
    node.assign(2)
    node.drain(timeout_s=0.0)
    node.wait(0.0)
    node.recalled(1)
    assert {outcome.status for outcome in node.answers().values()} == {Status.LOST}
    assert len(node.answers()) == 2


def test_6_node_that_registers_again_replaces_its_old_connection() -> None:
    """The old connection leaked: `unregister_node` was called with the new one."""
    cluster = ClusterDriver()
    old, client = cluster.node(workers=1, name="same"), cluster.client()
    cluster.say(client, submit(1))
    new = cluster.node(workers=2, name="same")
    assert len(cluster.closed(old)) == 1
    assert not cluster.closed(new)
    assert cluster.answers(client)[1].status == Status.LOST, "what was routed to the old one is not forgotten"
    snapshot = cluster.snapshot()
    assert [(node.name, node.workers, node.in_flight) for node in snapshot.nodes] == [("same", 2, 0)]
    assert cluster.say(old, Register("same", 1), Capacity(64)) == []
    assert cluster.snapshot().workers == 2


def test_7_pings_time_out_and_back_off_is_spread_and_capped_and_order_is_by_arrival() -> None:
    """Pings had no time-out, the back-off was `log(attempts)` without jitter or cap, and messages were sorted by the
    clocks of their senders."""
    cluster = ClusterDriver(heartbeat_s=1.0, dead_after_s=3.0)
    silent = cluster.node()
    cluster.wait(5.0)
    assert cluster.closed(silent)
    assert len(cluster.heard(silent, Heartbeat)) >= 2

    def pauses(seed: int) -> list[float]:
        client = ClientDriver(seed=seed)
        id_, found = client.submit(), []
        for turn in range(1, 30):
            since = client.now
            client.reject(id_, RejectReason.QUEUE_FULL, 0.0)
            while len(client.submitted()) == turn:
                client.wait(0.02)
            found.append(client.now - since)
        return found

    runs = [pauses(seed) for seed in range(5)]
    assert len({tuple(run) for run in runs}) == 5, "no two clients come back together"
    assert 0.5 < max(map(max, runs)) <= 1.1

    cluster = ClusterDriver()
    node, client = cluster.node(), cluster.client()
    cluster.say(client, submit(1))
    cluster.say(client, submit(3), submit(2))
    for _ in range(2):
        cluster.say(node, completed(cluster.heard(node, Assign)[-1], run_s=1.0))
    numbers = {1: 1, 2: 3, 3: 2}  # the cluster's numbers, and the client's
    assert [numbers[assign.id] for assign in cluster.heard(node, Assign)] == [1, 3, 2]


def test_8_node_addressed_directly_is_bounded_like_a_cluster() -> None:
    """A node that clients spoke to had no bound at all. Here the same core stands before its workers."""
    door, node = ClusterDriver(queue_limit=2), NodeDriver(workers=1, connect=False)
    node.ready(1)
    peer = door.newcomer()
    (welcome,) = door.heard(peer, Welcome)
    node.did(node.state.connected(1, welcome, node.now))
    told: list[Message] = []

    def exchange() -> None:
        """Passes on what either has said, until both are silent."""
        while True:
            said = [message for message in node.said(object) if message not in told]
            heard = [message for message in door.heard(peer, Assign) if message not in told]
            if not said and not heard:
                return
            told.extend([*said, *heard])
            door.say(peer, *map(over_the_wire, said))
            node.say(*map(over_the_wire, heard))

    exchange()
    clients = [door.client() for _ in range(5)]
    for client in clients:
        door.say(client, submit(1))
        exchange()
    assert node.given(1) == [1]
    assert [len(door.answers(client)) for client in clients] == [0, 0, 0, 1, 1]
    assert door.answers(clients[3])[1].reason == RejectReason.QUEUE_FULL
    for number in (1, 2, 3):
        node.answer(1, number, run_s=1.0)
        exchange()
    assert [door.answers(client)[1].status for client in clients] == [0, 0, 0, Status.REJECTED, Status.REJECTED]
