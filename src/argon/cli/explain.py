"""`argon explain`: what became of one task, and why.

In: a task's id, and the address of its cluster. Out: a few lines for people, or JSON for programs. It says only what
the cluster has noted; what the cluster has forgotten, or never knew, is a failure.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import click

from argon.cli.arguments import cluster_option, connect_timeout_option, debug_option, json_option
from argon.cli.failures import CommandFailed

_WORTH_TELLING_S = 0.001
EXAMPLE = "Example: argon explain 3.17 --cluster localhost:8000"


def task_id_of(text: str) -> str:
    """Checks `SESSION.SEQUENCE`."""
    from argon.client.task_id import parse_task_id

    try:
        parse_task_id(text)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="TASK-ID") from None
    return text


@click.command(epilog=EXAMPLE)
@click.argument(
    "task_id",
    metavar="TASK-ID",
    type=task_id_of,
    help="The task_id of its future or its exception, or what `argon run --task-id` prints.",
)
@cluster_option
@connect_timeout_option
@json_option
@debug_option
def command(task_id: str, cluster: str, connect_timeout: float | None, json_output: bool) -> None:
    """Explain what happened to a recent task, and why.

    Prints how long it waited and for what, why it went to its node, the predicted and the measured run time, and how it
    ended.
    """
    from argon.client.client import Client

    with Client(cluster, connect_timeout=connect_timeout) as client:
        known = client.explain(task_id)
    if json_output:
        print(json.dumps(known, indent=2), flush=True)
    if known["state"] == "unknown":
        raise CommandFailed(
            f"the cluster at {cluster} does not know task {task_id}: it was never submitted there, its own client "
            "rejected it, or it is no longer remembered"
        )
    if not json_output:
        for label, text in lines(known):
            print(f"{label:<10} {text}".rstrip(), flush=True)


def lines(known: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """The explanation as labels and sentences."""
    yield "task", f"{known['task']}: {known['state']}{_ran(known)}"
    if known["rejection"] is not None:
        yield from _rejection(known["rejection"])
    if known["submitted_s_ago"] is None:  # it was never admitted
        return
    yield "submitted", f"{seconds(known['submitted_s_ago'])} ago, {_options(known)}"
    yield "ahead", _ahead(known["forecast"])
    if known["waited_s"] is not None:
        yield "waited", _waited(known)
    if known["waiting_now"]:
        each = ", ".join(f"{count} {priority}" for priority, count in known["waiting_now"].items())
        yield "queue now", f"{each}; {known['own_waiting_now']} of these from the same client"
    first = known["attempt"] - len(known["attempts"]) + 1
    for number, attempt in enumerate(known["attempts"], max(1, first)):
        yield f"attempt {number}", _attempt(attempt)
    if known["run_s"]:
        yield _run(known)
    if known["answered_after_s"] is not None:
        yield "answered", f"{seconds(known['answered_after_s'])} after it was submitted"
    elif known["run_s"] is not None:
        yield "answered", "no: its client had disconnected"


def seconds(value: float) -> str:
    """A time as people read it.

    >>> seconds(2.5), seconds(0.0412), seconds(0.00002)
    ('2.50 s', '41.2 ms', '0.02 ms')
    """
    return f"{value:.2f} s" if value >= 1.0 else f"{1000 * value:.3g} ms"


def counted(count: int, noun: str) -> str:
    """A number of things.

    >>> counted(1, "task"), counted(2, "task")
    ('1 task', '2 tasks')
    """
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def _ran(known: dict[str, Any]) -> str:
    if known["may_have_run"] is None or known["state"] == "completed":
        return ""
    return {"no": ", it did not run", "yes": ", it had started", "unknown": ", it may have run"}[known["may_have_run"]]


def _run(known: dict[str, Any]) -> tuple[str, str]:
    if known["may_have_run"] == "no":  # a worker had it, and did not get as far as to call the function
        return "loading", f"took {seconds(known['run_s'])}; its function was not called"
    predicted = known["attempts"][-1]["predicted_run_s"] if known["attempts"] else None
    return "ran", f"{seconds(known['run_s'])}; predicted: {'nothing' if predicted is None else seconds(predicted)}"


def _options(known: dict[str, Any]) -> str:
    timeout = "no timeout" if known["timeout_s"] is None else f"timeout {seconds(known['timeout_s'])}"
    parts = [known["priority"], f"{known['size_bytes']:,} bytes", timeout]
    parts += [name for name, is_set in (("idempotent", known["idempotent"]), ("with a key", known["keyed"])) if is_set]
    return ", ".join(parts)


def _ahead(forecast: dict[str, Any] | None) -> str:
    if forecast is None:
        return "nothing: a node took it at once"
    queued = f"{counted(forecast['queue_length'], 'task')} in the queue, {seconds(forecast['work_s'])} of work"
    running = f"{counted(forecast['workers'], 'worker')}, {counted(forecast['in_flight'], 'task')} with nodes already"
    predicted = f": {seconds(forecast['wait_s'])} predicted" if forecast["workers"] else ""
    return f"{queued} for {running}{predicted}"


def _waited(known: dict[str, Any]) -> str:
    before_s = known["waited_in_client_s"]
    before = f", after {seconds(before_s)} in its client" if before_s >= _WORTH_TELLING_S else ""
    by_age = "; its turn came by its age, before more urgent tasks" if known["turn_by_age"] else ""
    return f"{seconds(known['waited_s'])}{before}{by_age}"


def _attempt(attempt: dict[str, Any]) -> str:
    run_s = attempt["predicted_run_s"]
    by = "measured there" if attempt["measured_there"] else "measured on other nodes"
    parts = [
        f"{attempt['node']}: {attempt['choice']}",
        f"nodes with a free worker: {attempt['free_nodes']}",
        "this function was not measured before" if run_s is None else f"predicted run time: {seconds(run_s)}, {by}",
    ]
    if attempt["predicted_wait_s"]:
        parts.append(f"predicted wait there: {seconds(attempt['predicted_wait_s'])}")
    if attempt["next_node"] is not None:
        parts.append(f"second best: {attempt['next_node']}, {seconds(attempt['next_predicted_s'])} predicted")
    if attempt["end"] is not None:
        parts.append(f"came back: {attempt['end']}")
    return "; ".join(parts)


def _rejection(rejection: dict[str, Any]) -> Iterator[tuple[str, str]]:
    times = "" if rejection["times"] == 1 else f", {rejection['times']} times, the last"
    forecast = rejection["forecast"]
    wait_s, may_wait_s, run_s = forecast["wait_s"], forecast["may_wait_s"], forecast["run_s"]
    parts = [
        f"{counted(forecast['queue_length'], 'task')} of {forecast['queue_bytes']:,} bytes in the queue",
        f"{seconds(forecast['work_s'])} of work for {counted(forecast['workers'], 'worker')}",
        counted(forecast["nodes"], "node"),
        f"its client had {counted(forecast['outstanding'], 'task')} of the {forecast['allowance']} that it may have",
        f"its payload had {forecast['size_bytes']:,} bytes",
    ]
    if may_wait_s is not None and wait_s > may_wait_s:
        parts.append(f"predicted wait: {seconds(wait_s)}, allowed: {seconds(may_wait_s)}")
    if forecast["timeout_s"]:
        known = [f"wait {seconds(wait_s)}"] if forecast["workers"] else []
        known += [f"run time {seconds(run_s)}"] if run_s else []
        left = f"time left of its timeout: {seconds(forecast['timeout_s'])}"
        parts.append(f"{left}, predicted: {' and '.join(known) or 'nothing'}")
    yield "rejected", f"{rejection['reason']}{times}: {'; '.join(parts)}"
