"""Empirical-Bayes estimates of all arms of a bench, and the set of possible winners of each case.

A bench that ran every arm once borrows the noise between runs from the newest earlier bench of its epoch with
replicates, where there is one.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np
import sqlalchemy as sa

from bench.errors import BenchError
from bench.experiment.labels import SoftLabel
from bench.results.evidence import case_row
from bench.results.pooling import pooled_epochs_or_refuse
from bench.statistics.run_noise import ASSUMED, RunNoise, noise_of
from bench.statistics.table import BenchTable, CaseRow, Floats, build_table
from bench.statistics.winners import CaseJudgement, judge_cases
from db.objectives import Objective
from db.repositories.bench_rows import BenchRow
from db.repositories.benches import Benches
from db.repositories.experience import Experience
from db.repositories.verdicts import Verdicts
from planner.actions import all_cells

FEWEST_ISSUES: Final = 10
"""Fewest issues with replicates from which the noise is borrowed."""
_AT_ONCE: Final = 500
_MOST_TRIED: Final = 20
"""Earlier benches whose epoch is compared, the newest first."""


class Judgements:
    """The judgements of benches, computed once each; a report or an export has one of these."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine
        self._known: dict[str, dict[int, CaseJudgement]] = {}

    def of(self, bench_id: str) -> dict[int, CaseJudgement]:
        """The judgements of a bench by case id, from all its decided cases; a case without an observed arm has none."""
        if bench_id not in self._known:
            bench = Benches(self._engine).get(bench_id)
            rows = _case_rows(self._engine, bench_id)
            replicated = (build_table(rows).replicates > 1).any()
            noise = None if replicated else borrowed_noise(self._engine, bench)
            self._known[bench_id] = judge_rows(rows, bench.objective, bench.seed, noise)
        return self._known[bench_id]


def judge_rows(
    rows: Sequence[CaseRow], objective: Objective, seed: int, noise: RunNoise | None
) -> dict[int, CaseJudgement]:
    """The judgements of the cases of one bench, by case id; cases without an observed arm have none.

    `noise` between runs is from elsewhere; it is used only where no arm was run twice.
    """
    table = build_table(rows)
    judgements = judge_cases(table, seed=seed, objective=_cost(table, objective), noise=noise)
    return {int(judgement.case): judgement for judgement in judgements}


def borrowed_noise(engine: sa.Engine, bench: BenchRow) -> RunNoise:
    """The noise between runs in the newest earlier bench of the same rules and toolchain versions, else `ASSUMED`.

    Earlier benches that are finished and have replicates on `FEWEST_ISSUES` issues count: they do not change again.
    """
    earlier = Experience(engine).replicated_before(bench.bench_no, FEWEST_ISSUES, _MOST_TRIED)
    for other in earlier:
        try:
            pooled_epochs_or_refuse(engine, [bench.bench_id, other], pool_epochs=False)
        except BenchError:
            continue
        return noise_of(build_table(_case_rows(engine, other)), other)
    return ASSUMED


def soft_label(judgement: CaseJudgement) -> SoftLabel:
    """The soft label of a case: (action, probability of being the best), in canonical order."""
    actions = all_cells()
    return tuple((actions[cell], weight) for cell, weight in judgement.soft)


def _case_rows(engine: sa.Engine, bench_id: str) -> list[CaseRow]:
    """All decided cases of a bench; they are loaded in chunks to bound memory."""
    verdicts = Verdicts(engine)
    case_ids = verdicts.finished_cases(bench_id)
    chunks = [case_ids[start : start + _AT_ONCE] for start in range(0, len(case_ids), _AT_ONCE)]
    return [case_row(case) for chunk in chunks for case in verdicts.load(chunk)]


def _cost(table: BenchTable, objective: Objective) -> Floats:
    """The tie-break between arms with equal pass rates, one value a run; lower is better, 0 for quality."""
    if objective not in ("minimize_duration", "minimize_cost"):
        return np.zeros(len(table.run_arm))
    spent = table.minutes if objective == "minimize_duration" else table.usd
    return np.where(table.observed, spent, np.nan)
