"""Progress of a bench: what its page shows above the matrix, from every execution."""

from datetime import datetime
from typing import Final, NamedTuple

import sqlalchemy as sa

from bench.results.counts import execution_counts
from bench.ui.spend import spend_curve
from db.repositories.benches import Benches
from db.repositories.page_rows import PageRows

_SPEND_ROWS: Final = 12


class BenchProgress(NamedTuple):
    """The progress of a bench in one state."""

    counts: str
    """One line: how many executions ran, run and wait."""
    cases: int
    actions: list[int]
    """The canonical ranks of the actions that occur."""
    spend: list[tuple[datetime, float]]
    """When a stretch of outcomes begins, and the dollars spent up to its end."""


def read_progress(engine: sa.Engine, bench_id: str) -> BenchProgress:
    """The progress of a bench as it is now."""
    cases, rows = Benches(engine).cases(bench_id), PageRows(engine)
    stretches = rows.spend(bench_id, _SPEND_ROWS)
    spend = zip((each.at for each in stretches), spend_curve(stretches)[1], strict=True)
    return BenchProgress(execution_counts(cases).text(), len(cases), rows.actions(bench_id), list(spend))
