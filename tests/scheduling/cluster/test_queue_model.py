"""The queue compared with a model that keeps no heaps, no tombstones and no caches, over random histories."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import inf

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from argon.scheduling.cluster.queue import TaskQueue
from argon.scheduling.cluster.task import Task, TaskState
from tests.support.queued_tasks import NOW, a_task, drop, take


@dataclass
class Model:
    """The same promises, said slowly."""

    age_step_s: float
    tasks: list[Task] = field(default_factory=list)
    returned: list[Task] = field(default_factory=list)
    used_s: dict[tuple[int, int], float] = field(default_factory=dict)
    level_s: dict[int, float] = field(default_factory=dict)
    urgent_s: float = 0.0
    due_s: dict[int, float] = field(default_factory=dict)

    def push(self, task: Task) -> None:
        client = task.client
        assert client is not None
        if not any(t.client == client and t.priority == task.priority for t in self.tasks):
            account = client, task.priority
            self.used_s[account] = max(self.used_s.get(account, 0.0), self.level_s.get(task.priority, 0.0))
        self.tasks.append(task)

    def next(self, now: float) -> Task | None:
        if self.returned:
            return self.returned[0]
        if not self.tasks:
            return None

        level = self._level(now)[0]
        of_level = [t for t in self.tasks if t.priority == level]
        client = min({t.client for t in of_level if t.client is not None}, key=lambda c: (self.used_s[c, level], c))
        return next(t for t in of_level if t.client == client)

    def _level(self, now: float) -> tuple[int, int]:
        """The one that has its turn, and how many have aged."""
        urgent, *others = sorted({t.priority for t in self.tasks})
        oldest = {level: min(t.since for t in self.tasks if t.priority == level) for level in others}
        aged = [level for level in others if level - (now - oldest[level]) // self.age_step_s <= urgent]
        due = [level for level in aged if self.due_s.get(level, 0.0) <= self.urgent_s]
        return min(due, key=lambda level: (self.due_s.get(level, 0.0), level), default=urgent), len(aged)

    def pop(self, now: float) -> Task:
        task = self.next(now)
        assert task is not None
        if self.returned:
            return self.returned.pop(0)
        assert task.client is not None
        aged = self._level(now)[1]
        if task.priority == min(t.priority for t in self.tasks):
            self.urgent_s += task.predicted_s
        else:
            self.due_s[task.priority] = self.urgent_s + 7 * aged * task.predicted_s
        self.tasks.remove(task)
        self.level_s[task.priority] = self.used_s[task.client, task.priority]
        self.used_s[task.client, task.priority] += task.predicted_s
        return task


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["push"] * 5 + ["pop"] * 3 + ["peek", "remove", "give back", "charge", "wait", "expire"]),
        st.integers(0, 4),
        st.integers(1, 4),
        st.sampled_from([0.5, 1.0, 2.0, 4.0]),
        st.sampled_from([0.0, 0.0, 1.0, 3.0, 500.0]),
    ),
    max_size=120,
)


@given(steps=STEPS, age_step_s=st.sampled_from([0.5, 2.0, 100.0]))
@settings(max_examples=200, deadline=None)
def test_queue_behaves_like_its_model(steps: list[tuple[str, int, int, float, float]], age_step_s: float) -> None:
    queue, model, now = TaskQueue(age_step_s), Model(age_step_s), NOW
    gone: list[Task] = []
    for id_, (step, number, client, seconds, waited_s) in enumerate(steps):
        living = [*model.returned, *model.tasks]
        if step == "push":
            deadline = now + seconds if number == 3 else inf
            task = a_task(id_, client, number, now, seconds, deadline, 1 + number, waited_s)
            queue.push(task)
            model.push(task)
        elif step == "pop" and living:
            task = take(queue, now)
            assert task is model.pop(now)
            gone.append(task)
        elif step == "peek":
            assert queue.peek(now) is model.next(now)
        elif step == "remove" and living:
            task = living[number % len(living)]
            drop(queue, task)
            (model.returned if task in model.returned else model.tasks).remove(task)
        elif step == "give back" and gone:
            task = gone.pop(number % len(gone))
            task.state = TaskState.QUEUED
            queue.push_returned(task)
            model.returned.append(task)
        elif step == "charge":
            queue.charge(client, number, seconds - 1.0)
            if (client, number) in model.used_s:
                model.used_s[client, number] += seconds - 1.0
        elif step == "wait":
            now += seconds
        elif step == "expire":
            due = queue.expire(now)
            assert sorted(t.id for t in due) == sorted(t.id for t in living if t.deadline <= now)
            for task in due:
                drop(queue, task)
            model.tasks = [t for t in model.tasks if t not in due]
            model.returned = [t for t in model.returned if t not in due]
        assert queue.waiting() == [*model.returned, *sorted(model.tasks, key=lambda t: (t.priority, t.id))]
        assert queue.length == len(model.tasks)
        assert queue.size_bytes == sum(t.size_bytes for t in model.tasks)
        work_s = sum(t.predicted_s for t in [*model.returned, *model.tasks])
        assert queue.ahead_s(4, 0, 1e9) == pytest.approx(work_s, abs=1e-6)
    remaining = len(queue)
    assert [take(queue, now) for _ in range(remaining)] == [model.pop(now) for _ in range(remaining)]
