"""Proof of the token: who is let in, who is refused and told what, and that nothing of variable length is read."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from argon.protocol.handshake import MAGIC, NONCE_BYTES, VERSION, ClusterHandshake, HandshakeFailed, PeerHandshake, Role

TOKEN = b"a shared secret"
A, B = b"A" * NONCE_BYTES, b"B" * NONCE_BYTES


def pair(token: bytes = TOKEN, role: Role = Role.CLIENT) -> tuple[ClusterHandshake, PeerHandshake]:
    return ClusterHandshake(TOKEN, A), PeerHandshake(token, role, B)


@pytest.mark.parametrize("role", Role)
def test_same_token_lets_in_and_shows_the_role(role: Role) -> None:
    cluster, peer = pair(role=role)
    assert cluster.opening() == b""
    challenge = cluster.feed(peer.opening())
    proof = peer.feed(challenge)
    assert (cluster.done, cluster.peer_role) == (False, None)
    answer = cluster.feed(proof)
    assert (cluster.done, cluster.peer_role) == (True, role)
    assert not peer.done
    assert peer.feed(answer) == b""
    assert (peer.done, peer.peer_role) == (True, None)


@pytest.mark.parametrize("step", [1, 2, 3, 7])
def test_handshake_in_small_pieces_is_the_same_and_keeps_the_rest(step: int) -> None:
    cluster, peer = pair()
    to_cluster, to_peer = peer.opening(), b""
    for _ in range(200):
        to_peer += cluster.feed(to_cluster[:step]) if to_cluster else b""
        to_cluster = to_cluster[step:]
        to_cluster += peer.feed(to_peer[:step]) if to_peer else b""
        to_peer = to_peer[step:]
    assert cluster.peer_role is Role.CLIENT
    assert peer.done
    assert cluster.rest == peer.rest == b""


def test_bytes_right_behind_the_handshake_are_kept_for_the_next_floor() -> None:
    cluster, peer = pair()
    answer = cluster.feed(peer.feed(cluster.feed(peer.opening())) + b"first frame")
    assert cluster.rest == b"first frame"
    peer.feed(answer + b"welcome")
    assert peer.rest == b"welcome"


def test_wrong_token_is_refused_by_the_cluster_and_both_know_why() -> None:
    cluster, peer = pair(token=b"another")
    proof = peer.feed(cluster.feed(peer.opening()))
    with pytest.raises(HandshakeFailed) as refused:
        cluster.feed(proof)
    assert refused.value.authentication
    assert cluster.peer_role is None
    with pytest.raises(HandshakeFailed, match="rejected this token") as told:
        peer.feed(refused.value.answer)
    assert told.value.authentication
    assert not peer.done


def test_cluster_that_does_not_know_the_token_is_not_trusted() -> None:
    impostor, peer = ClusterHandshake(b"another", A), PeerHandshake(TOKEN, Role.CLIENT, B)
    peer.feed(impostor.feed(peer.opening()))
    with pytest.raises(HandshakeFailed):
        peer.feed(b"\x00" * 32)


def test_proof_seen_before_is_refused_since_the_nonce_is_new() -> None:
    cluster, peer = pair()
    opening = peer.opening()
    proof = peer.feed(cluster.feed(opening))
    later = ClusterHandshake(TOKEN, b"C" * NONCE_BYTES)
    with pytest.raises(HandshakeFailed):
        later.feed(opening + proof)


def test_proof_of_another_role_is_refused() -> None:
    cluster, peer = pair(role=Role.CLIENT)
    proof = peer.feed(ClusterHandshake(TOKEN, A).feed(peer.opening()))
    with pytest.raises(HandshakeFailed):
        cluster.feed(MAGIC + bytes([VERSION, Role.NODE]) + proof)


def test_own_proof_reflected_is_refused() -> None:
    _, peer = pair()
    proof = peer.feed(MAGIC + bytes([VERSION]) + B)
    with pytest.raises(HandshakeFailed):
        peer.feed(proof[NONCE_BYTES:])


def test_unknown_role_is_refused() -> None:
    with pytest.raises(HandshakeFailed, match="role 9"):
        pair()[0].feed(MAGIC + bytes([VERSION, 9]))


def test_other_version_is_refused_by_both_sides_with_both_numbers() -> None:
    cluster, peer = pair()
    with pytest.raises(HandshakeFailed, match=f"protocol 9, this side {VERSION}") as refused:
        cluster.feed(MAGIC + bytes([9, Role.CLIENT]))
    with pytest.raises(HandshakeFailed, match=f"protocol 9, this side {VERSION}"):
        peer.feed(MAGIC + bytes([9]) + bytes(NONCE_BYTES))
    assert not refused.value.authentication
    assert refused.value.answer.startswith(MAGIC + bytes([VERSION]))


@pytest.mark.parametrize("method", [b"GET / HTTP/1.1\r\n", b"POST /x HTTP/1.1", b"OPTIONS * HTTP/1.1"])
def test_http_is_answered_in_http_that_this_is_not_http(method: bytes) -> None:
    with pytest.raises(HandshakeFailed, match="HTTP") as refused:
        pair()[0].feed(method)
    head, _, body = refused.value.answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 400 ")
    assert b"not HTTP" in body


def test_tls_is_named() -> None:
    with pytest.raises(HandshakeFailed, match="TLS"):
        pair()[0].feed(b"\x16\x03\x01\x02\x00")


def test_other_bytes_are_refused_at_the_first_wrong_one_with_what_was_wanted() -> None:
    with pytest.raises(HandshakeFailed, match="expected a7 52 47 31, got 00 01 02 03"):
        pair()[0].feed(b"\x00\x01\x02\x03")
    with pytest.raises(HandshakeFailed):
        pair()[0].feed(MAGIC[:2] + b"?")


def test_stranger_that_answers_is_not_a_cluster() -> None:
    with pytest.raises(HandshakeFailed, match="not an Argon cluster"):
        pair()[1].feed(b"HTTP/1.1 400")


@given(data=st.binary(max_size=200), well_begun=st.booleans())
@settings(max_examples=200, deadline=None)
def test_random_bytes_let_nobody_in(data: bytes, well_begun: bool) -> None:
    cluster, peer = pair()
    for side, opening in ((cluster, MAGIC + bytes([VERSION, Role.NODE])), (peer, MAGIC + bytes([VERSION]))):
        with suppress(HandshakeFailed):
            side.feed((opening if well_begun else b"") + data)
    assert (cluster.done, cluster.peer_role) == (False, None)
    assert not peer.done
