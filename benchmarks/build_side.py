"""One build's side of `benchmarks.builds`: a stack, and its three clients, measured in short bursts when asked.

In: a line for each burst, as "throughput Client" or "round-trip Executor". Out: first "ready", then a line of JSON for
each burst, {figure: number}. Each build's own Python runs this text in the root of its own sources, so it must never
use more of them than builds of other days have too.
"""

from __future__ import annotations

import gc
import json
import os
import statistics
import sys
from contextlib import ExitStack

sys.path.insert(0, os.getcwd())

from benchmarks.argon_subjects import AsyncClientSubject, ClientSubject, ExecutorSubject
from benchmarks.stack import Stack
from benchmarks.subject import Subject

BURST_TASKS = 5000
BURST_TRIPS = 150


def throughput(subject: Subject) -> dict[str, float]:
    """Tasks a second of one burst, and the CPU time of a task in µs, by process and together."""
    before = subject.cpu_s()
    rate_per_s = subject.throughput(BURST_TASKS)
    cpu_us = {role: (s - before[role]) * 1e6 / BURST_TASKS for role, s in subject.cpu_s().items()}
    return {"tasks/s": rate_per_s, **{f"CPU, {role}": us for role, us in cpu_us.items()}, "CPU": sum(cpu_us.values())}


def round_trip(subject: Subject) -> dict[str, float]:
    """The median of one burst, in seconds."""
    return {"round trip": statistics.median(subject.round_trips(BURST_TRIPS))}


def main() -> None:
    with ExitStack() as stays:
        stack = stays.enter_context(Stack())
        subjects = {kind.name: kind(stack) for kind in (AsyncClientSubject, ClientSubject, ExecutorSubject)}
        for subject in subjects.values():
            stays.callback(subject.close)
            subject.start()
            subject.throughput(BURST_TASKS)
            subject.round_trips(BURST_TRIPS)
        print("ready", flush=True)
        for line in sys.stdin:
            what, name = line.split()
            gc.collect()
            measure = throughput if what == "throughput" else round_trip
            print(json.dumps(measure(subjects[name])), flush=True)


main()
