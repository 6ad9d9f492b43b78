"""Calls and results there and back, and what is said of those that cannot go."""

from __future__ import annotations

import math
import sqlite3
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import numpy as np
import pytest

from argon.call import payload as payload_module
from argon.call.payload import OUT_OF_BAND_BYTES, pack_call, pack_result, unpack_call, unpack_result
from argon.errors import ArgumentNotSerializable, MayHaveRun, RemoteError, ResultNotSerializable, UnknownFunction
from argon.protocol.messages import Payload
from tests.support import tasks

LARGE = OUT_OF_BAND_BYTES + 1
MAX = 64 << 20


def arrived(payload: Payload) -> bytes | bytearray:
    """As the worker has it: a small payload is bytes, a large one is received into a bytearray."""
    return payload if isinstance(payload, bytes) else bytearray().join(payload)


def there(function: Any, *args: Any, **kwargs: Any) -> tuple[Callable[..., Any], tuple[Any, ...], dict[str, Any]]:
    return unpack_call(arrived(pack_call(function, args, kwargs)[0]))


def back(value: object) -> Any:
    return unpack_result(pack_result(value, MAX))


# ---- calls ---------------------------------------------------------------------------------------------------------


def test_function_of_a_module_travels_by_name() -> None:
    payload, kind = pack_call(math.hypot, (3, 4), {})
    assert isinstance(payload, bytes)
    assert b"math:hypot" in payload
    assert kind == pack_call("math:hypot", (1,), {})[1] == pack_call(math.hypot, ([],), {})[1]
    assert kind != pack_call(math.sqrt, (1,), {})[1]
    assert unpack_call(payload) == (math.hypot, (3, 4), {})


def test_name_in_place_of_a_function_is_not_looked_up_here() -> None:
    payload, _ = pack_call("nowhere.here:f", (1,), {})
    with pytest.raises(UnknownFunction, match="nowhere"):
        unpack_call(arrived(payload))


def test_functions_without_a_name_elsewhere_are_carried_along() -> None:
    offset = 5
    for function in (lambda x: x + offset, partial(int.__add__, offset), (5).__add__, [5].__contains__):
        travelled, args, kwargs = there(function, 5)
        assert travelled(*args, **kwargs) == function(5)


def test_callable_that_cannot_be_hashed_is_carried_along() -> None:
    assert there(Unhashable(3), 4)[0](4) == 7


class Unhashable:
    __hash__ = None  # type: ignore[assignment]

    def __init__(self, number: int) -> None:
        self.number = number

    def __eq__(self, other: object) -> bool:
        raise AssertionError("nobody compares callables")

    def __call__(self, other: int) -> int:
        return self.number + other


