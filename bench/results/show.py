"""Terminal tables of a bench's reports."""

from collections.abc import Callable
from typing import Any

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from bench.config.money import format_usd
from bench.experiment.estimates import ArmEstimate
from bench.pauses import pause_lines
from bench.results.action_rates import ActionReport
from bench.results.action_rates_show import action_parts
from bench.results.answer_show import answer_parts
from bench.results.counts import failed_lines
from bench.results.documents import spend_document
from bench.results.race import race_parts
from bench.results.read import BenchResults, DecidedCase
from bench.results.regret_show import regret_parts
from bench.sandboxes import sandbox_lines
from bench.statistics.oracle import OracleBracket
from bench.statistics.recommendation import Recommendation
from bench.statistics.winners import CaseJudgement
from bench.terminal import Bullet, percent, seconds, styled, table
from bench.unserved import unserved_lines
from db.repositories.bench_rows import UnjudgedExecutions
from planner.actions import all_cells, canonical_rank

_MOST_UNJUDGED = 20
_MOST_NAMES = 3
_KILL = "killed_by_cap"
_KILLED = f"{_KILL} counts as a failure in pass_within_caps; the others are missing"
_MISSING = "errors are missing values, not failures"
_WINNERS_BY = f"winners and labels are by pass_own_budget: {_KILL} is missing there, not a failure"
NEEDS_RUNS = "needs 2 runs an arm"


def report_parts(
    results: BenchResults, oracle: OracleBracket | str, answer: Recommendation
) -> list[RenderableType]:
    """The parts of the whole report, the answer first; `oracle` is the bracket, or why there is none."""
    bench, sandbox_notes = results.bench, sandbox_lines(results.sandboxes)
    parts: list[RenderableType] = [
        *answer_parts(answer),
        styled(
            (f"bench {bench.bench_id}", "bold"),
            f"  {bench.state}  slice {bench.slice}, {bench.strategy} K={bench.k}, seed {bench.seed}",
        ),
        results.counts.text(),
        *(styled((line, "yellow")) for line in _warnings(results)),
        *(styled((line, "yellow")) if line.startswith("!") else line for line in sandbox_notes),
        winners_table(results),
        *([_WINNERS_BY] if _KILL in results.errors else []),
        *action_parts(ActionReport(results)),
        *race_parts(results),
        *regret_parts(results, oracle),
        spend_table(results),
    ]
    if results.errors:
        parts.append(table("Errors", ("class", "executions>"), results.errors.items()))
        parts.append(_KILLED if _KILL in results.errors else _MISSING)
    if results.unjudged:
        parts += _unjudged(results.unjudged)
    dropped = [case for case in results.cases if case.state not in ("finished", "admitted")]
    if dropped:
        rows = [(case.issue_id, case.state, case.reason) for case in dropped]
        parts.append(table("Cases without a verdict", ("issue", "state", "reason"), rows))
    parts += _uncovered(results)
    return parts


def _warnings(results: BenchResults) -> list[str]:
    failed = [f"! {line}" for line in failed_lines(results.cases, results.bench.bench_id)]
    notes = [f"! {line}" for line in results.bench.notes]
    return [*notes, *pause_lines(results.paused), *unserved_lines(results.unserved), *failed]


def _unjudged(unjudged: list[UnjudgedExecutions]) -> list[RenderableType]:
    rows = [
        (row.issue_id, row.executions, _names(row.execution_ids), row.reason, row.message) for row in unjudged
    ]
    unjudged_table = table(
        "Arms that no gate judged", ("issue", "executions>", "which", "class", "why"), rows[:_MOST_UNJUDGED]
    )
    more = len(rows) - _MOST_UNJUDGED
    return [unjudged_table, *([f"and {more} more, all in: bench report --format json"] if more > 0 else [])]


def _names(execution_ids: list[int]) -> str:
    """The first of them, by the names that `bench show` takes."""
    more = len(execution_ids) - _MOST_NAMES
    return " ".join(f"x{each}" for each in execution_ids[:_MOST_NAMES]) + (f" +{more}" if more > 0 else "")


def next_lines(results: BenchResults) -> list[str]:
    """Commands for what to do next with a winner, or with an issue that has none; empty while no case is decided."""
    case = next((case for case in results.decided if case.case_id in results.to_take), None)
    if case is None:
        lost = results.decided[:1]
        return [Bullet(f"see what was tried: bench show case {case.issue_id}") for case in lost]
    name = f"x{results.to_take[case.case_id]}"
    return [
        Bullet(f"see what won: bench show {name}, bench diff {case.issue_id}"),
        Bullet(f"take it: bench apply {case.issue_id} --branch fix/{case.issue_id}"),
    ]


