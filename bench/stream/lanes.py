"""Lanes as people look at them: target against actual, and which issues to add."""

from collections.abc import Mapping
from typing import Any

from bench.intake.issue import RISKS, SIZES
from bench.stream.coverage import Shape, by_lane, otherwise
from planner.dataset.lanes import OTHER, Coverage, Lane, coverage

Json = dict[str, Any]


def lanes_view(shapes: Mapping[Shape, int], ready: Mapping[Shape, int]) -> Json:
    """Runs by lane, what the ready backlog would add, and what to add, as JSON-able data.

    `otherwise` counts what has a lane's risk and size but was worked on with other candidates.
    """
    counts, coming = by_lane(shapes), by_lane(ready)
    apart, apart_ready = otherwise(shapes), otherwise(ready)
    standings = coverage(counts)
    return {
        "runs": counts.total(),
        "lanes": [
            {
                "lane": one.lane.name,
                "shape": one.lane.shape,
                "runs": one.examples,
                "share": one.share,
                "target": [one.lane.low, one.lane.high],
                "verdict": one.verdict if counts else "none",
                "add": one.missing,
                "otherwise": dict(sorted(apart[one.lane.name].items())),
                "ready": coming[one.lane.name],
                "ready_otherwise": dict(sorted(apart_ready[one.lane.name].items())),
            }
            for one in standings
        ],
        OTHER: {"runs": counts[None], "share": _share(counts[None], counts.total()), "ready": coming[None]},
        "advice": advice(standings, shapes, ready),
    }


def _share(part: int, total: int) -> float | None:
    return part / total if total else None


def advice(standings: list[Coverage], shapes: Mapping[Shape, int], ready: Mapping[Shape, int]) -> list[str]:
    """What to add so that all lanes meet their targets, a line a lane; nothing where they do."""
    if not shapes:
        return ["nothing ran yet; start with: bench run"]
    coming, apart, apart_ready = by_lane(ready), otherwise(shapes), otherwise(ready)
    lines = []
    for one in standings:
        lane = one.lane
        if one.missing:
            need = f"add {_issues(one.missing)} of {_kind(lane)}"
            why = f"too few {_way(lane)}" if one.verdict == "few" else f"lane {lane.name} must grow with them"
            lines.append(f"{why}: {need}; {coming[lane.name]} such are ready")
            elsewise = apart[lane.name] + apart_ready[lane.name]
            if elsewise:
                lines.append(_rerouted(lane, sorted(elsewise), elsewise.total()))
        elif one.verdict == "many":
            lines.append(f"too many {_way(lane)}: add no more of {_kind(lane)} for now")
    return lines


def _issues(n: int) -> str:
    return "1 issue" if n == 1 else f"{n} issues"


def _way(lane: Lane) -> str:
    return f"×{lane.candidates} (lane {lane.name})"


def _kind(lane: Lane) -> str:
    """`critical, L–XL`"""
    risks = " or ".join(risk for risk in RISKS if risk in lane.risks)
    sizes = [size for size in SIZES if size in lane.sizes]
    return f"{risks} risk, {sizes[0]}–{sizes[-1]}"


def _rerouted(lane: Lane, ways: list[str], n: int) -> str:
    speculate = (
        f"speculate: true, parallelism: {lane.candidates}" if lane.candidates > 1 else "speculate: false"
    )
    kind = f"dk_risk: [{', '.join(r for r in RISKS if r in lane.risks)}]"
    sizes = f"dk_size: [{', '.join(s for s in SIZES if s in lane.sizes)}]"
    # Fewer candidates than planned are what is left where too few workcells are free.
    reduced = any(way < f"×{lane.candidates}" for way in ways)
    room = "; --max-concurrent-workcells may be too low for that" if reduced else ""
    return (
        f"  {n} of that risk and size ran or would run {' or '.join(ways)} instead; a routing rule makes them "
        f"×{lane.candidates}: {{match: {{{kind}, {sizes}}}, {speculate}}}{room}"
    )
