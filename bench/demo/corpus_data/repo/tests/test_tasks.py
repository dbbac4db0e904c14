import pytest

from depot.tasks import Cycle, Task, critical_path, earliest_starts, staff, work_order

SHIFT = [
    Task("load", 20, ("pack", "label")),
    Task("pick", 30),
    Task("pack", 25, ("pick",)),
    Task("label", 10, ("print",)),
    Task("print", 5, urgency=2),
    Task("sweep", 15),
    Task("count", 40, ("pick",), urgency=1),
]


def test_work_order_respects_dependencies():
    assert work_order(SHIFT) == ["print", "label", "pick", "count", "pack", "load", "sweep"]


def test_urgent_work_comes_first_and_names_break_ties():
    tasks = [Task("b", 1), Task("a", 1), Task("c", 1, urgency=5), Task("d", 1, urgency=-1)]
    assert work_order(tasks) == ["c", "a", "b", "d"]
    assert work_order([]) == []


def test_newly_unlocked_urgent_work_overtakes():
    tasks = [Task("a", 1), Task("z", 1, ("a",), urgency=9), Task("b", 1)]
    assert work_order(tasks) == ["a", "z", "b"]


def test_a_task_waits_for_all_it_names():
    tasks = [Task("x", 1, ("a", "b", "c")), Task("a", 1), Task("b", 1, ("a",)), Task("c", 1, ("b",))]
    assert work_order(tasks) == ["a", "b", "c", "x"]


def test_cycles_name_the_stuck_tasks():
    tasks = [Task("a", 1), Task("b", 1, ("c",)), Task("c", 1, ("b",)), Task("d", 1, ("c",))]
    with pytest.raises(Cycle, match="^b, c, d$"):
        work_order(tasks)


def test_unknown_dependency():
    with pytest.raises(ValueError, match="a waits for x"):
        work_order([Task("a", 1, ("x",))])


def test_earliest_starts():
    assert earliest_starts(SHIFT) == {
        "print": 0, "label": 5, "pick": 0, "count": 30, "pack": 30, "load": 55, "sweep": 0,
    }  # fmt: skip


def test_critical_path():
    assert critical_path(SHIFT) == ["pick", "pack", "load"]
    assert critical_path([]) == []
    assert critical_path([Task("a", 5), Task("b", 9)]) == ["b"]


def test_critical_path_follows_the_latest_predecessor():
    tasks = [Task("a", 10), Task("b", 3, ("a",)), Task("c", 12), Task("d", 1, ("b", "c"))]
    assert critical_path(tasks) == ["a", "b", "d"]


def test_one_worker_does_all_in_order():
    tasks = [Task("a", 5), Task("b", 7), Task("c", 2)]
    assert staff(tasks, 1) == {"a": (0, 0), "b": (0, 5), "c": (0, 12)}


def test_two_workers_share():
    tasks = [Task("a", 5), Task("b", 7), Task("c", 2), Task("d", 4)]
    assert staff(tasks, 2) == {"a": (0, 0), "b": (1, 0), "c": (0, 5), "d": (0, 7)}


def test_workers_wait_for_what_a_task_needs():
    tasks = [Task("a", 5), Task("b", 10, ("a",)), Task("c", 3, ("b",))]
    assert staff(tasks, 2) == {"a": (0, 0), "b": (0, 5), "c": (0, 15)}


def test_the_shift_with_three_hands():
    assert staff(SHIFT, 3) == {
        "print": (0, 0), "label": (0, 5), "pick": (1, 0), "count": (0, 30), "pack": (1, 30),
        "load": (1, 55), "sweep": (2, 0),
    }  # fmt: skip
