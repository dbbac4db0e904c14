"""A race as it stands at submit."""

from collections.abc import Sequence
from dataclasses import replace

from bench.experiment.racers import draw_racers
from bench.experiment.space import SamplingInput
from db.repositories.bench_rows import RaceDocument
from planner.actions import canonical_rank


def with_racers(cases: Sequence[SamplingInput]) -> list[SamplingInput]:
    """The cases with the arms that they all share; as they are where there is no race."""
    if not cases or cases[0].rule.strategy != "racing":
        return list(cases)
    racers = draw_racers([case.space for case in cases], cases[0].rule)
    return [replace(case, rule=replace(case.rule, racers=racers)) for case in cases]


def new_race(cases: Sequence[SamplingInput]) -> RaceDocument | None:
    """The race as it is stored with the bench; None where there is no race.

    With `control` each case's own baseline runs beside the cells and is never dropped.
    """
    if not cases or cases[0].rule.strategy != "racing":
        return None
    rule = cases[0].rule
    return {
        "cells": [canonical_rank(action) for action in rule.racers],
        "control": rule.include_baseline,
        "looked": 0,
        "dropped": {},
    }
