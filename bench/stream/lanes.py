"""Coverage of the lanes against their targets, and advice on which issues to add."""

from collections.abc import Mapping
from typing import Any

from bench.intake.issue import RISKS, SIZES
from bench.stream.coverage import Shape, by_lane, otherwise
from planner.dataset.lanes import OTHER, Coverage, Lane, coverage

Json = dict[str, Any]


def lanes_view(shapes: Mapping[Shape, int], ready: Mapping[Shape, int]) -> Json:
    """Runs by lane, what the ready backlog would add, and advice, as JSON-able data.

    `otherwise` counts the runs with a lane's risk and size that used another number of candidates.
    """
    counts, coming = by_lane(shapes), by_lane(ready)
    off_target, off_target_ready = otherwise(shapes), otherwise(ready)
    covered = coverage(counts)
    return {
        "runs": counts.total(),
        "lanes": [
            {
                "lane": item.lane.name,
                "shape": item.lane.shape,
                "runs": item.examples,
                "share": item.share,
                "target": [item.lane.low, item.lane.high],
                "verdict": item.verdict if counts else "none",
                "add": item.missing,
                "otherwise": dict(sorted(off_target[item.lane.name].items())),
                "ready": coming[item.lane.name],
                "ready_otherwise": dict(sorted(off_target_ready[item.lane.name].items())),
            }
            for item in covered
        ],
        OTHER: {"runs": counts[None], "share": _share(counts[None], counts.total()), "ready": coming[None]},
        "advice": advice(covered, shapes, ready),
    }


def _share(part: int, total: int) -> float | None:
    return part / total if total else None


def advice(covered: list[Coverage], shapes: Mapping[Shape, int], ready: Mapping[Shape, int]) -> list[str]:
    """What to add so that all lanes meet their targets, in lines; an empty list where they do."""
    if not shapes:
        return ["nothing ran yet; start with: bench run"]
    coming, off_target, off_target_ready = by_lane(ready), otherwise(shapes), otherwise(ready)
    lines = []
    for item in covered:
        lane = item.lane
        if item.missing:
            need = f"add {_issues(item.missing)} of {_kind(lane)}"
            why = (
                f"too few {_way(lane)}" if item.verdict == "few" else f"lane {lane.name} must grow with them"
            )
            lines.append(f"{why}: {need}; {coming[lane.name]} such are ready")
            reroutable = off_target[lane.name] + off_target_ready[lane.name]
            if reroutable:
                lines.append(_rerouted(lane, sorted(reroutable), reroutable.total()))
        elif item.verdict == "many":
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
    # Dispatch reduces the candidates where too few workcells are free.
    reduced = any(way < f"×{lane.candidates}" for way in ways)
    room = "; --max-concurrent-workcells may be too low for that" if reduced else ""
    return (
        f"  {n} of that risk and size ran or would run {' or '.join(ways)} instead; a routing rule makes them "
        f"×{lane.candidates}: {{match: {{{kind}, {sizes}}}, {speculate}}}{room}"
    )
