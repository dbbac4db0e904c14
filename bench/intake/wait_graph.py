"""Wait-for graph of a backlog's blocking dependencies.

Dependencies have the semantics of Beads:

- `blocks` and `conditional-blocks`: the issue waits until the other one is finished, with any result.
- `waits-for`: the issue waits until every child of the other one is finished; the other one's own status does
  not matter.
- `parent-child`, or `dk_parent`: a child does not wait for its parent, but inherits its blockers: a blocked
  parent blocks its children, and theirs. A parent that waits for issues of its own subtree does so to be closed
  last; that blocks none of its children. Of several parents the first counts, and a cycle of parents is ignored.

Closed and pinned issues are finished: they neither block nor wait. An id that is not in the backlog blocks
nothing, for exports leave finished issues out. Dependencies of other types are ignored.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Final, NamedTuple

from bench.intake.issue import Issue
from planner.documents.base import Size

HOURS: Final[dict[Size, int]] = {"XS": 1, "S": 2, "M": 4, "L": 8, "XL": 16}
_UNTIL_FINISHED: Final = frozenset({"blocks", "conditional-blocks"})


@dataclass(frozen=True, slots=True)
class WaitGraph:
    """Directed graph: nodes 0 … n-1 are the unfinished issues sorted by id; the others are auxiliary, without work.

    Auxiliary nodes are "children of p may start" for every parent p and "all children of t are done" for every t
    that an issue waits for. With them the number of edges is linear in the dependencies.
    """

    ids: list[str]
    hours: list[int]
    """Hours of each node's own work."""
    waits_on: list[list[int]]
    """Successors of each node, sorted, without duplicates."""


def is_finished(issue: Issue) -> bool:
    """Whether the issue no longer blocks any other."""
    return issue.is_closed or issue.status == "pinned"


def wait_graph(backlog: "Backlog") -> WaitGraph:
    """Build the wait-for graph of a backlog."""
    ids = sorted(issue_id for issue_id, issue in backlog.by_id.items() if not is_finished(issue))
    node = {issue_id: number for number, issue_id in enumerate(ids)}
    kids_of = [p for p in backlog.preorder if p in node and p in backlog.children]
    kids = {p: len(ids) + number for number, p in enumerate(kids_of)}
    targets = sorted({target for issue_id in ids for target in backlog.open_gates(issue_id)})
    gates = {target: len(ids) + len(kids) + number for number, target in enumerate(targets)}

    def waits_on(issue_id: str, *, within: bool) -> Iterator[int]:
        for target in backlog.open_targets(issue_id):
            if within or not backlog.is_below(target, issue_id):
                yield node[target]
        for target in backlog.open_gates(issue_id):
            if within or not backlog.is_below(target, issue_id):
                yield gates[target]
        parent = backlog.parents.get(issue_id)
        if parent in kids:
            yield kids[parent]

    return WaitGraph(
        ids=ids,
        hours=[HOURS[backlog.by_id[i].dk_size] for i in ids] + [0] * (len(kids) + len(gates)),
        waits_on=[
            *(sorted(set(waits_on(issue_id, within=True))) for issue_id in ids),
            *(sorted(set(waits_on(issue_id, within=False))) for issue_id in kids_of),
            *([node[child] for child in backlog.open_children(target)] for target in targets),
        ],
    )


