"""What each client has outstanding and may have: counters that are right in any order."""

from __future__ import annotations

from random import Random

from argon.protocol.messages import Announced
from argon.scheduling.clients import Clients, ClientSession
from argon.scheduling.task import admitted_task
from tests.support.drivers import submit


def test_allowance_rises_at_once_and_falls_by_one_an_answer() -> None:
    session = ClientSession(1, allowance=10)
    assert session.grant(4) == 4
    assert session.allowance == 9
    assert session.grant(20) == 20
    assert session.allowance == 20
    for _ in range(30):
        session.grant(4)
    assert session.allowance == 4


def test_allowance_never_falls_below_what_was_admitted() -> None:
    clients = Clients()
    clients.add(1, 3)
    session = clients.get(1)
    assert session is not None
    for id_ in range(3):
        clients.begin(session, admitted_task(id_, 1, submit(id_), 0, 0.0))
    session.grant(1)
    assert session.allowance == 3


def test_client_that_heeds_what_it_has_heard_never_exceeds_its_allowance() -> None:
    rng = Random(5)
    session = ClientSession(1, allowance=20)
    heard, on_the_way, outstanding = 20, list[int](), 0
    for _ in range(5000):
        if outstanding < heard and rng.random() < 0.5:
            outstanding += 1
            assert outstanding - sum(one > 0 for one in on_the_way) <= session.allowance
        elif rng.random() < 0.1:
            offered = rng.randrange(1, 30)
            session.allowance = max(session.allowance, offered)
            on_the_way.append(-offered)
        elif outstanding > sum(one > 0 for one in on_the_way) and rng.random() < 0.7:
            on_the_way.append(session.grant(rng.randrange(1, 30)))  # the cluster answers one
        elif on_the_way:
            said = on_the_way.pop(0)
            heard = said if said > 0 else max(heard, -said)  # what a heartbeat brings is marked by a minus
            outstanding -= said > 0


def test_offer_raises_the_allowance_and_never_lowers_it() -> None:
    clients = Clients()
    clients.add(1, 5)
    session = clients.get(1)
    assert session is not None
    assert [clients.offer(1, 3), session.allowance] == [3, 5]
    assert [clients.offer(1, 8), session.allowance] == [8, 8]
    assert clients.offer(2, 8) == 0, "not a client"


def test_client_behind_no_peer_is_none() -> None:
    clients = Clients()
    assert clients.get(None) is None
    assert clients.get(5) is None


def test_counters_are_right_after_any_history() -> None:
    rng, clients, peer, id_ = Random(2), Clients(), 0, 0
    for _ in range(3000):
        sessions = clients.all()
        session = rng.choice(sessions) if sessions else None
        match rng.randrange(6):
            case 0 if len(sessions) < 6:
                peer += 1
                clients.add(peer, 5)
            case 1 if session and rng.random() < 0.2:
                clients.remove(session)
            case 2 if session:
                id_ += 1
                clients.begin(session, admitted_task(id_, session.peer, submit(id_), 0, 0.0))
            case 3 if session and session.tasks:
                clients.end(session, rng.choice(list(session.tasks.values())))
            case 4 if session and session.announced is None:
                clients.announce(session, Announced(submit(1), rng.randrange(1000)))
            case 5 if session:
                clients.end_announcement(session)
        announced = [one.announced for one in clients.all() if one.announced is not None]
        assert len(clients) == len(clients.all())
        assert clients.active == sum(bool(one.tasks) for one in clients.all())
        assert clients.announced == len(announced)
        assert clients.announced_bytes == sum(one.size_bytes for one in announced)
        assert all(one.outstanding() == len(one.tasks) + bool(one.announced) for one in clients.all())
