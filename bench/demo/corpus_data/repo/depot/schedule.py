"""Dock windows: minutes of a day, from (included) to (excluded)."""

import heapq
from dataclasses import dataclass

Window = tuple[int, int]


@dataclass(frozen=True)
class Lorry:
    """A lorry that needs a dock."""

    plate: str
    arrives: int
    minutes: int
    cooled: bool = False


@dataclass(frozen=True)
class Slot:
    """A lorry at a dock."""

    plate: str
    dock: int
    start: int
    end: int


def overlaps(a: Window, b: Window) -> bool:
    """Whether two windows share a minute; windows that only touch do not."""
    return a[0] < b[1] and b[0] < a[1]


def merge(windows: list[Window]) -> list[Window]:
    """The same minutes as few windows as possible; touching windows become one."""
    merged: list[Window] = []
    for start, end in sorted(windows):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(merged[-1][1], end))
        else:
            merged.append((start, end))
    return merged


def gaps(windows: list[Window], opening: int, closing: int, at_least: int = 1) -> list[Window]:
    """Free windows of the day that last at least so many minutes."""
    free = []
    cursor = opening
    for start, end in merge(windows):
        if start >= closing:
            break
        if start - cursor >= at_least:
            free.append((cursor, start))
        cursor = max(cursor, end)
    if closing - cursor >= at_least:
        free.append((cursor, closing))
    return free


def busiest(windows: list[Window]) -> tuple[int, int]:
    """``(minute, count)`` of the first minute with the most windows; ``(0, 0)`` for none."""
    edges = sorted([(start, 1) for start, _ in windows] + [(end, -1) for _, end in windows])
    count = most = minute = 0
    for at, change in edges:
        count += change
        if count > most:
            most, minute = count, at
    return minute, most


def assign_docks(lorries: list[Lorry], docks: int, cooled: set[int], turnaround: int = 5) -> list[Slot]:
    """Give each lorry the first dock that is free, in order of arrival.

    Cooled goods need a cooled dock; other lorries take a plain dock where one is free as early, to keep
    the cooled ones. A dock needs ``turnaround`` minutes between two lorries.
    """
    free_from = dict.fromkeys(range(1, docks + 1), 0)
    slots = []
    for lorry in sorted(lorries, key=lambda lorry: (lorry.arrives, lorry.plate)):
        choices = [dock for dock in free_from if dock in cooled or not lorry.cooled]
        if not choices:
            raise ValueError(f"no cooled dock for {lorry.plate}")
        dock = min(choices, key=lambda dock: (max(lorry.arrives, free_from[dock]), dock in cooled, dock))
        start = max(lorry.arrives, free_from[dock])
        end = start + lorry.minutes
        free_from[dock] = end + turnaround
        slots.append(Slot(lorry.plate, dock, start, end))
    return slots


def plan_breaks(shifts: list[Window], every: int, length: int, cover: int) -> list[Window]:
    """Breaks for each shift, ``every`` minutes after its start or its last break.

    No more than ``cover`` people rest at once: who would be one too many waits for the first to come back.
    A break that would reach past the end of the shift is dropped.
    """
    breaks: list[Window] = []
    resting: list[int] = []
    due = [(start + every, index) for index, (start, _) in enumerate(shifts)]
    heapq.heapify(due)
    while due:
        at, index = heapq.heappop(due)
        while resting and resting[0] <= at:
            heapq.heappop(resting)
        if len(resting) >= cover:
            heapq.heappush(due, (resting[0], index))
            continue
        if at + length > shifts[index][1]:
            continue
        breaks.append((at, at + length))
        heapq.heappush(resting, at + length)
        heapq.heappush(due, (at + length + every, index))
    return breaks
