"""From a profiler's stacks to modules."""

from __future__ import annotations

from collections import Counter

import pytest

from benchmarks.modules import EVENT_LOOP, INTERPRETED, KERNEL, OTHER, REST, module_of, package_modules, samples, shares

MODULES = {
    "framing": "protocol/framing",
    "cluster_state": "scheduling/cluster/cluster_state",
    "messages": "protocol/messages",
}


@pytest.mark.parametrize(
    ("stack", "module"),
    [
        (["CPyDef_framing___Framing___feed", "uv__read"], "protocol/framing"),
        (["_PyObject_Free", "tupledealloc", "CPyDef_framing___Framing___feed"], "protocol/framing"),
        (["_PyObject_Free", "messages___Outcome_dealloc", "list_dealloc"], "protocol/messages"),
        (["CPyDef_cluster_state____settle", "CPyDef_framing___Framing___feed"], "scheduling/cluster/cluster_state"),
        (["list_append", "_PyEval_EvalFrameDefault", "CPyDef_framing___Framing___feed"], INTERPRETED),
        (["memcpy", "CPyDef_framing___Framing___feed", "_PyEval_EvalFrameDefault"], "protocol/framing"),
        (["vfs_read", "do_syscall_64", "read", "CPyDef_framing___Framing___feed"], KERNEL),
        (["epoll_pwait", "uv__io_poll", "__pyx_f_6uvloop_4loop_4Loop___run"], EVENT_LOOP),
        (["gc_collect_main"], OTHER),
        (["CPyDef_unknown___f"], OTHER),
    ],
)
def test_sample_belongs_to_the_innermost_room(stack: list[str], module: str) -> None:
    assert module_of(stack, MODULES) == module


def test_stacks_are_read_from_what_perf_prints() -> None:
    text = "python 7 \n\t  1a a\n\t  2b b\n\npython 7 \n\t  3c c\n\npython 7 \n\npython 7\n\t 4d d"
    assert list(samples(text.splitlines())) == [["a", "b"], ["c"], ["d"]]


def test_small_rooms_are_summed_up() -> None:
    counted = Counter({"large": 900, "small": 95, "one": 3, "two": 2})
    assert shares(counted) == pytest.approx({"large": 0.9, "small": 0.095, REST: 0.005})
    assert list(shares(Counter({"b": 1, "a": 3}))) == ["a", "b"]


def test_rooms_are_the_files_of_the_package() -> None:
    modules = package_modules()
    assert modules["cluster_state"] == "scheduling/cluster/cluster_state"
    assert modules["framing"] == "protocol/framing"
