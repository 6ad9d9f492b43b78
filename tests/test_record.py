"""Records: equal by what is in them, and shown with it."""

from __future__ import annotations

import pytest

from argon.protocol.messages import Cancel, StillRunning
from argon.scheduling.effects import Send, Stop


def test_records_of_one_class_with_equal_fields_are_equal() -> None:
    assert Send(1, Cancel(5)) == Send(1, Cancel(5, False))
    assert Stop() == Stop()


@pytest.mark.parametrize("other", [Cancel(6), Cancel(5, True), StillRunning(5), None])
def test_records_that_differ_in_a_field_or_in_their_class_are_not_equal(other: object) -> None:
    assert Cancel(5) != other


def test_record_is_shown_with_its_fields() -> None:
    assert repr(Send(1, Cancel(5))) == "Send(peer=1, message=Cancel(id=5, queued_only=False))"


def test_record_is_no_key() -> None:
    with pytest.raises(TypeError):
        hash(Cancel(5))
