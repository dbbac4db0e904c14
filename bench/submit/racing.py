"""The initial state of a race."""

from collections.abc import Sequence

from bench.experiment.space import SamplingInput
from bench.experiment.strategies.registry import get_strategy
from db.repositories.bench_rows import RaceDocument
from planner.actions import canonical_rank


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
    }
