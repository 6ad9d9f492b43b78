"""Effects are plain records: what a state asked for can be compared, printed, and performed by its own shell."""

from __future__ import annotations

from typing import get_args

import pytest

from argon.protocol.messages import Heartbeat
from argon.scheduling import effects
from argon.scheduling.effects import ClientEffect, Close, ClusterEffect, NodeEffect, Send, Stop


def test_equal_effects_are_equal_and_readable() -> None:
    assert Send(1, Heartbeat()) == Send(1, Heartbeat())
    assert Close(1, "why") != Close(2, "why")
    assert repr(Close(1, "why")) == "Close(peer=1, reason='why')"
    assert Stop() == Stop()


@pytest.mark.parametrize("union", [ClusterEffect, NodeEffect, ClientEffect])
def test_every_shell_can_send_and_close(union: object) -> None:
    assert {Send, Close} <= set(get_args(union))


def test_every_effect_belongs_to_a_shell() -> None:
    known = {*get_args(ClusterEffect), *get_args(NodeEffect), *get_args(ClientEffect)}
    defined = {cls for cls in vars(effects).values() if isinstance(cls, type) and cls.__module__ == effects.__name__}
    assert defined == known
