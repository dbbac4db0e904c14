"""Race reports: the arms left, with pass rates from confirming runs that were not part of the race."""

from typing import Any, NamedTuple

from rich.console import RenderableType
from rich.text import Text

from bench.results.looks import first_decided
from bench.results.read import BenchResults
from bench.statistics.looks import Look, look
from bench.terminal import styled, table
from db.repositories.bench_rows import DroppedArm
from planner.actions import all_cells

_UNCONFIRMED = (
    "no confirmed number: each arm ran once an issue, and that run was the race; submit with --replicates 2"
)


class Racer(NamedTuple):
    """One arm of a race. `cell` is None for the baseline, whose action differs from issue to issue."""

    cell: int | None
    dropped: DroppedArm | None
    """None while it is in the race."""
    confirmed: Look | None
    """Its pass rate over confirming runs, with a confidence sequence; None where it was dropped, or has none."""


def racers_of(results: BenchResults) -> list[Racer]:
    """The arms of a race, the baseline first; empty where the bench is no race."""
    race = results.bench.race
    if race is None:
        return []
    dropped = {int(cell): facts for cell, facts in race["dropped"].items()}
    cells = [None, *race["cells"]] if race["control"] else race["cells"]
    racers = []
    for cell in cells:
        facts = None if cell is None else dropped.get(cell)
        racers.append(Racer(cell, facts, look(_means(results, cell)) if facts is None else None))
    return racers


def race_parts(results: BenchResults) -> list[RenderableType]:
    """A table with a row for each arm; empty where the bench is no race."""
    racers = racers_of(results)
    if not racers:
        return []
    racer_table = table(
        "Race: pass rates of runs that took no part in it",
        ("arm", "", "issues>", "pass rate (always-valid 95 %)>"),
        [(_name(racer), _status(racer), *_confirmed(racer)) for racer in racers],
    )
    return [racer_table] if any(racer.confirmed for racer in racers) else [racer_table, _UNCONFIRMED]


def race_document(results: BenchResults) -> list[dict[str, Any]] | None:
    """The arms of a race as JSON values; None where the bench is no race."""
    actions = all_cells()
    return [
        {
            "action": None if racer.cell is None else list(actions[racer.cell]),
            "dropped": racer.dropped,
            "confirmed": None if racer.confirmed is None else racer.confirmed._asdict(),
        }
        for racer in racers_of(results)
    ] or None


def _means(results: BenchResults, cell: int | None) -> tuple[float | None, ...]:
    """The share of confirming runs that passed, for each decided case before the first undecided case."""
    rows = {case.case_id: case.rows for case in results.decided}
    cases = [rows[case.case_id] for case in first_decided(results.cases) if case.case_id in rows]
    means = []
    for case in cases:
        passes = [
            run.status == "success"
            for arm in case.arms
            if (arm.stratum == "baseline" if cell is None else arm.canonical_rank == cell)
            for run in arm.executions
            if run.replicate > 0 and run.status not in (None, "error")
        ]
        means.append(sum(passes) / len(passes) if passes else None)
    return tuple(means)


def _name(racer: Racer) -> str:
    return "each issue's baseline" if racer.cell is None else all_cells()[racer.cell].label()


def _status(racer: Racer) -> str | Text:
    if racer.dropped is not None:
        facts = racer.dropped
        return styled(("dropped", "red"), f", e = {facts['e']:.0f} after {facts['issues']} issues")
    return "control" if racer.cell is None else "in the race"


def _confirmed(racer: Racer) -> tuple[str, str]:
    if racer.confirmed is None:
        return "–", "–"
    mean, low, high = (f"{100 * value:.0f}" for value in racer.confirmed[:3])
    return str(racer.confirmed.issues), f"{mean} % ({low} … {high})"
