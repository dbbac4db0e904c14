"""Blocked issues, rings and critical paths, against definitions written out for small backlogs."""

import itertools
import random
from collections.abc import Callable, Iterable

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from bench.intake.components import strong_components
from bench.intake.graph import critical_path, critical_path_hours, find_blockers, find_cycles
from bench.intake.issue import SIZES, Dependency, Issue
from bench.intake.wait_graph import HOURS
from tests.fixtures.lines_run import lines_run

BLOCKS = "blocks"
TYPES = [BLOCKS, "parent-child", "conditional-blocks", "waits-for", "related"]


def issue(issue_id: str, *waits: str | tuple[str, str], status: str = "open", size: str = "M") -> Issue:
    """An issue and what it depends on: an id, or a type and an id."""
    pairs = [(BLOCKS, wait) if isinstance(wait, str) else wait for wait in waits]
    dependencies = [Dependency(issue_id=issue_id, depends_on_id=other, type=kind) for kind, other in pairs]
    return Issue.model_validate(
        {"id": issue_id, "status": status, "dk_size": size, "dependencies": dependencies}
    )


class Naive:
    """The same promises by their words: fixed points and all paths, for a handful of issues."""

    def __init__(self, issues: Iterable[Issue]) -> None:
        self.by_id = {i.id: i for i in issues}
        self.open = sorted(i.id for i in self.by_id.values() if i.status not in {"closed", "pinned"})

    def parent(self, issue_id: str) -> str | None:
        """The first parent, unless the issue is its own ancestor."""

        def named(of: str) -> str | None:
            known = self.by_id.get(of)
            kin = [d.depends_on_id for d in known.dependencies if d.type == "parent-child"] if known else []
            return kin[0] if kin else None

        at = named(issue_id)
        for _ in self.by_id:
            if at == issue_id:
                return None
            at = named(at) if at else None
        return named(issue_id)

    def is_below(self, issue_id: str, ancestor: str) -> bool:
        at: str | None = issue_id
        while at is not None and at != ancestor:
            at = self.parent(at)
        return at == ancestor

    def own(self, issue_id: str) -> dict[str, set[str]]:
        """What the issue names and is held by, and whose work must be done for each."""
        held: dict[str, set[str]] = {}
        for dependency in self.by_id[issue_id].dependencies:
            target = dependency.depends_on_id
            if dependency.type in {"blocks", "conditional-blocks"} and target in self.open:
                held.setdefault(target, set()).add(target)
            if dependency.type == "waits-for":
                children = {c for c in self.open if self.parent(c) == target}
                if children:
                    held.setdefault(target, set()).update(children)
        return held

    def inherited(self, issue_id: str) -> set[str]:
        """Whose work must be done before the children of an issue may start."""
        if issue_id not in self.open:
            return set()
        own = {
            work
            for target, works in self.own(issue_id).items()
            if not self.is_below(target, issue_id)
            for work in works
        }
        parent = self.parent(issue_id)
        return own | (self.inherited(parent) if parent else set())

    def waits(self, issue_id: str) -> set[str]:
        """Whose work must be done before the issue may start."""
        parent = self.parent(issue_id)
        own = set().union(*self.own(issue_id).values())
        return own | (self.inherited(parent) if parent else set())

    def blockers(self) -> dict[str, set[str]]:
        blockers = {}
        for issue_id in self.open:
            parent = self.parent(issue_id)
            named = set(self.own(issue_id))
            if parent and self.inherited(parent):
                named.add(parent)
            blockers[issue_id] = named
        return {issue_id: named for issue_id, named in blockers.items() if named}

    def reaches(self) -> set[tuple[str, str]]:
        pairs = {(a, b) for a in self.open for b in self.waits(a)}
        while True:
            more = {(a, d) for (a, b), (c, d) in itertools.product(pairs, pairs) if b == c} - pairs
            if not more:
                return pairs
            pairs |= more

    def hours(self) -> dict[str, int]:
        reaches = self.reaches()
        knots = {a: {a, *(b for b in self.open if {(a, b), (b, a)} <= reaches)} for a in self.open}

        def of(issue_id: str) -> int:
            knot = knots[issue_id]
            behind = [of(b) for a in self.open if self.waits(a) & knot and a not in knot for b in knots[a]]
            return HOURS[self.by_id[issue_id].dk_size] + max(behind, default=0)

        return {issue_id: of(issue_id) for issue_id in self.open}


