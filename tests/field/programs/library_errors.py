"""Exceptions in the shapes in which known libraries define theirs."""

from __future__ import annotations

from typing import Any


class Response:
    def __init__(self, status: int) -> None:
        self.status = status

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Response) and other.status == self.status

    def __hash__(self) -> int:
        return self.status


class RequestError(OSError):
    """Takes its request and response out of the keywords, as an HTTP library's."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self.response = kwargs.pop("response", None)
        super().__init__(*args, **kwargs)


class StatementError(Exception):
    """Says itself how it is pickled, and holds the driver's exception, as a database toolkit's."""

    def __init__(self, message: str, statement: str, params: dict[str, Any], orig: BaseException) -> None:
        super().__init__(message)
        self.statement, self.params, self.orig = statement, params, orig
        self.detail: list[str] = []

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.args[0], self.statement, self.params, self.orig), {"detail": self.detail}


class ServiceError(Exception):
    """Makes its message of a format and of what the service answered, as a cloud's."""

    FORMAT = "An error occurred ({code}) when calling {operation}"

    def __init__(self, answer: dict[str, Any], operation: str) -> None:
        super().__init__(self.FORMAT.format(code=answer.get("Code", "Unknown"), operation=operation))
        self.response, self.operation_name = answer, operation


class Invalid(ValueError):
    """Is made by a class method only, and holds a list of what was wrong, as a validator's."""

    def __new__(cls, *_: Any) -> Invalid:
        raise TypeError("call from_faults()")

    @classmethod
    def from_faults(cls, title: str, faults: list[dict[str, Any]]) -> Invalid:
        made = ValueError.__new__(cls, title)
        made.title, made.faults = title, faults
        return made

    title: str
    faults: list[dict[str, Any]]

    def __str__(self) -> str:
        return f"{len(self.faults)} faults in {self.title}"


class RpcError(Exception):
    """Holds a connection, which nobody can pickle."""

    def __init__(self, code: int, detail: str) -> None:
        super().__init__(detail)
        self.code, self.connection = code, (part for part in detail)
