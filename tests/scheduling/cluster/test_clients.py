"""What each client has outstanding and may have: counters that are right in any order."""

from __future__ import annotations

from random import Random

from argon.protocol.messages import Announced
from argon.scheduling.cluster.clients import Clients, ClientSession
from argon.scheduling.cluster.task import admitted_task
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
    clients = Clients(limit=100)
    assert clients.add(1, budget=3) == 3
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
    clients = Clients(limit=100)
    clients.add(1, budget=5)
    session = clients.get(1)
    assert session is not None
    assert [clients.offer(1, 3), session.allowance] == [3, 5]
    assert [clients.offer(1, 8), session.allowance] == [8, 8]
    assert clients.offer(2, 8) == 0, "not a client"


def test_client_behind_no_peer_is_none() -> None:
    clients = Clients(limit=100)
    assert clients.get(None) is None
    assert clients.get(5) is None


def test_counters_are_right_after_any_history() -> None:
    rng, clients, peer, id_ = Random(2), Clients(limit=100), 0, 0
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
        assert clients.announced == len(announced)
        assert clients.announced_bytes == sum(one.size_bytes for one in announced)
        assert all(one.outstanding() == len(one.tasks) + bool(one.announced) for one in clients.all())


class Crowd:
    """Clients with so many tasks outstanding each, watched for some time."""

    def __init__(self, *outstanding: int, limit: int = 1000) -> None:
        self.clients, self.now, self._last = Clients(limit), 0.0, 0
        for peer, _ in enumerate(outstanding):
            self.clients.add(peer, budget=100)
        self.sessions = self.clients.all()
        self.have(*outstanding)

    def have(self, *outstanding: int, for_s: float = 5.0, budget: int = 100) -> None:
        for session, count in zip(self.sessions, outstanding, strict=True):
            while len(session.tasks) < count:
                self._last += 1
                self.clients.begin(session, admitted_task(self._last, session.peer, submit(self._last), 0, 0.0))
            while len(session.tasks) > count:
                self.clients.end(session, next(iter(session.tasks.values())))
        for _ in range(round(for_s / 0.05)):
            self.clients.share(budget, self.now)
            self.now += 0.051

    def credits(self, budget: int = 100) -> list[int]:
        return [self.clients.credit(session, budget) for session in self.sessions]


def test_client_alone_may_have_all_there_is_room_for() -> None:
    assert Crowd(0).credits() == [100]
    assert Crowd(1).credits() == [100]
    assert Crowd(100).credits() == [100]


def test_clients_that_want_much_share_alike() -> None:
    assert Crowd(50, 50).credits() == [50, 50]
    assert Crowd(25, 25, 25, 25).credits() == [25] * 4


def test_what_modest_clients_leave_goes_to_those_that_use_all_of_theirs() -> None:
    assert Crowd(50, 10).credits() == [90, 50], "the modest one has its equal share whenever it wants it"
    assert Crowd(25, 25, 5, 5).credits() == [45, 45, 25, 25]


def test_one_that_fills_the_cluster_has_the_rest_beside_many_that_use_little() -> None:
    crowd = Crowd(1, *[0] * 98)
    for client in range(1, 99):  # each has one task now and then
        crowd.have(1, *[int(other == client) for other in range(1, 99)], for_s=0.05, budget=136)
        crowd.have(1, *[0] * 98, for_s=0.05, budget=136)
    assert crowd.credits(budget=136)[0] >= 20


def test_client_that_has_been_quiet_leaves_everything_to_the_others() -> None:
    crowd = Crowd(50, 50)
    crowd.have(50, 0, for_s=10.0)
    assert crowd.credits() == [100, 50]


def test_what_a_client_has_stopped_using_goes_to_the_others_little_by_little_but_soon() -> None:
    crowd = Crowd(50, 50)
    seen = []
    for _ in range(4):
        crowd.have(50, 0, for_s=0.05)
        seen.append(crowd.credits()[0])
    assert seen == sorted(seen)
    assert (seen[0] <= 75, seen[-1] >= 90) == (True, True)


def test_no_client_is_given_more_than_the_limit_for_one_nor_less_than_one() -> None:
    assert Crowd(5, limit=7).credits() == [7]
    assert Crowd(*[1] * 200).credits() == [1] * 200


def test_clients_that_await_an_offer_are_named_once_each_in_that_order_and_not_when_gone() -> None:
    clients = Crowd(0, 0, 0).clients
    one, two, three = clients.all()
    for session in (two, one, three, two):
        clients.await_offer(session)
    clients.remove(one)
    assert [clients.pop_awaiting_offer() for _ in range(3)] == [two.peer, three.peer, None]
