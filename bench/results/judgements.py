"""Empirical-Bayes estimates of all arms of a bench, and the set of possible winners of each case."""

from collections.abc import Sequence

import numpy as np

from bench.statistics.table import BenchTable, CaseRow, Floats, build_table
from bench.statistics.winners import CaseJudgement, judge_cases
from db.objectives import Objective


def judge_rows(rows: Sequence[CaseRow], objective: Objective, seed: int) -> dict[int, CaseJudgement]:
    """The judgements of the cases of one bench, by case id; cases without an observed arm have none."""
    table = build_table(rows)
    judgements = judge_cases(table, seed=seed, objective=_cost(table, objective))
    return {int(judgement.case): judgement for judgement in judgements}


def _cost(table: BenchTable, objective: Objective) -> Floats:
    """The tie-break between arms with equal pass rates, one value a run; lower is better, 0 for quality."""
    if objective not in ("minimize_duration", "minimize_cost"):
        return np.zeros(len(table.run_arm))
    spent = table.minutes if objective == "minimize_duration" else table.usd
    return np.where(table.observed, spent, np.nan)