class Backlog:
    """Issues by id, with their parent–child hierarchy; of equal ids the last counts."""

    def __init__(self, issues: Iterable[Issue]) -> None:
        self.by_id = {issue.id: issue for issue in sorted(issues, key=lambda issue: issue.id)}
        """Sorted by id: results do not depend on the order of the input."""
        self._waits = {issue_id: _waits(issue) for issue_id, issue in self.by_id.items()}
        self._open = {issue_id for issue_id, issue in self.by_id.items() if not is_finished(issue)}
        named = {issue_id: _parent(issue, self._waits[issue_id]) for issue_id, issue in self.by_id.items()}
        parents = {issue_id: parent for issue_id, parent in named.items() if parent is not None}
        cycle = _cycle_members(parents)
        self.parents = {child: parent for child, parent in parents.items() if child not in cycle}
        """Parent by child. A parent need not be an issue of the backlog."""
        self.children: dict[str, list[str]] = {}
        for child, parent in self.parents.items():
            self.children.setdefault(parent, []).append(child)

    def open_targets(self, issue_id: str) -> list[str]:
        """The unfinished issues that the issue itself waits for, in the order of its dependencies."""
        return [t for t in self._waits[issue_id].until_finished if t in self._open]

    def open_gates(self, issue_id: str) -> list[str]:
        """The parents whose children the issue waits for, where some of these are unfinished."""
        gates = self._waits[issue_id].for_children_of
        return [t for t in gates if t in self._busy_parents] if gates else []

    def open_children(self, issue_id: str) -> list[str]:
        """The unfinished children of the issue."""
        return [child for child in self.children.get(issue_id, ()) if child in self._open]

    def waited_for(self, issue_id: str) -> list[str]:
        """Every issue, finished or not, that the issue waits or waited for, in the order of its dependencies.

        Those that an issue above it waits for come after its own.
        """
        named: dict[str, None] = {}
        above: str | None = issue_id
        while above is not None:
            waits = self._waits.get(above)
            if waits is not None:
                named.update(dict.fromkeys(waits.until_finished))
                children = (
                    child for target in waits.for_children_of for child in self.children.get(target, ())
                )
                named.update(dict.fromkeys(children))
            above = self.parents.get(above)
        return [each for each in named if each != issue_id]

    @cached_property
    def graph(self) -> WaitGraph:
        """The wait-for graph, cached."""
        return wait_graph(self)

    @cached_property
    def _busy_parents(self) -> frozenset[str]:
        return frozenset(parent for parent in self.children if self.open_children(parent))

    @cached_property
    def preorder(self) -> list[str]:
        """All ids of the hierarchy in preorder, each parent before its children; unknown parents included."""
        waiting = [i for i in (*self.by_id, *self.children) if i not in self.parents]
        waiting = list(dict.fromkeys(waiting))
        order = []
        while waiting:
            issue_id = waiting.pop()
            order.append(issue_id)
            waiting.extend(self.children.get(issue_id, ()))
        return order

    @cached_property
    def _spans(self) -> dict[str, tuple[int, int]]:
        """First and last index of each subtree in `preorder`."""
        spans: dict[str, tuple[int, int]] = {}
        for position in range(len(self.preorder) - 1, -1, -1):
            issue_id = self.preorder[position]
            below = self.children.get(issue_id, ())
            spans[issue_id] = position, max((spans[child][1] for child in below), default=position)
        return spans

    def is_below(self, issue_id: str, ancestor: str) -> bool:
        """Whether `issue_id` is in the subtree of `ancestor`, or is it."""
        if issue_id not in self._spans:
            return False
        first, last = self._spans[ancestor]
        return first <= self._spans[issue_id][0] <= last


class _Waits(NamedTuple):
    """The outgoing edges of one issue by kind, without duplicates."""

    until_finished: list[str]
    for_children_of: list[str]
    parents: list[str]


def _waits(issue: Issue) -> _Waits:
    until, children, parents = dict[str, None](), dict[str, None](), dict[str, None]()
    for dependency in issue.dependencies:
        if dependency.issue_id != issue.id:
            continue
        if dependency.type in _UNTIL_FINISHED:
            until[dependency.depends_on_id] = None
        elif dependency.type == "waits-for":
            children[dependency.depends_on_id] = None
        elif dependency.type == "parent-child":
            parents[dependency.depends_on_id] = None
    return _Waits(list(until), list(children), list(parents))


def _parent(issue: Issue, waits: _Waits) -> str | None:
    return waits.parents[0] if waits.parents else issue.dk_parent


def _cycle_members(parents: dict[str, str]) -> set[str]:
    """The ids on cycles: those that are their own ancestors."""
    cycle: set[str] = set()
    reached_from: dict[str, str] = {}
    for start in parents:
        path = []
        at = start
        while at in parents and at not in reached_from:
            reached_from[at] = start
            path.append(at)
            at = parents[at]
        if reached_from.get(at) == start:
            cycle.update(path[path.index(at) :])
    return cycle
