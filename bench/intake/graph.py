"""Analyses of the wait-for graph: blocked issues, cycles, and critical path.

`bench.intake.wait_graph` defines the semantics of each type of dependency. Everything here is linear in the issues
and their dependencies (and n log n for sorting), for chains of any length.
"""

from collections import deque
from collections.abc import Iterable
from typing import NamedTuple

from bench.intake.components import strong_components
from bench.intake.issue import Issue
from bench.intake.wait_graph import Backlog, WaitGraph, is_finished


def find_blockers(issues: Iterable[Issue] | Backlog) -> dict[str, tuple[str, ...]]:
    """The blockers of each blocked issue; an unfinished issue that is not a key is ready.

    The ids are those that the issue itself names: an unfinished issue it waits for, an issue whose children it
    waits for, and its parent where the parent is blocked.
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
    """Cycles of unfinished issues in which each waits for the next, and the last for the first.

    An issue waits for the next one itself, through its parent, or as one of the children it waits for. Of each
    strongly connected component, the shortest cycle through its smallest id is returned: breaking it may reveal
    another. Each cycle starts at its smallest id; cycles are sorted by it.
    """
    graph = _backlog(issues).graph
    cyclic = [component for component in strong_components(graph.waits_on) if _is_cyclic(graph, component)]
    return sorted(
        [graph.ids[n] for n in _shortest_cycle(graph, component) if n < len(graph.ids)]
        for component in cyclic
    )


def critical_path_hours(issues: Iterable[Issue] | Backlog) -> dict[str, int]:
    """Critical-path length in hours: of the longest chain of work that begins with each unfinished issue.

    An issue takes the hours of its size: XS 1, S 2, M 4, L 8, XL 16. A strongly connected component counts as one
    issue, with the hours of its largest, and an issue that waits for one member waits for all of them.
    """
    graph = _backlog(issues).graph
    chains = _chains(graph)
    return {issue_id: chains.hours(node) for node, issue_id in enumerate(graph.ids)}


def critical_path(issues: Iterable[Issue] | Backlog) -> list[str]:
    """Critical path: the ids of the longest chain of work, in the order of work; of a cycle its largest issue."""
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
    """Longest chains of work behind each strongly connected component of a graph."""

    graph: WaitGraph
    component_of: list[int]
    """Component by node."""
    behind: list[int]
    """Hours of the longest chain behind a component, by component."""
    then: list[int | None]
    """The next node of that chain, by component."""

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


def _is_cyclic(graph: WaitGraph, component: list[int]) -> bool:
    return len(component) > 1 or component[0] in graph.waits_on[component[0]]


def _shortest_cycle(graph: WaitGraph, component: list[int]) -> list[int]:
    """Shortest cycle through the smallest node of a component, by breadth-first search."""
    first = min(component)
    members = set(component)
    came_from: dict[int, int] = {}
    queue = deque([first])
    while queue and first not in came_from:
        node = queue.popleft()
        for on in graph.waits_on[node]:
            if on in members and on not in came_from:
                came_from[on] = node
                queue.append(on)
    cycle = [came_from[first]]
    while cycle[-1] != first:
        cycle.append(came_from[cycle[-1]])
    return cycle[::-1]
