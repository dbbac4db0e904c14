"""Which issues are blocked, which block each other in a ring, and how much work waits behind each.

`bench.intake.waits` says what each type of dependency means. Everything here takes time in proportion to the
issues and their dependencies (and n log n for their order), and no chain is too long.
"""

from collections import deque
from collections.abc import Iterable
from typing import NamedTuple

from bench.intake.components import strong_components
from bench.intake.issue import Issue
from bench.intake.waits import Backlog, WaitGraph, is_finished


def find_blockers(issues: Iterable[Issue] | Backlog) -> dict[str, tuple[str, ...]]:
    """What holds up each blocked issue; an unfinished issue that is not in it is ready.

    The ids are those that the issue itself names: an unfinished issue it waits for, an issue whose children it
    waits for, and its parent where that is what is blocked.
    """
    backlog = _backlog(issues)
    holding: set[str] = set()
    blocked = {}
    for issue_id in backlog.preorder:
        if issue_id not in backlog.by_id or is_finished(backlog.by_id[issue_id]):
            continue
        own = [*backlog.open_targets(issue_id), *backlog.open_gates(issue_id)]
        parent = backlog.parents.get(issue_id)
        inherited = [parent] if parent in holding else []
        if inherited or any(not backlog.is_below(target, issue_id) for target in own):
            holding.add(issue_id)
        if own or inherited:
            blocked[issue_id] = tuple(dict.fromkeys([*own, *inherited]))
    return blocked


def find_cycles(issues: Iterable[Issue] | Backlog) -> list[list[str]]:
    """The rings of unfinished issues in which each waits for the next, and the last for the first.

    An issue waits for the next one itself, through its parent, or as one of the children it waits for. Of rings
    that hang together, the shortest through the smallest id is named: opening it may show another. Each starts
    at its smallest id, and they are in the order of those.
    """
    graph = _backlog(issues).graph
    knots = [knot for knot in strong_components(graph.waits_on) if _is_knot(graph, knot)]
    return sorted([graph.ids[n] for n in _ring(graph, knot) if n < len(graph.ids)] for knot in knots)


def critical_path_hours(issues: Iterable[Issue] | Backlog) -> dict[str, int]:
    """Hours of the longest chain of work that starts with each unfinished issue and ends with what waits for it.

    An issue counts with its size: XS 1, S 2, M 4, L 8, XL 16. A chain does not go round a ring: the issues of
    rings that hang together count as one, as long as the largest of them, and what waits for any waits for all.
    """
    graph = _backlog(issues).graph
    chains = _chains(graph)
    return {issue_id: chains.hours(node) for node, issue_id in enumerate(graph.ids)}


def critical_path(issues: Iterable[Issue] | Backlog) -> list[str]:
    """The ids of the longest chain of work, first to do first; of a ring its largest issue."""
    graph = _backlog(issues).graph
    if not graph.ids:
        return []
    chains = _chains(graph)
    node: int | None = max(range(len(graph.ids)), key=lambda n: (chains.hours(n), -n))
    path = []
    while node is not None:
        if node < len(graph.ids):
            path.append(graph.ids[node])
        node = chains.then[chains.component_of[node]]
    return path


def _backlog(issues: Iterable[Issue] | Backlog) -> Backlog:
    return issues if isinstance(issues, Backlog) else Backlog(issues)


class _Chains(NamedTuple):
    """The longest chains of work that wait for each component of a graph."""

    graph: WaitGraph
    component_of: list[int]
    """By node."""
    behind: list[int]
    """Hours of the longest chain behind a component, by component."""
    then: list[int | None]
    """The node with which that chain goes on, by component."""

    def hours(self, node: int) -> int:
        return self.graph.hours[node] + self.behind[self.component_of[node]]


def _chains(graph: WaitGraph) -> _Chains:
    components = strong_components(graph.waits_on)
    component_of = [0] * len(graph.waits_on)
    for number, component in enumerate(components):
        for node in component:
            component_of[node] = number
    chains = _Chains(graph, component_of, [0] * len(components), [None] * len(components))
    for number in range(len(components) - 1, -1, -1):
        largest = max(components[number], key=lambda node: (graph.hours[node], -node))
        hours = chains.hours(largest)
        for other in {component_of[on] for node in components[number] for on in graph.waits_on[node]}:
            if other != number and hours > chains.behind[other]:
                chains.behind[other], chains.then[other] = hours, largest
    return chains


def _is_knot(graph: WaitGraph, component: list[int]) -> bool:
    return len(component) > 1 or component[0] in graph.waits_on[component[0]]


def _ring(graph: WaitGraph, knot: list[int]) -> list[int]:
    """The shortest way from the smallest node of a knot back to it."""
    first = min(knot)
    members = set(knot)
    came_from: dict[int, int] = {}
    queue = deque([first])
    while queue and first not in came_from:
        node = queue.popleft()
        for on in graph.waits_on[node]:
            if on in members and on not in came_from:
                came_from[on] = node
                queue.append(on)
    ring = [came_from[first]]
    while ring[-1] != first:
        ring.append(came_from[ring[-1]])
    return ring[::-1]
