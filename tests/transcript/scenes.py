"""Four things that happen to a task: it is done, rejected and tried again, lost with its node, and cancelled."""

from __future__ import annotations

from collections.abc import Callable

from tests.transcript.stage import Stage


def done() -> Stage:
    """One task, one node, one free worker."""
    stage = Stage()
    stage.node("node")
    stage.client("client")
    stage.submit("client")
    stage.finish("node")
    return stage


def rejected_and_tried_again() -> Stage:
    """The queue is full; the client sends the task again when it may be admitted."""
    stage = Stage(queue_limit=1)
    stage.node("node")
    stage.client("first")
    stage.client("second")
    stage.submit("first")
    stage.submit("first")
    stage.submit("second")
    stage.finish("node")
    stage.finish("node")
    stage.wait(2.0)
    stage.finish("node")
    return stage


def node_lost() -> Stage:
    """A node is lost while it runs two tasks; only the idempotent one may run again."""
    stage = Stage()
    stage.node("first", workers=2)
    stage.client("client")
    stage.submit("client")
    stage.submit("client", idempotent=True)
    stage.node("second")
    stage.lose("first")
    stage.finish("second")
    return stage


def cancelled_while_it_runs() -> Stage:
    """A caller cancels a task that a worker runs; the worker is killed, and another takes its place."""
    stage = Stage()
    stage.node("node")
    stage.client("client")
    stage.cancel("client", stage.submit("client"))
    return stage


SCENES: tuple[Callable[[], Stage], ...] = (done, rejected_and_tried_again, node_lost, cancelled_while_it_runs)
