"""Results as text.

In: any value that a task returned. Out: JSON where the value has a JSON form, else its repr, in characters that the
output can carry. Nothing here prints, and no value can make it fail.
"""

from __future__ import annotations

import json
from functools import partial

from argon.cli.plain_text import text_of


def as_text(value: object, encoding: str = "utf-8") -> str:
    """JSON, else repr: what `argon run` prints.

    >>> as_text({"a": [1, None]}), as_text({1, 2})
    ('{"a": [1, null]}', '{1, 2}')
    """
    json_text = _json_or_none(value, encoding)
    return _carried(_repr(value), encoding) if json_text is None else json_text


def as_json_line(value: object, encoding: str = "utf-8") -> str:
    """JSON, else the repr as a JSON string, so that each line of output is one JSON value: what `argon map` prints.

    >>> as_json_line({1, 2})
    '"{1, 2}"'
    """
    json_text = _json_or_none(value, encoding)
    return json.dumps(_repr(value)) if json_text is None else json_text


def _json_or_none(value: object, encoding: str) -> str | None:
    text = text_of(partial(_json, ascii_only=False), value)
    if isinstance(text, str) and not _can_carry(text, encoding):
        text = text_of(partial(_json, ascii_only=True), value)
    return text if isinstance(text, str) else None


def _json(value: object, *, ascii_only: bool) -> str:
    if _has_equal_names(value):
        raise ValueError('keys that are one name in JSON, as 1 and "1"')
    return json.dumps(value, ensure_ascii=ascii_only, allow_nan=False)


def _has_equal_names(value: object) -> bool:
    """Whether keys of one dictionary have the same name in JSON: a reader would see one of their values."""
    if isinstance(value, dict):
        if any(type(key) is not str for key in value):
            names = json.loads(json.dumps(dict.fromkeys(value)))
            if len(names) < len(value):
                return True
        value = list(value.values())
    return isinstance(value, list | tuple) and any(map(_has_equal_names, value))


def _repr(value: object) -> str:
    text = text_of(repr, value)
    if isinstance(text, str):
        return text
    if type(value) is int:
        return hex(value)  # it has more digits than anybody wants to wait for
    return f"<{type(value).__qualname__} object whose repr() raised {type(text).__qualname__}>"


def _carried(text: str, encoding: str) -> str:
    return text if _can_carry(text, encoding) else text.encode("ascii", "backslashreplace").decode("ascii")


def _can_carry(text: str, encoding: str) -> bool:
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        return False
    return True
