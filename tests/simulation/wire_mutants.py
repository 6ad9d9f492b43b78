"""Mutants of what all processes share: who is still there, and where one message ends."""

from __future__ import annotations

from math import inf
from typing import Any

from argon.protocol.fragments import Fragments
from argon.protocol.framing import Framing
from argon.scheduling.client.client_state import ClientState
from argon.scheduling.cluster.cluster_state import ClusterState
from argon.scheduling.liveness import Liveness
from argon.scheduling.node.node_state import NodeState
from tests.simulation.mutation import Patch, around


def silence_is_no_death(patch: Patch) -> None:
    around(patch, Liveness, "beat", lambda original, self, now: (original(self, now)[0], []))


def own_sleep_counts_as_silence(patch: Patch) -> None:
    def beat(original: Any, liveness: Liveness, now: float) -> Any:
        if liveness._next_beat != inf:
            liveness._next_beat = max(liveness._next_beat, now - liveness.heartbeat_s / 2)
        return original(liveness, now)

    around(patch, Liveness, "beat", beat)


def what_is_sent_counts_as_heard(patch: Patch) -> None:
    def beat(original: Any, liveness: Liveness, now: float) -> Any:
        alive, silent = original(liveness, now)
        for peer in alive:
            liveness.heard(peer, now)
        return alive, silent

    around(patch, Liveness, "beat", beat)


def rest_of_a_split_frame_is_forgotten(patch: Patch) -> None:
    def feed(original: Any, framing: Framing, data: bytes) -> Any:
        framing._rest = b""
        return original(framing, data)

    around(patch, Framing, "feed", feed)


def bytes_of_an_unfinished_frame_are_no_sign_of_life(patch: Patch) -> None:
    for state in (ClusterState, NodeState, ClientState):
        around(
            patch,
            state,
            "received",
            lambda original, self, peer, messages, now: original(self, peer, messages, now) if messages else [],
        )


def everything_passes_what_is_large(patch: Patch) -> None:
    patch.setattr(Fragments, "passes", lambda self, message: True)


def refused_payload_is_kept(patch: Patch) -> None:
    patch.setattr(Framing, "discard", lambda self: None)


def frame_over_the_limit_is_taken(patch: Patch) -> None:
    patch.setattr(Framing, "_check_size", lambda self, *rest: True)
