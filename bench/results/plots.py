"""The four plots of a bench; where a number is refused, its plot says why."""

from pathlib import Path

import sqlalchemy as sa

from bench.errors import BenchError, FailureError
from bench.results.evidence import Evidence, once_decided, read_evidence
from bench.results.looks import look_lines
from bench.results.plot_curves import draw_calibration, draw_frontier, draw_regret
from bench.results.plot_matrix import draw_win_matrix
from bench.results.plot_style import Form, save, settings
from bench.results.read import read_results


def write_plots(engine: sa.Engine, bench_id: str, directory: Path, form: Form) -> list[Path]:
    """Write the four files of a bench, each whole or not at all; their paths."""
    results = read_results(engine, bench_id)
    notes = look_lines(results.cases)[:1]
    evidence = _evidence(engine, bench_id)
    with settings():
        figures = {
            "win-matrix": draw_win_matrix(results, notes),
            "regret": draw_regret(evidence, notes),
            "frontier": draw_frontier(evidence, notes),
            "calibration": draw_calibration(evidence, notes),
        }
        paths = {name: directory / f"{bench_id}.{name}.{form}" for name in figures}
        try:
            directory.mkdir(parents=True, exist_ok=True)
            for name, figure in figures.items():
                save(figure, paths[name], form)
        except OSError as error:
            raise FailureError(f"cannot write to {directory}: {error.strerror or error}") from error
    return list(paths.values())


def _evidence(engine: sa.Engine, bench_id: str) -> Evidence | str:
    try:
        return once_decided(read_evidence(engine, bench_id))
    except BenchError as why:
        return str(why)
