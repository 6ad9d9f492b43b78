"""A script whose tasks raise exceptions of many shapes, and that compares what it gets with what was raised.

    python raised_exceptions.py import|value

prints one JSON object: for each shape "ok", or what was wrong. The workers import the script, or get by value what it
defines.
"""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
from typing import Any

import library_errors as library
import numpy as np

import argon


class QuotaExceeded(Exception):
    def __init__(self, user: str) -> None:
        super().__init__(f"quota of {user} is used up")
        self.user = user


class Refused(Exception):
    def __init__(self, detail: str, code: int = 500) -> None:
        super().__init__(f"{detail} (code {code})")


class OnlyKeywords(Exception):
    __slots__ = ("limit",)

    def __init__(self, *, limit: int) -> None:
        super().__init__()
        self.limit = limit


@dataclasses.dataclass
class Detailed(Exception):
    code: int
    parts: list[str] = dataclasses.field(default_factory=list)

    @property
    def text(self) -> str:
        return ", ".join(self.parts)


class Several(ExceptionGroup[Exception]):
    def __new__(cls, faults: list[Exception]) -> Several:
        return super().__new__(cls, f"{len(faults)} faults", faults)


class InMemory(Exception):
    def __init__(self, rows: Any) -> None:
        super().__init__("bad rows")
        self.rows = rows


def noted(error: Exception, note: str) -> Exception:
    error.add_note(note)
    return error


def service_error_of_its_own() -> Exception:
    made: Exception = type("NoSuchKey", (library.ServiceError,), {})({"Code": "NoSuchKey"}, "GetObject")
    return made


SHAPES: dict[str, Any] = {
    "message made of arguments": lambda: QuotaExceeded("ann"),
    "default argument": lambda: Refused("no stock", 409),
    "keywords and slots": lambda: OnlyKeywords(limit=3),
    "dataclass": lambda: Detailed(4, ["a", "b"]),
    "group": lambda: Several([QuotaExceeded("ann"), ValueError("no")]),
    "array": lambda: InMemory(np.arange(1000.0)),
    "notes": lambda: noted(QuotaExceeded("ann"), "of row 7"),
    "HTTP": lambda: library.RequestError(5, "timed out", response=library.Response(504)),
    "database": lambda: library.StatementError("no", "SELECT 1", {"a": 1}, QuotaExceeded("ann")),
    "cloud": lambda: library.ServiceError({"Code": "Throttled"}, "PutObject"),
    "validator": lambda: library.Invalid.from_faults("Order", [{"loc": ("a",)}]),
    "decoding": lambda: UnicodeDecodeError("utf-8", b"\xff", 0, 1, "invalid start byte"),
    "operating system": lambda: OSError(2, "No such file", "/a", None, "/b"),
    "key": lambda: KeyError(("a", 1)),
    "process": lambda: subprocess.CalledProcessError(2, ["make"], output="out", stderr="err"),
    "class made on the way": service_error_of_its_own,
}


def fail(shape: str) -> None:
    raise SHAPES[shape]()


def hold_connection() -> None:
    raise library.RpcError(14, "unavailable")


def facts(error: BaseException) -> list[Any]:
    """What a program reads of an exception, as text."""
    names = [name for cls in type(error).__mro__ for name in vars(cls).get("__slots__", ())]
    found: dict[str, Any] = {name: getattr(error, name) for name in names} | error.__dict__
    members = {name: getattr(error, name, None) for name in ("errno", "filename", "filename2", "start", "object")}
    inner = [facts(part) for part in getattr(error, "exceptions", ())]
    attributes = {
        name: facts(value) if isinstance(value, BaseException) else repr(getattr(value, "status", value))
        for name, value in found.items()
    }
    return [type(error).__name__, repr(error.args), str(error), attributes, members, inner]


def compared(client: argon.Client, shape: str) -> str:
    raised = SHAPES[shape]()
    try:
        client.run(fail, shape)
    except Exception as error:  # noqa: BLE001 - whatever it is is compared
        if "in fail" not in str(error.__cause__):
            return f"no remote traceback: {error.__cause__}"
        if shape != "class made on the way" and type(error) is not type(raised):
            return f"{type(error)} {error}"
        return "ok" if facts(error) == facts(raised) else f"{facts(error)} instead of {facts(raised)}"
    return "nothing was raised"


def not_a_likeness(client: argon.Client) -> str:
    try:
        client.run(hold_connection)
    except argon.RemoteError as error:
        read = (error.type_name, error.remote_message, error.remote_attributes["code"])
        return "ok" if read == ("library_errors.RpcError", "unavailable", 14) else repr(read)
    return "nothing was raised"


if __name__ == "__main__":
    with argon.local(workers=1, import_script=sys.argv[1] == "import") as client:
        outcomes = {shape: compared(client, shape) for shape in SHAPES}
        outcomes["what cannot be pickled"] = not_a_likeness(client)
    print(json.dumps(outcomes))
