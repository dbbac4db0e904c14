"""The initial state of a race, and the forecast of when it drops arms."""

from collections.abc import Sequence
from typing import Any, Final

from bench.experiment.space import SamplingInput
from bench.experiment.strategies.registry import get_strategy
from bench.statistics.racing import RULE
from bench.statistics.racing_forecast import issues_until_dropped
from db.repositories.bench_rows import RaceDocument
from db.repositories.new_bench import NewBench
from planner.actions import canonical_rank

GAPS: Final = (50, 30, 20)
"""In percentage points."""


def new_race(cases: Sequence[SamplingInput]) -> RaceDocument | None:
    """The race as it is stored with the bench; None where there is no race.

    With `control` each case's own baseline runs in addition to the cells and is never dropped.
    """
    if not cases or not get_strategy(cases[0].rule.strategy).races:
        return None
    rule = cases[0].rule
    return {
        "cells": [canonical_rank(action) for action in rule.racers],
        "control": rule.include_baseline,
        "looked": 0,
        "dropped": {},
        "rule": RULE,
    }


def race_forecast(plan: NewBench) -> dict[str, Any] | None:
    """For programs: the issues after which an arm that is so many points behind is dropped; None without a race."""
    if plan.race is None:
        return None
    arms = len(plan.race["cells"]) + plan.race["control"]
    after = {str(gap): issues_until_dropped(gap / 100, arms) for gap in GAPS}
    return {"arms": arms, "issues": len(plan.cases), "dropped_after": after}


def forecast_lines(plan: NewBench) -> list[str]:
    """For people: the same forecast, a line a gap, and what to do about late ones; empty where the bench is no race."""
    forecast = race_forecast(plan)
    if forecast is None:
        return []
    issues = forecast["issues"]
    after = forecast["dropped_after"]
    lines = [
        f"race of {forecast['arms']} arms: an arm is dropped when it is this far behind the best, after about"
    ]
    lines += [
        f"  {gap} points: {needed} issues" + ("" if needed <= issues else f", more than these {issues}")
        for gap, needed in after.items()
    ]
    late = [(gap, needed) for gap, needed in after.items() if needed > issues]
    if late:
        gap, needed = late[-1]
        lines.append(
            f"the race of these {issues} issues keeps arms that are less far behind: bench {needed} issues to drop "
            f"them at {gap} points, or compare those left by bench value"
        )
    return lines
