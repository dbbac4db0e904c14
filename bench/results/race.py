"""A race in reports: who is left, and what runs that took no part in it say of them."""

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
    """Its pass rate over runs that took no part in the race; None where it was dropped, or has none."""


def racers_of(results: BenchResults) -> list[Racer]:
    """The arms of the race of a bench, the baseline first; none where it is no race."""
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
    """One row an arm; nothing where the bench is no race."""
    racers = racers_of(results)
    if not racers:
        return []
    found = table(
        "Race: pass rates of runs that took no part in it",
        ("arm", "", "issues>", "pass rate (always-valid 95 %)>"),
        [(_name(one), _standing(one), *_confirmed(one)) for one in racers],
    )
    return [found] if any(one.confirmed for one in racers) else [found, _UNCONFIRMED]


def race_document(results: BenchResults) -> list[dict[str, Any]] | None:
    """The same for programs; null where the bench is no race."""
    actions = all_cells()
    return [
        {
            "action": None if one.cell is None else list(actions[one.cell]),
            "dropped": one.dropped,
            "confirmed": None if one.confirmed is None else one.confirmed._asdict(),
        }
        for one in racers_of(results)
    ] or None


def _means(results: BenchResults, cell: int | None) -> tuple[float | None, ...]:
    """Of each of the first decided cases, in the order of admission, the share of confirming runs that passed."""
    rows = {case.case_id: case.rows for case in results.decided}
    seen = [rows[case.case_id] for case in first_decided(results.cases) if case.case_id in rows]
    found = []
    for one in seen:
        passes = [
            run.status == "success"
            for arm in one.arms
            if (arm.stratum == "baseline" if cell is None else arm.canonical_rank == cell)
            for run in arm.executions
            if run.replicate > 0 and run.status not in (None, "error")
        ]
        found.append(sum(passes) / len(passes) if passes else None)
    return tuple(found)


def _name(one: Racer) -> str:
    return "each issue's baseline" if one.cell is None else all_cells()[one.cell].label()


def _standing(one: Racer) -> str | Text:
    if one.dropped is not None:
        facts = one.dropped
        return styled(("dropped", "red"), f", e = {facts['e']:.0f} after {facts['issues']} issues")
    return "control" if one.cell is None else "in the race"


def _confirmed(one: Racer) -> tuple[str, str]:
    if one.confirmed is None:
        return "–", "–"
    mean, low, high = (f"{100 * value:.0f}" for value in one.confirmed[:3])
    return str(one.confirmed.issues), f"{mean} % ({low} … {high})"
