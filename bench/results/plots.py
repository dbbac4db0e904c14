"""The four plots of a bench; a plot whose estimate is refused shows the reason."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

import sqlalchemy as sa
from matplotlib.figure import Figure

from bench.errors import FailureError
from bench.results.evidence import Evidence, Result, bracket_of, once_decided, or_reason, read_evidence
from bench.results.looks import look_lines
from bench.results.plot_curves import draw_calibration, draw_frontier, draw_regret
from bench.results.plot_matrix import draw_win_matrix
from bench.results.plot_style import Form, save, settings
from bench.results.read import read_results
from bench.statistics.best_calibration import best_calibration
from bench.statistics.frontier import frontier
from planner.system.progress import ProgressReporter, no_progress


def write_plots(
    engine: sa.Engine, bench_id: str, directory: Path, form: Form, progress: ProgressReporter = no_progress
) -> list[Path]:
    """Atomic write of each of the four plots of a bench.

    Returns their paths. Raises `DbError` where the bench does not exist and `FailureError` where writing fails.
    """
    results = read_results(engine, bench_id)
    notes = look_lines(results.cases)[:1]
    evidence = or_reason(lambda: once_decided(read_evidence(engine, bench_id)))

    def estimate_or_reason(compute: Callable[[Evidence], Result]) -> Result | str:
        return evidence if isinstance(evidence, str) else or_reason(partial(compute, evidence))

    with settings():
        drawings: dict[str, Callable[[], Figure]] = {
            "win-matrix": lambda: draw_win_matrix(results, notes),
            "regret": lambda: draw_regret(estimate_or_reason(bracket_of), notes),
            "frontier": lambda: draw_frontier(
                estimate_or_reason(lambda seen: frontier(seen.table, seen.policies, seed=seen.seed)), notes
            ),
            "calibration": lambda: draw_calibration(
                estimate_or_reason(lambda seen: best_calibration(seen.table, seed=seen.seed)), notes
            ),
        }
        figures = {name: draw() for name, draw in progress(drawings.items(), "drawing plots")}
        paths = {name: directory / f"{bench_id}.{name}.{form}" for name in figures}
        try:
            directory.mkdir(parents=True, exist_ok=True)
            for name, figure in figures.items():
                save(figure, paths[name], form)
        except OSError as error:
            raise FailureError(f"cannot write to {directory}: {error.strerror or error}") from error
    return list(paths.values())
