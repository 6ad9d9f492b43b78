"""Results as text.

In: any value that a task returned. Out: JSON where the value has a JSON form, else its repr, in characters that the
output can carry. Nothing here prints, and no value can make it fail.
"""

from __future__ import annotations

import json


def as_text(value: object, encoding: str = "utf-8") -> str:
    """JSON, else repr: what `argon run` prints.

    >>> as_text({"a": [1, None]}), as_text({1, 2})
    ('{"a": [1, null]}', '{1, 2}')
    """
    json_text = _json_or_none(value, encoding)
    return _carried(_safe_repr(value), encoding) if json_text is None else json_text


def as_json_line(value: object, encoding: str = "utf-8") -> str:
    """JSON, else the repr as a JSON string, so that each line of output is one JSON value: what `argon map` prints.

    >>> as_json_line({1, 2})
    '"{1, 2}"'
    """
    json_text = _json_or_none(value, encoding)
    return json.dumps(_safe_repr(value)) if json_text is None else json_text


def _json_or_none(value: object, encoding: str) -> str | None:
    try:
        text = json.dumps(value, ensure_ascii=False, allow_nan=False)
    except (TypeError, ValueError, RecursionError):
        return None
    return text if _can_carry(text, encoding) else json.dumps(value)


def _safe_repr(value: object) -> str:
    try:
        return repr(value)
    except Exception as error:  # noqa: BLE001 - the class is the user's, and its repr may raise anything
        return f"<{type(value).__qualname__} object whose repr() raised {type(error).__qualname__}>"


def _carried(text: str, encoding: str) -> str:
    return text if _can_carry(text, encoding) else text.encode("ascii", "backslashreplace").decode("ascii")


def _can_carry(text: str, encoding: str) -> bool:
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        return False
    return True
