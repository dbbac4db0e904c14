"""The first lines of a report: the recommended action, what would settle it, and what it rests on."""

from typing import Any, Final

from rich.console import RenderableType
from rich.text import Text

from bench.results.plain import plain
from bench.statistics.estimate import Estimate
from bench.statistics.recommendation import FEWEST_ISSUES, BestAction, Recommendation
from bench.terminal import FittingTable, percent, styled, table
from planner.actions import all_cells
from planner.space.baseline import POLICY_ID

_STYLES: Final = {"sure": "bold green", "likely": "bold cyan", "unsure": "bold yellow"}
_MEANINGS: Final = {
    "pass_own_budget": "passed within its own budget",
    "pass_within_caps": "passed within its own budget and dollar cap",
}
_NONE: Final = "–"
_LEAST_USD: Final = 0.00005


def answer_parts(answer: Recommendation) -> list[RenderableType]:
    """The three lines of the answer, then a table of the best actions; one line where there is no answer."""
    if answer.why_not is not None:
        return [styled(("No answer: ", "bold"), answer.why_not)]
    action, gain, verdict = _headline(answer)
    style = _STYLES.get(answer.word or "", "bold")
    return [
        styled((action, style), gain, (verdict, style)),
        _next_line(answer),
        _basis_line(answer),
        _best_table(answer),
    ]


def answer_document(answer: Recommendation) -> dict[str, Any]:
    """The answer as JSON values: actions as lists, estimates with their intervals."""
    document: dict[str, Any] = plain(answer)
    cell, rival = document.pop("cell"), document.pop("rival")
    best = [{"action": _listed(row.pop("cell")), **row} for row in document.pop("best")]
    return {"action": _listed(cell), "rival": _listed(rival), **document, "best": best}


def _listed(cell: int | None) -> list[Any] | None:
    return None if cell is None else list(all_cells()[cell])


def _headline(answer: Recommendation) -> tuple[str, str, str]:
    """The recommended action, what it gains, and how sure that is."""
    assert answer.difference is not None
    look = (
        ""
        if answer.expected is None
        else f"A look at {answer.issues} of {answer.expected} issues (interval not valid under repeated looks). "
    )
    name, rival = _name(answer.cell), _name(answer.rival)
    against = f"today's {rival}" if answer.rival_is_today else f"the next best, {rival}"
    if answer.bounds_lead:
        leader = f"today's {name}" if answer.keeps_today else name
        between = f"{_signed(answer.difference.low)} … {_signed(answer.difference.high)}"
        gain = f" {leader} leads; against {against} it is at {between} points of passes (bounds)."
        return f"{look}No action is recommended, as runs are missing.", gain, ""
    assert answer.word is not None
    if not answer.rival_is_today and not answer.keeps_today:
        against += " (today's did not run)"
    verb = "Keep today's" if answer.keeps_today else "Use"
    gain = f": {_gain(answer.difference)}{_dollars_more(answer.dollars)} against {against}: "
    # Rounded down: 99 % is for what is sure.
    return f"{look}{verb} {name}", gain, f"{answer.word} ({int(100 * (answer.chance or 0.0))} %)."


def _next_line(answer: Recommendation) -> str:
    """What would settle it."""
    assert answer.difference is not None
    if answer.bounds_lead:
        share = f"{100 * answer.missing:.1f} %"
        return (
            f"{share} of the runs are missing: run them again, or under higher caps, and it can be settled."
        )
    if answer.word == "sure":
        return "Settled: no more runs are needed."
    if answer.settling is None:
        return (
            "No bench of a sensible size would settle it, the two are too close: choose by what a run costs."
        )
    settling = answer.settling
    points = f"{100 * settling.difference:.0f} points"
    if not settling.issues:
        return f"If {points} is right, the issues still to come settle it (80 % power)."
    cost = "" if settling.usd is None else f", {_total(settling.usd)}"
    more = "" if answer.expected is None else " more than are to come"
    how = "with both actions, 1 run each"
    if answer.issues < FEWEST_ISSUES:
        total = max(answer.issues, answer.expected or 0) + settling.issues
        need = f"Needs {total} issues to find a difference of {points}"
        return f"{need}: {settling.issues} more {how}{cost}."
    issues = f"{_counted(settling.issues, 'issue')}{more} {how}"
    if settling.usd is None:
        return f"{issues} would settle it, if {points} is right (80 % power)."
    return f"{_total(settling.usd)} more would settle it, if {points} is right (80 % power): {issues}."


