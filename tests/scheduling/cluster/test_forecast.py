"""The records of a decision: what was foreseen stays as it was, and a rejection holds it."""

from __future__ import annotations

import pytest

from argon.errors import RejectReason
from argon.scheduling.cluster.forecast import Forecast, Rejection
from tests.support.records import forecast


def test_forecast_by_position_is_an_error_since_nobody_could_tell_its_numbers_apart() -> None:
    with pytest.raises(TypeError):
        Forecast(*forecast().fields().values())  # type: ignore[misc, call-arg, arg-type]


def test_rejection_holds_the_forecast_by_which_it_was_decided() -> None:
    foreseen = forecast(queue_length=10)
    rejection = Rejection(3, 7, RejectReason.QUEUE_FULL, 0.5, foreseen)
    assert rejection.forecast is foreseen
    assert rejection == Rejection(3, 7, RejectReason.QUEUE_FULL, 0.5, forecast(queue_length=10))
    assert rejection != Rejection(3, 7, RejectReason.QUEUE_FULL, 0.5, forecast(queue_length=9))
