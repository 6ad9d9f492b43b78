"""The table of a state machine: its states, every way from one to another, and the error for a way that is not there.

In: rows, and moves that a record is about to make. Out: the new state, or InvalidTransition. The page
``docs/design/states.md`` is drawn from the rows. It must never decide which move to make.

A module that holds a record with states writes its table once, as ``TRANSITIONS``, and the record has one method:

    def move(self, to: int) -> None:
        self.state = TRANSITIONS.move(self.state, to, self.id)
"""

from __future__ import annotations

from typing import Final, NamedTuple

from mypy_extensions import i64

NONE: Final = -1  # no record yet, or none any more
ANY: Final = -2  # every state of the table
_STATES_MAX: Final = 7  # the moves between them are bits of one machine word


class State(NamedTuple):
    """A state, in the order of the numbers; ``where`` says for readers where such a record is found."""

    name: str
    where: str


class Transition(NamedTuple):
    """A row: what moves a record from a state to another.

    ``state`` may be NONE (a record is made) or ANY; ``to`` may be NONE (a record is dropped, or none is made). ``note``
    is for readers: what else is said of the new state, as the outcome of a task that has ended.
    """

    state: int
    cause: str
    to: int
    note: str = ""


class InvalidTransition(Exception):
    """A record was to make a move that its table does not have: a fault in Argon, not in what a peer has said.

    Attributes:
        record: what sort of record it is, as "task".
        number: which one.
        state: the name of its state.
        to: the name of the state that it was to have.
    """

    def __init__(self, record: str, number: int, state: str, to: str) -> None:
        super().__init__(
            f"{record} {number} is {state} and cannot become {to}: this is a fault in Argon, please report it"
        )
        self.record = record
        self.number = number
        self.state = state
        self.to = to


class Transitions:
    """The table of one state machine.

    Args:
        record: what sort of record has these states, as "task".
        states: every state; its place is its number.
        rows: every transition.
    """

    def __init__(self, record: str, states: tuple[State, ...], rows: tuple[Transition, ...]) -> None:
        self.record = record
        self.states = states
        self.rows = rows
        assert len(states) <= _STATES_MAX
        self._count: i64 = len(states)
        self._allowed: i64 = 0  # a bit for each move: compiled, one machine word costs half of what a list does
        for row in rows:
            for state in range(len(states)) if row.state == ANY else [row.state]:
                if state != NONE and row.to != NONE:
                    self._allowed |= 1 << (state * self._count + row.to)

    def move(self, state: int, to: int, number: int) -> int:
        """Returns the new state of the record with this number.

        Raises:
            InvalidTransition: no row leads from ``state`` to ``to``; the caller has decided wrongly.
        """
        row: i64 = state
        if not self._allowed >> (row * self._count + to) & 1:
            raise InvalidTransition(self.record, number, self.states[state].name, self.states[to].name)
        return to
