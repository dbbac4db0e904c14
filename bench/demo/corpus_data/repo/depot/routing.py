"""Ways between stops: shortest paths over roads, tours over points."""

import heapq
import math

Roads = dict[str, dict[str, int]]
Point = tuple[float, float]


class NoWay(Exception):
    """The destination cannot be reached."""


def shortest_path(roads: Roads, start: str, goal: str, closed: frozenset[str] = frozenset()) -> list[str]:
    """Stops of the quickest way in minutes, start and goal included; closed stops are avoided."""
    best = {start: 0}
    came_from: dict[str, str] = {}
    queue = [(0, start)]
    while queue:
        minutes, stop = heapq.heappop(queue)
        if stop == goal:
            break
        if minutes > best[stop]:
            continue
        for neighbour, road in roads.get(stop, {}).items():
            if neighbour in closed:
                continue
            arrival = minutes + road
            if arrival < best.get(neighbour, arrival + 1):
                best[neighbour] = arrival
                came_from[neighbour] = stop
                heapq.heappush(queue, (arrival, neighbour))
    if goal not in best:
        raise NoWay(f"{start} -> {goal}")
    path = [goal]
    while path[-1] != start:
        path.append(came_from[path[-1]])
    return path[::-1]


def travel_minutes(roads: Roads, path: list[str]) -> int:
    """Minutes a path takes."""
    return sum(roads[here][there] for here, there in zip(path, path[1:]))


def distance(a: Point, b: Point) -> float:
    return math.hypot(a[0] - b[0], a[1] - b[1])


def tour_length(points: list[Point], tour: list[int]) -> float:
    """Length of the closed tour."""
    return sum(distance(points[tour[i - 1]], points[tour[i]]) for i in range(len(tour)))


def nearest_neighbour_tour(points: list[Point], start: int = 0) -> list[int]:
    """A first tour: always on to the nearest stop not yet visited, the lower number on a tie."""
    tour = [start]
    unvisited = set(range(len(points))) - {start}
    while unvisited:
        here = points[tour[-1]]
        nearest = min(unvisited, key=lambda i: (distance(here, points[i]), i))
        tour.append(nearest)
        unvisited.remove(nearest)
    return tour


def two_opt(points: list[Point], tour: list[int]) -> list[int]:
    """Uncross a tour: turn sections round as long as that makes it shorter."""
    tour = list(tour)
    size = len(tour)
    improved = True
    while improved:
        improved = False
        for i in range(size - 2):
            for j in range(i + 2, size):
                if i == 0 and j == size - 1:
                    continue
                a, b = points[tour[i]], points[tour[i + 1]]
                c, d = points[tour[j]], points[tour[(j + 1) % size]]
                before = distance(a, b) + distance(c, d)
                after = distance(a, c) + distance(b, d)
                if after < before - 1e-9:
                    tour[i + 1 : j + 1] = reversed(tour[i + 1 : j + 1])
                    improved = True
    return tour