@pytest.mark.replaces_parts
def test_names_remembered_are_bounded_and_hold_no_closures(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(payload_module, "CACHED_NAMES", 2)
    monkeypatch.setattr(payload_module, "_named", {})
    most = 0
    for function in (math.sin, math.cos, math.tan, lambda: 1, partial(math.exp, 1)):
        pack_call(function, (), {})
        most = max(most, len(payload_module._named))
    assert most == 2
    assert {entry[1] for entry in payload_module._named.values()} == {b"math:tan"}


@pytest.mark.parametrize(
    "value", [1, -(10**400), 1.5, True, None, "text", "\ud800", b"bytes", bytearray(b"b"), {1: {2}}]
)
def test_small_values_arrive_in_one_piece_as_they_were(value: object) -> None:
    payload, _ = pack_call(tasks.identity, (value,), {"key": value})
    assert isinstance(payload, bytes)
    _, args, kwargs = unpack_call(payload)
    assert (args, kwargs) == ((value,), {"key": value})
    assert type(args[0]) is type(value)
    assert back(value) == value


@pytest.mark.parametrize("kind", [bytes, bytearray])
@pytest.mark.parametrize("shape", [lambda x: x, lambda x: [1, x], lambda x: (x, 2), lambda x: {"x": x}])
def test_large_bytes_travel_out_of_band_and_keep_their_type(kind: type[Any], shape: Callable[[Any], Any]) -> None:
    value = shape(kind(b"x" * LARGE))
    payload, _ = pack_call(tasks.identity, (value,), {"key": value})
    assert isinstance(payload, tuple)
    assert sum(len(segment) for segment in payload[::2]) < 2 * LARGE + 1000
    _, args, kwargs = unpack_call(arrived(payload))
    assert args[0] == kwargs["key"] == value
    assert repr(args[0])[:30] == repr(value)[:30]
    result = pack_result(value, MAX)
    assert isinstance(result, tuple)
    assert unpack_result(result) == value
    assert type(unpack_result(result)) is type(value)


def test_large_bytes_are_not_copied_on_the_way_out() -> None:
    value = bytes(LARGE)
    payload, _ = pack_call(tasks.identity, (value,), {})
    assert any(isinstance(segment, memoryview) and segment.obj is value for segment in payload)


def test_bytearray_may_be_changed_as_soon_as_it_is_packed() -> None:
    value = bytearray(b"a" * LARGE)
    payload, _ = pack_call(tasks.identity, (value,), {})
    value[:1] = b"b"
    value.append(0)  # impossible while anything still looks into it
    assert unpack_call(arrived(payload))[1][0] == b"a" * LARGE


def test_array_may_be_changed_as_soon_as_it_is_packed() -> None:
    array = np.zeros(100_000)
    payload, _ = pack_call(tasks.identity, (array,), {})
    array[:] = 1
    assert (unpack_call(arrived(payload))[1][0] == 0).all()


@pytest.mark.parametrize("size", [10, 100_000])
def test_arrays_arrive_writable_wherever_they_are_read(size: int) -> None:
    payload, _ = pack_call(tasks.identity, (np.arange(size),), {"deep": {"er": [np.ones(size)]}})
    for form in (arrived(payload), bytes(arrived(payload)), memoryview(arrived(payload))):
        _, args, kwargs = unpack_call(form)
        for array in (args[0], kwargs["deep"]["er"][0]):
            array[0] = 9
            assert array.flags.aligned
    result = back({"array": np.arange(size)})["array"]
    result[0] = 9
    assert (result[1:] == np.arange(size)[1:]).all()


def test_arrays_leave_results_without_a_copy() -> None:
    array = np.zeros(100_000)
    payload = pack_result(array, MAX)
    assert any(isinstance(segment, memoryview) and np.shares_memory(segment, array) for segment in payload)


@pytest.mark.parametrize(
    ("args", "kwargs", "path"),
    [
        ((1, {"db": threading.Lock()}), {}, "args[1]['db']"),
        ((), {"lock": threading.Lock()}, "kwargs['lock']"),
        (((number for number in range(3)),), {}, "args[0]"),
    ],
)
def test_argument_that_cannot_be_pickled_is_named(args: tuple[Any, ...], kwargs: dict[str, Any], path: str) -> None:
    with pytest.raises(ArgumentNotSerializable) as raised:
        pack_call(tasks.identity, args, kwargs)
    assert raised.value.path == path
    assert path in str(raised.value)


@pytest.mark.skipif(sys.version_info < (3, 14), reason="annotations are evaluated when the function is made")
def test_function_whose_annotations_cannot_be_evaluated_says_what_to_do() -> None:
    made: dict[str, Any] = {"__name__": "__main__"}
    exec(compile("def f(x: OnlyForTypes): return x", "main.py", "exec", dont_inherit=True), made)
    with pytest.raises(ArgumentNotSerializable, match=r"'OnlyForTypes' is not defined; its annotations .*in quotes"):
        pack_call(made["f"], (1,), {})


def test_connection_among_the_arguments_is_told_with_its_type() -> None:
    connection = sqlite3.connect(":memory:")
    with pytest.raises(ArgumentNotSerializable, match=r"args\[0\] \(a sqlite3.Connection\)"):
        pack_call(tasks.identity, (connection,), {})
    connection.close()


def test_lock_in_a_closure_is_named() -> None:
    lock = threading.Lock()
    with pytest.raises(ArgumentNotSerializable, match="function variable 'lock'"):
        pack_call(lambda: lock, (), {})


def test_arguments_nested_too_deep_are_refused() -> None:
    deep: list[Any] = []
    for _ in range(100_000):
        deep = [deep]
    with pytest.raises(ArgumentNotSerializable):
        pack_call(tasks.identity, (deep,), {})
    while deep:
        deep = deep[0]


def test_argument_of_a_module_that_is_missing_is_an_unknown_function(monkeypatch: pytest.MonkeyPatch) -> None:
    payload, _ = pack_call(tasks.identity, (tasks.EvilResult,), {})
    monkeypatch.delattr(tasks, "EvilResult")
    with pytest.raises(UnknownFunction, match=r"cannot load the arguments.*EvilResult"):
        unpack_call(arrived(payload))


def test_argument_that_fails_to_load_was_not_entered() -> None:
    with pytest.raises(RemoteError, match="SystemExit") as raised:
        there(tasks.identity, tasks.EvilArgument(4))
    assert raised.value.may_have_run is MayHaveRun.NO


@pytest.mark.parametrize("payload", [b"", b"short", b"\xff" * 100, bytes(8), b"\0\0\0\0\5\0\0\0I1\n."])
def test_payload_that_is_none_raises_nothing_else(payload: bytes) -> None:
    with pytest.raises((RemoteError, UnknownFunction)):
        unpack_call(payload)


def test_what_is_no_callable_is_refused_at_once() -> None:
    with pytest.raises(TypeError, match="not None"):
        pack_call(None, (), {})  # type: ignore[arg-type]


# ---- results -------------------------------------------------------------------------------------------------------


def test_result_that_cannot_be_pickled_is_named() -> None:
    with pytest.raises(ResultNotSerializable, match=r"result\['rows'\]\[1\] \(a generator\)"):
        pack_result(tasks.return_generator(), MAX)


@pytest.mark.parametrize("value", ["x" * 1000, 10**3000, np.zeros(100_000), [1] * 10_000])
def test_result_over_the_limit_is_refused_with_the_limits_name(value: object) -> None:
    with pytest.raises(ResultNotSerializable, match="max_payload of 1000"):
        pack_result(value, 1000)


def test_result_of_a_module_missing_here_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    payload = pack_result(tasks.EvilResult, MAX)
    monkeypatch.delattr(tasks, "EvilResult")
    with pytest.raises(ResultNotSerializable, match="cannot be loaded here: AttributeError") as raised:
        unpack_result(payload)
    assert raised.value.may_have_run is MayHaveRun.YES


@pytest.mark.parametrize("kind", [ValueError, SystemExit, KeyboardInterrupt, GeneratorExit])
def test_result_that_raises_anything_while_it_is_loaded_is_told(kind: type[BaseException]) -> None:
    payload = pack_result(tasks.Raising(kind), MAX)
    with ThreadPoolExecutor(1) as bringer, pytest.raises(ResultNotSerializable, match=kind.__name__):
        bringer.submit(unpack_result, payload).result()


def test_ctrl_c_while_a_result_is_loaded_is_not_taken_for_the_results() -> None:
    payload = pack_result(tasks.Raising(KeyboardInterrupt), MAX)
    with pytest.raises(KeyboardInterrupt):
        unpack_result(payload)


def test_result_in_chunks_is_joined(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = arrived(pack_result(np.arange(50_000), MAX))
    chunks = tuple(bytes(whole[start : start + 1000]) for start in range(0, len(whole), 1000))
    result = unpack_result(chunks)
    assert isinstance(result, np.ndarray)
    assert (result == np.arange(50_000)).all()
