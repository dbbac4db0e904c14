"""Computes what the page and the file of a bench show of its report. It imports the statistics, 170 MB of them."""

from typing import Final

import sqlalchemy as sa

from bench.results.answer import recommendation_from
from bench.results.answer_show import answer_parts
from bench.results.evidence import Evidence, evidence_or_why, once_decided, or_reason
from bench.results.evidence_show import oracle_from
from bench.results.read import BenchResults, read_results
from bench.results.show import report_parts
from bench.statistics.estimate import Estimate
from bench.statistics.frontier import Frontier, Point, frontier
from bench.statistics.recommendation import Recommendation
from bench.ui.parts import parts_of
from bench.ui.plot import RatePoint, best_points
from bench.ui.report_view import BenchView
from bench.ui.sections import with_anchors
from planner.actions import all_cells
from planner.space.baseline import POLICY_ID

_FRONTIER: Final = (
    "Numbered: nothing else passes more often for as little, going by the dots alone. The best of many looks better "
    "than it is; the answer above is the one to decide by."
)
_BEST: Final = "The best actions of the answer, today's policy among them. "


def read_view(engine: sa.Engine, bench_id: str) -> BenchView:
    """The view of a bench as it is now. Raises `DbError` where there is no bench of this id."""
    return bench_view(read_results(engine, bench_id), evidence_or_why(engine, bench_id))


def bench_view(results: BenchResults, evidence: Evidence | str) -> BenchView:
    """The same from what was read already."""
    bench_id = results.bench.bench_id
    answer = recommendation_from(results.bench, evidence)
    parts = report_parts(results, oracle_from(evidence), answer)
    pages = {case.issue_id: f"/cases/{case.case_id}" for case in results.cases}
    first = len(answer_parts(answer))
    points, note = _points(evidence, answer)
    numbered = best_points(points)
    return BenchView(
        tuple(with_anchors(parts_of(parts[:first], pages), bench_id)),
        tuple(with_anchors(parts_of(parts[first:], pages), bench_id)),
        (*numbered, *(point for point in points if not point.is_best)),
        note,
    )


def _points(evidence: Evidence | str, answer: Recommendation) -> tuple[list[RatePoint], str]:
    """The frontier that `bench plots` draws; the best actions of the answer where it is refused."""
    front: Frontier | str = "there is no evidence"
    if not isinstance(evidence, str):
        seen = evidence
        front = or_reason(lambda: _frontier_of(once_decided(seen)))
    if not isinstance(front, str):
        points = [
            _point(point.passes, point.dollars, _name(point), point.undominated) for point in front.points
        ]
        return [point for point in points if point is not None], _FRONTIER
    best = [
        _point(each.passes, each.dollars, "today's policy" if each.cell is None else _label(each.cell), True)
        for each in answer.best
    ]
    return [point for point in best if point is not None], f"{_BEST}No frontier of all actions: {front}."


def _frontier_of(evidence: Evidence) -> Frontier:
    return frontier(evidence.table, evidence.policies, seed=evidence.seed)


def _point(passes: Estimate, dollars: Estimate, label: str, is_best: bool) -> RatePoint | None:
    if passes.value is None or dollars.value is None:
        return None
    low, high = passes.low, passes.high
    low, high = passes.value if low is None else low, passes.value if high is None else high
    return RatePoint(label, dollars.value, passes.value, max(0.0, low), min(1.0, high), is_best)


def _name(point: Point) -> str:
    return _label(point.cell) if point.cell is not None else point.policy or POLICY_ID


def _label(cell: int) -> str:
    return all_cells()[cell].label()