def _basis_line(answer: Recommendation) -> str:
    """What the answer rests on."""
    named = answer.best[0]
    leader = "today's" if named.is_today else "it"
    meaning = _MEANINGS.get(answer.estimand, answer.estimand)
    return (
        f"Rests on {_counted(answer.issues, 'issue')} and {_counted(answer.runs, 'run')} "
        f"({named.effective_runs:.0f} effective of {leader}), {100 * answer.missing:.1f} % missing; "
        f"{answer.estimand}: {meaning}."
    )


def _best_table(answer: Recommendation) -> RenderableType:
    wide = (
        *("action", "pass rate\n(95 %)>", "against\ntoday's (95 %)>"),
        *("effective\nruns>", "dollars a run\n(95 %)>", "P(best)>"),
    )
    narrow = (
        *("action", "pass\nrate\n(95 %)>", "against\ntoday's\n(95 %)>"),
        *("effec-\ntive\nruns>", "dollars\na run\n(95 %)>", "P(best)>"),
    )
    title = f"Best actions: {answer.estimand} by least squares, intervals for issues like these"
    rows = [_row(best) for best in answer.best]
    result = table(title, wide, rows)
    short = table(title, narrow, [[*map(_in_two_lines, row[:5]), *row[5:]] for row in rows], ("P(best)>",))
    if isinstance(result, FittingTable) and isinstance(short, FittingTable):
        result.narrower = [short, *short.narrower]
    return result


def _in_two_lines(cell: str | Text) -> Text:
    """A number above its interval, so that the table fits 80 columns."""
    return Text(str(cell).replace(" (", "\n(").replace(" … ", "…"))


def _row(best: BestAction) -> tuple[str | Text, ...]:
    name = "today's policy" if best.cell is None else _name(best.cell)
    difference = "today's" if best.is_today and best.cell is not None else _difference(best.difference)
    return (
        *(name, _rate(best.passes), difference, f"{best.effective_runs:.0f}"),
        *(_cost(best.dollars), percent(best.chance_best)),
    )


def _counted(number: int, word: str) -> str:
    return f"{number} {word}{'' if number == 1 else 's'}"


def _name(cell: int | None) -> str:
    return POLICY_ID if cell is None else all_cells()[cell].label()


def _rate(estimate: Estimate) -> str:
    if estimate.low is None or estimate.high is None:
        return _NONE
    between = f"{100 * estimate.low:.0f} … {100 * estimate.high:.0f}"
    return f"{between} %" if estimate.value is None else f"{100 * estimate.value:.0f} % ({between})"


def _difference(estimate: Estimate | None) -> str:
    if estimate is None or estimate.value is None:
        return _NONE
    return f"{_signed(estimate.value)} ({_signed(estimate.low)} … {_signed(estimate.high)})"


def _gain(estimate: Estimate) -> str:
    unit = "point" if _signed(estimate.value) in ("+1", "−1") else "points"
    return f"{_signed(estimate.value)} {unit} of passes ({_signed(estimate.low)} … {_signed(estimate.high)})"


def _signed(share: float | None) -> str:
    """A difference of shares in points."""
    points = round(100 * (share or 0.0))
    return "0" if points == 0 else f"{points:+d}".replace("-", "−")


def _dollars_more(estimate: Estimate | None) -> str:
    if estimate is None or estimate.value is None:
        return ""
    if abs(estimate.value) < _LEAST_USD:
        return ", $0.00 a run"
    sign = "−" if estimate.value < 0 else "+"
    return f", {sign}{_usd(abs(estimate.value))} a run"


def _cost(estimate: Estimate) -> Text:
    if estimate.value is None or estimate.low is None or estimate.high is None:
        return Text(_NONE)
    low, high = (_usd(end).removeprefix("$") for end in (estimate.low, estimate.high))
    if low == high:
        # One constant, such as a fixed price a run.
        return Text(_usd(estimate.value))
    # Two lines, so that the table fits 80 columns.
    return Text(f"{_usd(estimate.value)}\n({low} … {high})")


def _total(amount: float) -> str:
    """The dollars of many runs: whole cents from one cent on."""
    return f"${amount:.2f}" if 0.01 <= amount < 100 else _usd(amount)


def _usd(amount: float) -> str:
    """Dollars in two to four digits."""
    if amount >= 100:
        return f"${amount:,.0f}"
    return f"${amount:.2f}" if amount >= 0.1 or amount == 0 else f"${amount:.4f}"
