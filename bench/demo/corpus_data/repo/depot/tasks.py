"""The order of a shift's work: what must wait for what, and who does it."""

import heapq
from dataclasses import dataclass


class Cycle(Exception):
    """Tasks that wait for each other."""


@dataclass(frozen=True)
class Task:
    """A piece of work."""

    name: str
    minutes: int
    after: tuple[str, ...] = ()
    urgency: int = 0


def work_order(tasks: list[Task]) -> list[str]:
    """Names so that nothing comes before what it waits for; the more urgent first, then by name."""
    by_name = {task.name: task for task in tasks}
    waiting = {task.name: 0 for task in tasks}
    unlocks: dict[str, list[str]] = {task.name: [] for task in tasks}
    for task in tasks:
        for earlier in task.after:
            if earlier not in by_name:
                raise ValueError(f"{task.name} waits for {earlier}, which nobody does")
            unlocks[earlier].append(task.name)
            waiting[task.name] += 1
    ready = [(-by_name[name].urgency, name) for name, count in waiting.items() if count == 0]
    heapq.heapify(ready)
    order = []
    while ready:
        _, name = heapq.heappop(ready)
        order.append(name)
        for later in unlocks[name]:
            waiting[later] -= 1
            if waiting[later] == 0:
                heapq.heappush(ready, (-by_name[later].urgency, later))
    if len(order) < len(tasks):
        stuck = sorted(name for name, count in waiting.items() if count > 0)
        raise Cycle(", ".join(stuck))
    return order


def earliest_starts(tasks: list[Task]) -> dict[str, int]:
    """Minute at which each task can start with enough hands."""
    by_name = {task.name: task for task in tasks}
    starts: dict[str, int] = {}
    for name in work_order(tasks):
        task = by_name[name]
        starts[name] = max((starts[e] + by_name[e].minutes for e in task.after), default=0)
    return starts


def critical_path(tasks: list[Task]) -> list[str]:
    """The chain of tasks that decides when the shift ends."""
    by_name = {task.name: task for task in tasks}
    starts = earliest_starts(tasks)
    if not starts:
        return []
    last = max(starts, key=lambda name: (starts[name] + by_name[name].minutes, name))
    path = [last]
    while by_name[path[-1]].after:
        here = by_name[path[-1]]
        path.append(max(here.after, key=lambda name: (starts[name] + by_name[name].minutes, name)))
    return path[::-1]


def staff(tasks: list[Task], hands: int) -> dict[str, tuple[int, int]]:
    """``(worker, start)`` of each task: in work order, each to the worker who can start it first."""
    by_name = {task.name: task for task in tasks}
    free_at = [0] * hands
    done_at: dict[str, int] = {}
    plan = {}
    for name in work_order(tasks):
        task = by_name[name]
        possible = max((done_at[earlier] for earlier in task.after), default=0)
        worker = min(range(hands), key=lambda w: (max(free_at[w], possible), w))
        start = max(free_at[worker], possible)
        free_at[worker] = start + task.minutes
        done_at[name] = start + task.minutes
        plan[name] = (worker, start)
    return plan
