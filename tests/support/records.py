"""Records with some fields replaced, and one that has many."""

from __future__ import annotations

from typing import TypeVar

from argon.record import Record
from argon.scheduling.cluster.forecast import Forecast

R = TypeVar("R", bound=Record)


def replaced(record: R, **changes: object) -> R:
    """The same record with these fields instead."""
    return type(record)(**{**record.fields(), **changes})


def forecast(**fields: object) -> Forecast:
    """A forecast of a task that may enter: it has to wait for two seconds, and may."""
    usual = Forecast(
        draining=False,
        free=False,
        size_bytes=100,
        timeout_s=0.0,
        run_s=0.0,
        work_s=0.0,
        wait_s=2.0,
        may_wait_s=2.0,
        few=False,
        queue_length=9,
        queue_bytes=900,
        in_flight=1,
        workers=1,
        nodes=1,
        outstanding=4,
        allowance=5,
    )
    return replaced(usual, **fields)
