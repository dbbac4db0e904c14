"""What may be said of a bench that goes on."""

from collections.abc import Sequence
from itertools import takewhile

from bench.statistics.looks import Look, look
from db.repositories.bench_rows import BenchRow, CaseProgress
from db.states import UNDECIDED_CASES


def first_decided(cases: Sequence[CaseProgress]) -> list[CaseProgress]:
    """Of cases in the order of admission, those before the first that is undecided."""
    return list(takewhile(lambda case: case.state not in UNDECIDED_CASES, cases))


def look_lines(cases: Sequence[CaseProgress]) -> list[str]:
    """What the reader of a running report must know, and how the baseline does; nothing once all is decided.

    `cases` as `Benches.cases` gives them.
    """
    seen = first_decided(cases)
    if len(seen) == len(cases):
        return []
    waiting = sum(case.state in UNDECIDED_CASES for case in cases)
    warning = (
        f"a look: {waiting} of {len(cases)} cases have no verdict; the quick ones come first, so figures without an "
        "always-valid interval may move"
    )
    return [warning, *so_far(cases)]


def so_far(cases: Sequence[CaseProgress]) -> list[str]:
    """The baseline's pass rate with an interval that holds however often one looks, in a line; none at first."""
    found = look(
        tuple(
            case.baseline_passed / case.baseline_scored if case.baseline_scored else None
            for case in first_decided(cases)
            if case.state == "finished"
        )
    )
    return [] if found is None else [f"so far: the baseline passes {look_text(found)}"]


def look_text(found: Look) -> str:
    """`41 % (always-valid 95 %: 20 … 63) over the first 12 issues`."""
    issues = "issue" if found.issues == 1 else f"{found.issues} issues"
    left_out = f", {found.left_out} without a result left out" if found.left_out else ""
    return (
        f"{100 * found.mean:.0f} % (always-valid 95 %: {100 * found.low:.0f} … {100 * found.high:.0f}) over the "
        f"first {issues}{left_out}"
    )


def race_line(bench: BenchRow) -> list[str]:
    """How far the race of a bench is, in a line; none where it is no race."""
    race = bench.race
    return [] if race is None else [f"race: {len(race['dropped'])} of {len(race['cells'])} arms dropped"]
