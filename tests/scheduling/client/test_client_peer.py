"""What the cluster may say to a client, and when it counts as gone."""

from __future__ import annotations

import pytest

from argon.protocol.messages import Assign, Cancel, Goodbye, Heartbeat, Message, Register, Welcome
from argon.scheduling.effects import Close
from argon.settings import PeerLiveness
from tests.support.drivers import CLUSTER, ClientDriver


def test_heartbeats_are_sent_at_the_clusters_pace() -> None:
    client = ClientDriver(heartbeat_s=2.0)
    client.wait(5.0)
    assert len(client.sent(Heartbeat)) == 2


def test_silent_cluster_is_disconnected() -> None:
    client = ClientDriver(heartbeat_s=1.0)
    for _ in range(10):
        client.wait(1.0)
        client.say(Heartbeat())
    closes = [effect for effect in client.effects if isinstance(effect, Close)]
    assert not closes
    client.wait(3.1)
    closes = [effect for effect in client.effects if isinstance(effect, Close)]
    assert closes == [Close(CLUSTER, "nothing was heard from the cluster for 3 s")]


def test_client_that_slept_itself_forgives_the_silence() -> None:
    client = ClientDriver(heartbeat_s=1.0)
    client.now += 60.0
    client.did(client.state.tick(client.now))
    assert not [effect for effect in client.effects if isinstance(effect, Close)]


def test_cluster_that_hears_nothing_from_a_steady_client_is_disconnected() -> None:
    client = ClientDriver(heartbeat_s=1.0)
    for _ in range(3):
        assert not client.say(Heartbeat(unheard=True)), "it may be about a time in which this client did nothing"
        client.wait(1.0)
    assert client.say(Heartbeat(unheard=True)) == [Close(CLUSTER, "what this client sends does not reach the cluster")]


def test_client_that_slept_is_not_disconnected_for_what_it_did_not_send_meanwhile() -> None:
    client = ClientDriver(heartbeat_s=1.0)
    client.now += 60.0
    assert not client.say(Heartbeat(unheard=True))
    client.did(client.state.tick(client.now))
    assert not client.say(Heartbeat(unheard=True))


def test_own_heartbeat_and_patience_replace_the_clusters() -> None:
    client = ClientDriver(credits=None, liveness=PeerLiveness(0.5, 6.0))
    client.connect(heartbeat_s=1.0)
    client.wait(2.1)
    assert len(client.sent(Heartbeat)) == 4
    client.wait(3.8)
    assert not [effect for effect in client.effects if isinstance(effect, Close)]
    client.wait(0.2)
    assert Close(CLUSTER, "nothing was heard from the cluster for 6 s") in client.effects


def test_goodbye_of_the_cluster_closes() -> None:
    client = ClientDriver()
    assert client.say(Goodbye("shutting down")) == [Close(CLUSTER, "shutting down")]


@pytest.mark.parametrize(
    "message", [Assign(1, 1, 2, 0.0, 7, b""), Register("n", 1), Welcome(1, 1, 1, 1.0, 1.0), Cancel(1)]
)
def test_cluster_that_sends_what_it_may_not_is_disconnected(message: Message) -> None:
    client = ClientDriver()
    (effect,) = client.say(message)
    assert isinstance(effect, Close)
    assert type(message).__name__ in effect.reason