@st.composite
def backlogs(draw: st.DrawFn) -> list[Issue]:
    ids = "abcdefg"[: draw(st.integers(1, 7))]
    kinds = st.sampled_from([*TYPES, BLOCKS, "parent-child"])
    return [
        issue(
            issue_id,
            *draw(st.lists(st.tuples(kinds, st.sampled_from(ids + "x")), max_size=3)),
            status=draw(st.sampled_from(["open", "open", "open", "in_progress", "pinned", "closed"])),
            size=draw(st.sampled_from(SIZES)),
        )
        for issue_id in ids
    ]


@settings(max_examples=150)
@given(backlogs())
@example([issue("a", ("waits-for", "b")), issue("b"), issue("c", ("parent-child", "b"))])
def test_blocked_issues_and_hours_are_those_of_the_definition(backlog: list[Issue]) -> None:
    naive = Naive(backlog)
    assert {i: set(named) for i, named in find_blockers(backlog).items()} == naive.blockers()
    assert critical_path_hours(backlog) == naive.hours()


@settings(max_examples=150)
@given(backlogs(), st.randoms())
def test_every_ring_is_real_and_every_knot_has_one(backlog: list[Issue], rng: random.Random) -> None:
    naive = Naive(backlog)
    cycles = find_cycles(backlog)
    for cycle in cycles:
        assert cycle[0] == min(cycle)
        assert len(set(cycle)) == len(cycle)
        assert all(b in naive.waits(a) for a, b in itertools.pairwise([*cycle, cycle[0]]))
    reaches = naive.reaches()
    knots = {
        min(b for b in naive.open if (a, b) in reaches and (b, a) in reaches)
        for a in naive.open
        if (a, a) in reaches
    }
    assert [cycle[0] for cycle in cycles] == sorted(knots)
    rng.shuffle(backlog)
    assert find_cycles(backlog) == cycles


@settings(max_examples=150)
@given(backlogs(), st.randoms())
def test_the_critical_path_is_a_real_chain_of_the_most_hours(
    backlog: list[Issue], rng: random.Random
) -> None:
    naive = Naive(backlog)
    path, hours = critical_path(backlog), critical_path_hours(backlog)
    assert set(itertools.pairwise(path)) <= {(a, b) for b, a in naive.reaches()}
    assert sum(HOURS[naive.by_id[i].dk_size] for i in path) == max(hours.values(), default=0)
    rng.shuffle(backlog)
    assert critical_path(backlog) == path


@settings(max_examples=100)
@given(st.integers(0, 12).flatmap(lambda n: st.lists(st.lists(st.integers(0, max(n - 1, 0))), max_size=n)))
def test_components_are_mutual_and_come_after_what_they_lead_to(drawn: list[list[int]]) -> None:
    successors = [[w for w in edges if w < len(drawn)] for edges in drawn]
    components = strong_components(successors)
    assert sorted(itertools.chain(*components)) == list(range(len(successors)))
    reach = {(a, a) for a in range(len(successors))}
    for _ in successors:
        reach |= {(a, w) for a, b in reach for w in successors[b]}
    component_of = {node: number for number, component in enumerate(components) for node in component}
    for a, b in itertools.product(component_of, repeat=2):
        assert (component_of[a] == component_of[b]) == ((a, b) in reach and (b, a) in reach)
        assert (a, b) not in reach or component_of[b] <= component_of[a]


