"""The text of a value whose class is not Argon's, whatever that class does when it is asked for it.

In: a value, and a function that makes text of it, such as `repr`. Out: plain text, or what was raised instead. It must
never let a value end the process, nor keep Ctrl-C from ending it.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

DIGITS_MAX = 100_000
"""Python by itself refuses to convert integers of more than 4300 digits. With these it takes a fifth of a second."""


def text_of(convert: Callable[[Any], str], value: object) -> str | BaseException:
    """What the function makes of the value, or what it raised.

    >>> text_of(repr, {1}), text_of(len, [])
    ('{1}', TypeError("descriptor '__str__' requires a 'str' object but received a 'int'"))
    """
    try:
        with long_integers():
            return str.__str__(convert(value))  # of an instance of a subclass, the text alone
    except BaseException as error:
        if isinstance(error, KeyboardInterrupt) and threading.current_thread() is threading.main_thread():
            raise  # Ctrl-C
        return error


@contextmanager
def long_integers() -> Iterator[None]:
    """Lets the body convert integers of up to `DIGITS_MAX` digits."""
    before = sys.get_int_max_str_digits()
    if 0 < before < DIGITS_MAX:
        sys.set_int_max_str_digits(DIGITS_MAX)
    try:
        yield
    finally:
        sys.set_int_max_str_digits(before)
