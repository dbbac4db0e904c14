import pytest

from depot.routing import NoWay, shortest_path, travel_minutes

ROADS = {
    "depot": {"mill": 10, "port": 4},
    "port": {"mill": 3, "hill": 20, "camp": 9},
    "mill": {"hill": 5},
    "camp": {"hill": 1, "farm": 30},
    "hill": {"farm": 6},
    "farm": {"depot": 2},
}


@pytest.mark.parametrize(
    ("start", "goal", "path"),
    [
        ("depot", "port", ["depot", "port"]),
        ("depot", "mill", ["depot", "port", "mill"]),
        ("depot", "hill", ["depot", "port", "mill", "hill"]),
        ("depot", "farm", ["depot", "port", "mill", "hill", "farm"]),
        ("port", "hill", ["port", "mill", "hill"]),
        ("camp", "mill", ["camp", "hill", "farm", "depot", "port", "mill"]),
        ("farm", "farm", ["farm"]),
    ],
)
def test_shortest_path(start, goal, path):
    assert shortest_path(ROADS, start, goal) == path


def test_closed_stops_are_avoided():
    path = shortest_path(ROADS, "depot", "farm", closed=frozenset({"mill"}))
    assert path == ["depot", "port", "camp", "hill", "farm"]


def test_unreachable_goal():
    with pytest.raises(NoWay):
        shortest_path(ROADS, "depot", "moon")
    with pytest.raises(NoWay):
        shortest_path(ROADS, "depot", "farm", closed=frozenset({"hill", "camp"}))


def test_travel_minutes():
    assert travel_minutes(ROADS, ["depot", "port", "mill", "hill"]) == 12
    assert travel_minutes(ROADS, ["farm"]) == 0


def test_many_ways_on_a_grid():
    roads = {}
    for x in range(6):
        for y in range(6):
            roads[f"{x}{y}"] = {}
            if x < 5:
                roads[f"{x}{y}"][f"{x + 1}{y}"] = 1 + (x * y) % 4
            if y < 5:
                roads[f"{x}{y}"][f"{x}{y + 1}"] = 1 + (x + y) % 3
    path = shortest_path(roads, "00", "55")
    assert travel_minutes(roads, path) == 12
