"""Which issues are blocked, which block each other in a ring, and how much work waits behind each.

`bench.intake.waits` says what each type of dependency means. Everything here takes time in proportion to the
issues and their dependencies (and n log n for their order), and no chain is too long.
"""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass

from bench.intake.components import strong_components
from bench.intake.issue import Issue
from bench.intake.waits import Backlog, WaitGraph, is_finished, wait_graph


def find_blockers(issues: Iterable[Issue]) -> dict[str, tuple[str, ...]]:
    """What holds up each blocked issue; an unfinished issue that is not in it is ready.

    The ids are those that the issue itself names: an unfinished issue it waits for, an issue whose children it
    waits for, and its parent where that is what is blocked.
    """
    backlog = Backlog(issues)
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


def find_cycles(issues: Iterable[Issue]) -> list[list[str]]:
    """The rings of unfinished issues in which each waits for the next, and the last for the first.

    An issue waits for the next one itself, through its parent, or as one of the children it waits for. Of rings
    that hang together, the shortest through the smallest id is named: opening it may show another. Each starts
    at its smallest id, and they are in the order of those.
    """
    graph = wait_graph(issues)
    knots = [knot for knot in _components(graph) if _is_knot(graph, knot)]
    return sorted([graph.ids[n] for n in _ring(graph, knot) if n < len(graph.ids)] for knot in knots)


def critical_path_hours(issues: Iterable[Issue]) -> dict[str, int]:
    """Hours of the longest chain of work that starts with each unfinished issue and ends with what waits for it.

    An issue counts with its size: XS 1, S 2, M 4, L 8, XL 16. Within a ring no chain goes on: an issue of a ring
    counts for itself and for what waits for it from outside.
    """
    graph = wait_graph(issues)
    chains = _chains(graph)
    return {issue_id: chains.work(node) for node, issue_id in enumerate(graph.ids)}


def critical_path(issues: Iterable[Issue]) -> list[str]:
    """The ids of the longest chain of work, first to do first; of equally long ones that of the smallest id."""
    graph = wait_graph(issues)
    if not graph.ids:
        return []
    chains = _chains(graph)
    node: int | None = max(range(len(graph.ids)), key=lambda n: (chains.work(n), -n))
    path = []
    while node is not None:
        path.append(graph.ids[node])
        node = chains.next_work(node)
    return path


@dataclass(slots=True)
class _Chains:
    """Per node, hours of the longest chain of what waits for it, and the node with which that chain goes on."""

    hours: list[int]
    """Of the node's own work."""
    after_work: list[tuple[int, int | None]]
    """Chains that can go on when the node's work is done."""
    after_start: list[tuple[int, int | None]]
    """Chains that can go on when the node may start."""

    def work(self, node: int) -> int:
        return self.hours[node] + self.after_work[node][0]

    def start(self, node: int) -> int:
        return max(self.work(node), self.after_start[node][0])

    def offer(self, waiting: int, node: int, *, until_done: bool) -> None:
        """`waiting` waits on `node`: its chain may be the longest behind `node`."""
        best = self.after_work if until_done else self.after_start
        hours, then = best[node]
        offered = self.start(waiting)
        if offered > hours or (offered == hours and then is not None and waiting < then):
            best[node] = offered, waiting

    def next_work(self, node: int) -> int | None:
        """The node whose work comes next in the longest chain from `node` on."""
        _, then = self.after_work[node]
        while then is not None and self.after_start[then][0] > self.work(then):
            _, then = self.after_start[then]
        return then


def _chains(graph: WaitGraph) -> _Chains:
    n = len(graph.ids)
    nodes = len(graph.edges)
    chains = _Chains([*graph.hours, *[0] * (nodes - n)], [(0, None)] * nodes, [(0, None)] * nodes)
    components = _components(graph)
    component_of = [0] * nodes
    for number, component in enumerate(components):
        for node in component:
            component_of[node] = number
    for component in reversed(components):
        # Nodes that stand for no work first, in their order: they pass on what waits outside the ring.
        for node in sorted(component, key=lambda node: (node < n, node)):
            for edge in graph.edges[node]:
                if node >= n or component_of[edge.node] != component_of[node]:
                    chains.offer(node, edge.node, until_done=edge.until_done)
    return chains


def _components(graph: WaitGraph) -> list[list[int]]:
    """The knots of the graph and its single nodes, each after those it waits on."""
    return strong_components([[edge.node for edge in edges] for edges in graph.edges])


def _is_knot(graph: WaitGraph, component: list[int]) -> bool:
    return len(component) > 1 or any(edge.node == component[0] for edge in graph.edges[component[0]])


def _ring(graph: WaitGraph, knot: list[int]) -> list[int]:
    """The shortest way from the smallest node of a knot back to it."""
    first = min(knot)
    members = set(knot)
    came_from: dict[int, int] = {}
    queue = deque([first])
    while queue and first not in came_from:
        node = queue.popleft()
        for edge in graph.edges[node]:
            if edge.node in members and edge.node not in came_from:
                came_from[edge.node] = node
                queue.append(edge.node)
    ring = [came_from[first]]
    while ring[-1] != first:
        ring.append(came_from[ring[-1]])
    return ring[::-1]
