"""How a task is answered, once: it ends, is counted, and its client learns of it with its credits.

In: tasks that end, rejections, and, when an event is over, what clients may have then. Out: answers as effects, each a
fresh message. It must never decide whether a task ends.
"""

from __future__ import annotations

from argon.protocol.codec import encode_diagnosis
from argon.protocol.diagnosis import Diagnosis
from argon.protocol.messages import Answer, Entered, Outcome, Reject, Status
from argon.scheduling.cluster.clients import Clients, ClientSession
from argon.scheduling.cluster.counters import TaskCounters
from argon.scheduling.cluster.decision_log import DecisionLog
from argon.scheduling.cluster.forecast import Rejection
from argon.scheduling.cluster.queue import TaskQueue
from argon.scheduling.cluster.task import Task, TaskState
from argon.scheduling.effects import ClusterEffect, Send


class AnswerState:
    """Ends tasks and answers clients, for the parts that it is given."""

    def __init__(self, queue: TaskQueue, clients: Clients, counters: TaskCounters, decision_log: DecisionLog) -> None:
        self._queue = queue
        self._clients = clients
        self._counters = counters
        self._decision_log = decision_log
        self._without_credits: list[tuple[ClientSession, Answer]] = []

    def reject(self, client: ClientSession, rejection: Rejection, effects: list[ClusterEffect]) -> None:
        """Answers a task that is not admitted."""
        self._counters.end(Status.REJECTED)
        self._decision_log.reject(rejection)
        self._answer(client, Reject(rejection.client_task_id, rejection.reason, rejection.retry_after_s), effects)

    def end_queued(self, task: Task, status: int, why: Diagnosis, now: float, effects: list[ClusterEffect]) -> None:
        """Ends a task that waits."""
        task.wait_s += now - task.queued_at
        outcome = Outcome(task.client_task_id, status, Entered.NO, task.attempt, payload=encode_diagnosis(why))
        self.end(task, outcome, now, effects)

    def end_lost(self, task: Task, why: Diagnosis, now: float, effects: list[ClusterEffect]) -> None:
        """Ends a task of which its node has not reported the end."""
        status = Status.CANCELLED if task.state == TaskState.CANCELLING else Status.LOST
        outcome = Outcome(task.client_task_id, status, Entered.UNKNOWN, task.attempt, payload=encode_diagnosis(why))
        self.end(task, outcome, now, effects)

    def end(self, task: Task, outcome: Outcome, now: float, effects: list[ClusterEffect]) -> None:
        """Ends a task with this outcome, made for its client, and answers the client if it is still there."""
        queued = task.state == TaskState.QUEUED
        task.move(TaskState.SETTLED)
        if queued:
            self._queue.remove(task)
        task.payload = b""
        self._counters.end(outcome.status)
        if task.losses and outcome.entered == Entered.NO:
            outcome.entered = Entered.UNKNOWN  # an attempt before may have run
        self._decision_log.end(task, outcome.status, outcome.entered, outcome.run_s, now)
        client = self._clients.get(task.client)
        if client is not None:
            self._clients.end(client, task)
            outcome.queued_s = task.wait_s
            self._answer(client, outcome, effects)

    def end_unanswered(self, task: Task) -> None:
        """Ends a task that waits, and whose client is gone."""
        task.move(TaskState.SETTLED)
        self._queue.remove(task)
        task.payload = b""
        task.history.status = Status.CANCELLED
        if task.losses:
            task.history.entered = Entered.UNKNOWN  # an attempt before may have run
        self._counters.end(Status.CANCELLED)

    def add_credits(self, budget: int) -> None:
        """Adds the credits to the answers of an event that is over. Nothing of it has left before.

        Args:
            budget: how many tasks all clients may have together, now that it is over.
        """
        for client, answer in self._without_credits:
            credits = client.grant(self._clients.credit(client, budget))
            if isinstance(answer, Outcome):  # compiled, the attribute of a known class is a tenth of the price
                answer.credits = credits
            else:
                answer.credits = credits
        self._without_credits.clear()

    def is_empty(self) -> bool:
        """Whether no answer waits for its credits."""
        return not self._without_credits

    def _answer(self, client: ClientSession, answer: Answer, effects: list[ClusterEffect]) -> None:
        self._without_credits.append((client, answer))
        effects.append(Send(client.peer, answer))
