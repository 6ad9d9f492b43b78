"""How a command fails: its own exception, and any exception in one sentence.

In: exceptions. Out: text for people, and the exit status. Nothing here prints.

    0    it did what was asked
    1    it could not: the cluster, the network, or the task itself
    2    it was asked wrongly
    130  interrupted by Ctrl-C
"""

from __future__ import annotations

from argon.cli.plain_text import text_of
from argon.errors import ArgonError, RemoteError, ResultNotSerializable

RUN_TIME, USAGE, INTERRUPTED = 1, 2, 130


class Verbosity:
    """How much to print when a command fails; made by `main.execute`, set by `--debug`."""

    def __init__(self) -> None:
        self.debug = False


class CommandFailed(ArgonError):
    """A command could not do what it was asked to; the message says why, and the cause is the exception behind it."""


def sentence(error: BaseException) -> str:
    """What an exception says, or what it is when it says nothing."""
    text = text_of(str, error)
    if not isinstance(text, str):
        return f"(no message: its __str__ raised {type(text).__name__})"
    return text.strip() or type_name(error)


def type_name(error: BaseException) -> str:
    """The name of an exception's class as people know it: `ValueError`, `json.decoder.JSONDecodeError`."""
    cls = type(error)
    return cls.__qualname__ if cls.__module__ == "builtins" else f"{cls.__module__}.{cls.__qualname__}"


def task_sentence(function: str, error: BaseException) -> str:
    """What became of a task that did not return: Argon's own word for it, or what the function raised."""
    if isinstance(error, RemoteError):
        return f"{function} raised {error.type_name}: {error.remote_message}".removesuffix(": ")
    if isinstance(error, ResultNotSerializable) and isinstance(error.__cause__, ImportError | AttributeError):
        return f"{function} has run, but {sentence(error)}; have PYTHONPATH name the folder of that module"
    if isinstance(error, ArgonError):
        return sentence(error)
    text = sentence(error)
    return f"{function} raised {type_name(error)}" + (f": {text}" if text != type_name(error) else "")
