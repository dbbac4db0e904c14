"""Sequential looks at a running bench, with always-valid confidence sequences."""

from collections.abc import Sequence
from itertools import takewhile

from bench.statistics.looks import Look, look
from db.repositories.bench_rows import BenchRow, CaseProgress
from db.states import UNDECIDED_CASES


def first_decided(cases: Sequence[CaseProgress]) -> list[CaseProgress]:
    """The prefix of `cases`, in the order of admission, before the first undecided case."""
    return list(takewhile(lambda case: case.state not in UNDECIDED_CASES, cases))


def look_lines(cases: Sequence[CaseProgress]) -> list[str]:
    """A warning for reports of a running bench, and the baseline's pass rate; empty where all cases are decided.

    `cases`: in the order of admission, as `Benches.cases` returns them.
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
    """A line with the baseline's pass rate and its confidence sequence; empty where no case is decided."""
    interim = look(
        tuple(
            case.baseline_passed / case.baseline_scored if case.baseline_scored else None
            for case in first_decided(cases)
            if case.state == "finished"
        )
    )
    return [] if interim is None else [f"so far: the baseline passes {look_text(interim)}"]


def look_text(interim: Look) -> str:
    """A look as text: `41 % (always-valid 95 %: 20 … 63) over the first 12 issues`."""
    issues = "issue" if interim.issues == 1 else f"{interim.issues} issues"
    left_out = f", {interim.left_out} without a result left out" if interim.left_out else ""
    return (
        f"{100 * interim.mean:.0f} % (always-valid 95 %: {100 * interim.low:.0f} … {100 * interim.high:.0f}) over the "
        f"first {issues}{left_out}"
    )


def race_line(bench: BenchRow) -> list[str]:
    """A line with the number of arms dropped from a race; empty where the bench is no race."""
    race = bench.race
    return [] if race is None else [f"race: {len(race['dropped'])} of {len(race['cells'])} arms dropped"]
