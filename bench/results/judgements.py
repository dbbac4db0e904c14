"""The cases of a bench judged together: what each arm is worth, and which may be the best."""

from collections.abc import Sequence

import numpy as np

from bench.statistics.table import BenchTable, CaseRow, Floats, build_table
from bench.statistics.winners import CaseJudgement, judge_cases
from db.objectives import Objective


def judge_rows(rows: Sequence[CaseRow], objective: Objective, seed: int) -> dict[int, CaseJudgement]:
    """By case id, for the cases of one bench; cases without an observed arm have none."""
    table = build_table(rows)
    found = judge_cases(table, seed=seed, objective=_cost(table, objective))
    return {int(one.case): one for one in found}


def _cost(table: BenchTable, objective: Objective) -> Floats:
    """What orders arms that pass equally often; lower is better. Quality has no order beyond passing here."""
    if objective == "minimize_duration":
        return table.minutes
    return table.usd if objective == "minimize_cost" else np.zeros(len(table.run_arm))