def test_a_child_waits_for_what_its_parent_waits_for_and_not_for_the_parent() -> None:
    child, parent = issue("child", ("parent-child", "epic")), issue("epic", "before")
    assert find_blockers([child, parent, issue("before")]) == {"epic": ("before",), "child": ("epic",)}
    assert find_blockers([child, parent, issue("before", status="closed")]) == {}
    kernel_child = Issue(id="child", dk_parent="epic")
    assert find_blockers([kernel_child, parent, issue("before")])["child"] == ("epic",)


def test_an_epic_that_waits_for_its_own_children_holds_none_of_them() -> None:
    backlog = [
        issue("epic", "grandchild"),
        issue("child", ("parent-child", "epic")),
        issue("grandchild", ("parent-child", "child")),
    ]
    assert find_blockers(backlog) == {"epic": ("grandchild",)}
    assert find_cycles(backlog) == []


def test_waits_for_means_the_children_whatever_became_of_their_parent() -> None:
    waiting = issue("join", ("waits-for", "fan"))
    child = issue("part", ("parent-child", "fan"))
    assert find_blockers([waiting, issue("fan"), child]) == {"join": ("fan",)}
    assert find_blockers([waiting, issue("fan", status="closed"), child]) == {"join": ("fan",)}
    assert find_blockers([waiting, issue("fan")]) == {}


def test_what_is_unknown_finished_or_only_related_blocks_nothing() -> None:
    backlog = [issue("a", "gone", "shut", "kept", ("related", "b")), issue("b")]
    assert find_blockers([*backlog, issue("shut", status="done"), issue("kept", status="pinned")]) == {}


def test_an_entry_of_another_issue_says_nothing_about_this_one() -> None:
    stray = Dependency(issue_id="c", depends_on_id="b")
    assert find_blockers([Issue(id="a", dependencies=(stray,)), issue("b")]) == {}


def test_of_equal_ids_the_last_counts() -> None:
    backlog = [issue("a", "b"), issue("b"), issue("a")]
    assert find_blockers(backlog) == {}
    assert critical_path_hours(backlog) == {"a": 4, "b": 4}


def test_an_empty_backlog_has_no_path() -> None:
    assert critical_path([issue("a", status="closed")]) == []
    assert critical_path_hours([]) == {}


def test_an_issue_that_depends_on_itself_is_a_ring_of_one() -> None:
    assert find_cycles([issue("a", "a")]) == [["a"]]
    assert critical_path_hours([issue("a", "a"), issue("b", "a")]) == {"a": 8, "b": 4}


def test_a_ring_through_a_blocked_parent_is_named() -> None:
    backlog = [issue("epic", "last"), issue("part", ("parent-child", "epic")), issue("last", "part")]
    assert find_cycles(backlog) == [["last", "part"]]


def _chain(n: int) -> list[Issue]:
    return [issue(f"{i:06}", *([f"{i - 1:06}"] if i else []), size="XS") for i in range(n)]


def _ring(n: int) -> list[Issue]:
    return [issue(f"{i:06}", f"{(i + 1) % n:06}", size="XS") for i in range(n)]


def _ancestors(n: int) -> list[Issue]:
    return [issue(f"{i:06}", ("parent-child", f"{i - 1:06}"), "first", size="XS") for i in range(n)]


def _joins(n: int) -> list[Issue]:
    waiting = [issue(f"w{i:06}", ("waits-for", "fan"), size="XS") for i in range(n // 2)]
    return [*waiting, *(issue(f"c{i:06}", ("parent-child", "fan"), size="XS") for i in range(n // 2))]


@pytest.mark.parametrize("shape", [_chain, _ring, _ancestors, _joins])
def test_work_grows_with_the_backlog_and_no_chain_is_too_long(shape: Callable[[int], list[Issue]]) -> None:
    def lines(size: int) -> int:
        backlog = shape(size)
        tasks = (find_blockers, find_cycles, critical_path_hours, critical_path)
        return lines_run(lambda: [task(backlog) for task in tasks])

    assert lines(4_000) < 9 * lines(500)
