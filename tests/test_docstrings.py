"""The docstrings of the public API, held to the signatures: each parameter is described, with the default that it has.

In: the classes and functions that callers use. Out: failures that name the parameter.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from typing import Any

import pytest

import argon

PUBLIC: dict[str, tuple[Any, Callable[..., Any]]] = {
    "Client": (argon.Client, argon.Client.__init__),
    "Client.with_options": (argon.Client.with_options,) * 2,
    "Client.submit": (argon.Client.submit,) * 2,
    "Client.map": (argon.Client.map,) * 2,
    "Client.explain": (argon.Client.explain,) * 2,
    "AsyncClient": (argon.AsyncClient, argon.AsyncClient.__init__),
    "AsyncClient.submit": (argon.AsyncClient.submit,) * 2,
    "Executor": (argon.Executor, argon.Executor.__init__),
    "Executor.shutdown": (argon.Executor.shutdown,) * 2,
    "Cluster": (argon.Cluster, argon.Cluster.__init__),
    "Node": (argon.Node, argon.Node.__init__),
    "local": (argon.local,) * 2,
}
MIB = 1 << 20


def described(documented: Any) -> dict[str, str]:
    """What a docstring says of each parameter, in one line."""
    text = inspect.getdoc(documented) or ""
    section = re.search(r"^Args:\n(.*?)(?=^\S|\Z)", text, re.MULTILINE | re.DOTALL)
    assert section is not None
    found: dict[str, str] = {}
    for names, words in re.findall(r"^    ([\w, ]+): (.*?)(?=^    \w|\Z)", section[1], re.MULTILINE | re.DOTALL):
        found.update(dict.fromkeys(names.split(", "), " ".join(words.split())))
    return found


@pytest.mark.parametrize("name", PUBLIC)
def test_each_parameter_is_described(name: str) -> None:
    documented, function = PUBLIC[name]
    assert set(described(documented)) == set(inspect.signature(function).parameters) - {"self"}


@pytest.mark.parametrize("name", ["Client", "AsyncClient", "Cluster", "Node"])
def test_default_of_a_number_is_the_one_of_the_signature(name: str) -> None:
    documented, function = PUBLIC[name]
    words = described(documented)
    for parameter in inspect.signature(function).parameters.values():
        if type(parameter.default) not in (int, float) or words[parameter.name].startswith("as for"):
            continue
        said = re.search(r"([\d.]+)( MiB)? by default", words[parameter.name])
        assert said is not None, f"{name}: {parameter.name} has no default in words"
        assert float(said[1]) * (MIB if said[2] else 1) == parameter.default, f"{name}: {parameter.name}"
