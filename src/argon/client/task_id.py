"""The id of a task, as people write it: ``SESSION.SEQUENCE``, such as ``3.17``.

In: the session that the cluster gave to a client's connection, and the client's own number of the task; or the text.
Out: the text, or the two numbers. A cluster that is started again counts its sessions from 1 again.
"""

from __future__ import annotations

_DIGITS_MAX = 18


def task_id(session: int, sequence: int) -> str:
    """The id of a task, empty if it has none yet.

    >>> task_id(3, 17)
    '3.17'
    """
    return f"{session}.{sequence}" if session and sequence else ""


def parse_task_id(text: object) -> tuple[int, int]:
    """The session and the sequence number.

    Raises:
        ValueError: it is no text, or has another form.

    >>> parse_task_id("3.17")
    (3, 17)
    """
    parts = text.split(".") if isinstance(text, str) else []
    if len(parts) != 2 or not all(part.isascii() and part.isdigit() and len(part) <= _DIGITS_MAX for part in parts):
        raise ValueError(f"a task's id has the form SESSION.SEQUENCE, such as 3.17, not {text!r}")
    return int(parts[0]), int(parts[1])
