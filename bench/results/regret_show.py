"""Terminal table of regret: each policy against the best observed arm, and the bracket of what that overstates."""

from typing import Final

from rich.console import RenderableType

from bench.config.money import format_usd
from bench.experiment.regret import PolicySummary
from bench.results.evidence_show import bracket_parts
from bench.results.read import BenchResults
from bench.statistics.action_rates import FEWEST_ISSUES
from bench.statistics.oracle import ONE_ARM, OracleBracket
from bench.terminal import percent, table

AT_MOST: Final = (
    "regret is at most this, for with one run an arm the best arm was also the luckiest; the regret itself needs 2 "
    "runs an arm: --replicates 2"
)
_MOST_PASSES: Final = (
    "best_fixed has the most passes by raw count; the answer of bench report is the better choice"
)
LUCK: Final = (
    "regret is at most this, for the best observed arm was also lucky; at least and at most, below, bracket the "
    "regret itself"
)


def regret_parts(results: BenchResults, oracle: OracleBracket | str) -> list[RenderableType]:
    """The regret table, with a row for each policy, its caveats, and the bracket; one line where nothing compares.

    `oracle` is the bracket, or why there is none.
    """
    why = why_no_regret(results)
    return [why] if why else [*_against_observed(results), *bracket_parts(oracle)]


def why_no_regret(results: BenchResults) -> str | None:
    """Why no arm can be compared with a better one of its case; None where it can."""
    if not results.decided:
        return "No regret yet: no issue has a verdict"
    arms = [sum(each.observed for each in case.verdict.estimates) for case in results.decided]
    if not any(arms):
        return "No regret: every run ended in an error or did not start: see the errors, and run them again"
    return f"No regret: {ONE_ARM}" if max(arms) == 1 else None


def _against_observed(results: BenchResults) -> list[RenderableType]:
    rows = [_regret_row(summary) for summary in results.summaries]
    # Two lines a head: the table then fits 80 columns. At any number of runs the best arm was also lucky.
    columns = (
        *("policy", "seen on,\nissues>"),
        *("missed\npasses ≤>", "time\nregret ≤>", "cost\nregret ≤>", "spend\na run>"),
    )
    fixed = results.best_fixed
    notes = [LUCK if results.identified else AT_MOST]
    notes += [f"best_fixed is {fixed.label()}", _MOST_PASSES] if fixed else []
    notes += [_too_few(summary) for summary in results.summaries if _is_seen_on_few(summary)]
    notes += ["uniform is over the arms that ran, not over all allowed actions", *results.notes]
    return [table("Regret against the best observed arm of each case, luck included", columns, rows), *notes]


def _regret_row(summary: PolicySummary) -> tuple[str, ...]:
    seen = f"{summary.observed_cases} of {summary.cases}"
    if _is_seen_on_few(summary):
        return (summary.policy, seen, *(["–"] * 3), format_usd(summary.mean_charged_micro_usd))
    return (
        summary.policy,
        seen,
        percent(summary.missed_pass_rate),
        _ratio(summary.mean_duration_regret),
        _ratio(summary.mean_cost_regret),
        format_usd(summary.mean_charged_micro_usd),
    )


def _is_seen_on_few(summary: PolicySummary) -> bool:
    """Whether its rates would be those of a few cases, which are not all there are."""
    return summary.observed_cases < min(FEWEST_ISSUES, summary.cases)


def _too_few(summary: PolicySummary) -> str:
    return (
        f"{summary.policy}: seen on {summary.observed_cases} of {summary.cases} issues, too few for a rate; "
        "bench value estimates it on all of them"
    )


def _ratio(value: float | None) -> str:
    return "–" if value is None else f"{value:+.2f}"