def winners_table(results: BenchResults) -> Table:
    """The winner table, with a row for each decided case."""
    judged = results.judgements
    take = results.to_take
    rows = [
        (*_winner_row(case, take.get(case.case_id)), _how_sure(case, judged.get(case.case_id)))
        for case in results.decided
    ]
    columns = (
        "issue",
        "risk/size",
        "winner",
        "run",
        "passed\narms>",
        "time>",
        "cost per\npass>",
        "baseline",
        "ties>",
        "how sure",
    )
    objective = results.bench.objective.replace("_", " ")
    return table(
        f"Winners ({objective})", columns, rows, ("ties>", "baseline", "risk/size", "cost per\npass>")
    )


def _winner_row(case: DecidedCase, execution_id: int | None) -> tuple[Any, ...]:
    verdict, facts = case.verdict, case.rows.case
    shape = f"{facts.dk_risk}/{facts.dk_size}"
    scored, passed = verdict.candidates_evaluated, verdict.candidates_passed_constraints
    if verdict.winner is None:
        why = "no arm passed" if case.observed else "only errors"
        return (
            case.issue_id,
            shape,
            styled((why, "red")),
            "",
            f"{passed}/{scored}",
            "–",
            "–",
            _baseline(case),
            "",
        )
    best = verdict.estimate_of(verdict.winner)
    assert best is not None
    return (
        *(case.issue_id, shape, styled((verdict.winner.label(), "green"))),
        *("" if execution_id is None else f"x{execution_id}", f"{passed}/{scored}"),
        *(seconds(best.work_ms), format_usd(best.cost_per_pass_micro_usd), _baseline(case)),
        verdict.tie_size if verdict.tie_size > 1 else "",
    )


def _how_sure(case: DecidedCase, judged: CaseJudgement | None) -> str | Text:
    """`claimed` with its p-value; or how many of the arms may still be the best, and P(best) of the winner.

    Below it the arm with a greater P(best), where there is one.
    """
    if case.verdict.winner is None or judged is None:
        return ""
    cell = canonical_rank(case.verdict.winner)
    if judged.claimed == cell:
        return styled(("claimed", "green"), f", p={judged.p_value:.2g}")
    if not judged.identified:
        return NEEDS_RUNS
    chances = dict(judged.soft)
    possible = (
        f"{len(judged.members)} of {len(judged.arms)} still possible, {percent(chances.get(cell, 0.0))}"
    )
    likeliest = judged.likeliest
    if likeliest is None or percent(chances[likeliest]) == percent(chances.get(cell, 0.0)):
        return possible
    # Two lines, so that the column stays as wide.
    return Text(f"{possible}\n{all_cells()[likeliest].label()} {percent(chances[likeliest])}")


def _baseline(case: DecidedCase) -> str:
    """The result of the heuristic baseline's arm."""
    action = case.baseline
    estimate: ArmEstimate | None = case.verdict.estimate_of(action)
    if action is None or estimate is None:
        return "not tried"
    if action == case.verdict.winner:
        return "the winner"
    return f"passed, {seconds(estimate.work_ms)}" if estimate.passes else "did not pass"


def spend_table(results: BenchResults) -> Table:
    """Spend, reservations and limit of each cap."""
    spend = spend_document(results)
    formats: dict[str, tuple[str, Callable[[Any], str]]] = {
        "micro_usd": ("dollars", format_usd),
        "ms": ("worker time", seconds),
        "executions": ("executions", str),
    }
    rows = []
    for key, (name, format_amount) in formats.items():
        amounts = spend[key]
        cap = amounts["cap"]
        share = percent(amounts["spent"] / cap) if cap else "–"
        rows.append(
            (
                name,
                format_amount(amounts["spent"]),
                format_amount(amounts["reserved"]),
                "none" if cap is None else format_amount(cap),
                share,
            )
        )
    return table("Spend against caps", ("", "spent>", "reserved>", "cap>", "used>"), rows)


def _uncovered(results: BenchResults) -> list[RenderableType]:
    lines: list[RenderableType] = []
    for kind, pairs in results.uncovered.items():
        if pairs:
            names = ", ".join(f"{p.swarm_id} × {p.budget.removesuffix('_bin')}={p.bin}" for p in pairs)
            lines.append(f"Not covered for {kind}: {names}")
    return lines
