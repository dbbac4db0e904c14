"""Off-policy evaluation of a stream: its decisions as logged bandit data with ε-greedy propensities.

**Estimand.** The mean outcome of one decision, over the issues that were open to exploration, each in the state in
which the stream met it (a contextual bandit): not that of a whole stream run by another policy, whose landed commits,
history and load would differ.

**Which decisions count.** The first decision of each issue. A later attempt follows a failure, so it is selected on an
outcome. A run that its baseline check ended never reached its action, whichever it was, and the next attempt of its
issue counts instead. Decisions that drew nothing (other priorities and tags) are no part of the population. While
runs are open, only decisions before the first open one are included: quick runs finish first.

**What was drawn counts, not what ran** (intention to treat): fewer candidates for lack of free workcells, or fewer
minutes by a limit, depend on the drawn action, so leaving such runs out would select after the draw. For the same
reason a run that a cap or a person stopped after the draw is a missing outcome.

**Adaptive data.** An issue's input has the outcomes of earlier runs in its history, so decisions are not independent.
But the probabilities of each draw are known and fixed by what happened before it: importance-weighted terms around the
value are a martingale difference sequence, and intervals over issues hold, as propensities are bounded below by
ε ÷ |safe set| (Hadad, Hirshberg, Zhan, Wager, Athey, 2021, "Confidence intervals for policy evaluation in adaptive
experiments"; Bibaut et al., 2021, "Post-contextual-bandit inference"; confidence sequences: Waudby-Smith et al., 2024,
section 2.5). A bundle that is replaced midway changes later draws, each with probabilities of its own. The outcome
model of doubly robust estimates is fitted to other issues, of which later ones have this one in their history:
Horvitz–Thompson, which needs no model, is the check.
"""

from collections.abc import Sequence
from itertools import takewhile
from typing import Any, Final, NamedTuple

import numpy as np
import sqlalchemy as sa

from bench.errors import BenchError
from bench.experiment.logged_draw import LoggedDraw, logged_draw, predicted_action
from bench.statistics.diagnostics import FEWEST_ISSUES
from bench.statistics.table import Floats
from db.repositories.bench_rows import BenchRow
from db.repositories.stream_decisions import StreamDecision, StreamDecisions
from db.repositories.verdict_rows import CaseRows
from db.repositories.verdicts import Verdicts
from db.states import CLOSED_BENCHES, CaseState
from planner.actions import all_cells, canonical_rank
from planner.space.baseline import POLICY_ID
from planner.space.heads import N_CELLS

LOGGING: Final = "logging policy"
"""What the stream did, exploration included: its value is on-policy."""
GREEDY: Final = "greedy policy"
"""What the stream chose, without exploration."""
PREDICTED: Final = "planner's own"
"""What the planner decided, before rollout rules; with it, a planner in shadow mode is judged."""
UNIFORM: Final = "uniform over the safe set"
_NEVER_RAN: Final[tuple[CaseState, ...]] = ("invalid", "error")
_OPEN: Final[tuple[CaseState, ...]] = ("checking", "pending", "admitted")
_EXACT: Final = 1e-9


class DrawnDecision(NamedTuple):
    """A decision with its draw."""

    decision: StreamDecision
    draw: LoggedDraw


class LoggedStream(NamedTuple):
    """The decisions of a stream that support off-policy estimates."""

    rows: list[CaseRows]
    """One arm a case, in the order of issue and case id; the draw is the sampling design of its case."""
    policies: dict[str, Floats]
    """(N, 240) action probabilities of the controls and of the stream's own policies; the heuristics first."""
    undecided: int
    expected: int | None
    """The number of issues when all are decided; None where the stream is closed and all are."""
    notes: tuple[str, ...]
    """Which decisions are left out, and how to read the others."""


def read_logged_stream(engine: sa.Engine, bench: BenchRow) -> LoggedStream:
    """The logged draws of a stream so far, and the policies that they can judge.

    Raises `BenchError` where no decision was drawn at random or none has a result, or where a logged propensity is not
    that of its draw.
    """
    decisions = StreamDecisions(engine).of(bench.bench_id)
    ran = [each for each in decisions if each.state not in _NEVER_RAN]
    population = _population(bench, ran)
    counted = list(takewhile(lambda each: each.decision.state not in _OPEN, population))
    undecided = sum(each.decision.state in _OPEN for each in population)
    if not counted:
        raise BenchError(
            f"no decision of stream {bench.bench_id} counts yet: the first of {undecided} is still open; "
            "repeat this when it has ended"
        )
    counted.sort(key=_table_order)
    loaded = {row.case.case_id: row for row in Verdicts(engine).load([d.decision.case_id for d in counted])}
    is_open = bench.state not in CLOSED_BENCHES
    return LoggedStream(
        rows=[_with_design(loaded[each.decision.case_id], each.draw) for each in counted],
        policies=_policies(counted),
        undecided=undecided,
        expected=len(counted) + undecided if is_open or undecided else None,
        notes=(*_left_out(bench, ran, counted), *_reading(counted, is_open)),
    )


def _population(bench: BenchRow, ran: Sequence[StreamDecision]) -> list[DrawnDecision]:
    """The first decision of each issue, in order, where it was drawn at random and not known before."""
    first: dict[str, StreamDecision] = {}
    for each in ran:
        first.setdefault(each.issue_id, each)
    drawn = [DrawnDecision(each, draw) for each in first.values() if (draw := _draw_of(each))]
    population = [each for each in drawn if not each.decision.repeats_a_draw]
    if not population:
        raise BenchError(_why_no_draw(bench, len(first), len(drawn)))
    return population


def _draw_of(decision: StreamDecision) -> LoggedDraw | None:
    action = all_cells()[decision.canonical_rank]
    draw = logged_draw(decision.decision, action, decision.job_type)
    if draw is None:
        return None
    if abs(draw.probabilities.get(action, 0.0) - decision.propensity) > _EXACT:
        raise BenchError(
            f"case {decision.case_id} has the propensity {decision.propensity:g}, and its draw had "
            f"{draw.probabilities.get(action, 0.0):g}: it was changed after the draw: estimate from another stream"
        )
    return draw


def _why_no_draw(bench: BenchRow, issues: int, drawn: int) -> str:
    settings = _settings(bench)
    start = f"stream {bench.bench_id} drew no action at random, and a fixed choice compares nothing: "
    if not settings.get("enabled"):
        return f"{start}set stream.exploration.enabled: true in the config for the next stream, or bench the issues"
    if not settings.get("epsilon"):
        return f"{start}set stream.exploration.epsilon above 0, such as 0.1, for the next stream, or bench the issues"
    if drawn:
        return (
            f"stream {bench.bench_id} repeats the draws of an earlier stream, which were known: change "
            "stream.exploration.epoch_seed for the next stream"
        )
    if not issues:
        return f"stream {bench.bench_id} has decided nothing yet: repeat this when runs have ended"
    return (
        f"{start}none of its {issues} issues is of {_eligible(settings)}; add to stream.exploration.priorities or "
        ".tags for the next stream"
    )


def _settings(bench: BenchRow) -> dict[str, Any]:
    settings: dict[str, Any] = bench.config.get("stream", {}).get("exploration", {})
    return settings


def _eligible(settings: dict[str, Any]) -> str:
    parts = [f"{key} {', '.join(settings[key])}" for key in ("priorities", "tags") if settings.get(key)]
    return " or ".join(parts) or "no priority and no tag"


def _table_order(each: DrawnDecision) -> tuple[str, str]:
    return each.decision.issue_id, str(each.decision.case_id)


def _with_design(rows: CaseRows, draw: LoggedDraw) -> CaseRows:
    """The case with its draw in the form of a stored sampling design."""
    propensities = [
        [probability, [canonical_rank(action)]] for action, probability in draw.probabilities.items()
    ]
    design = {"kind": "epsilon_greedy", "propensities": propensities}
    return CaseRows(rows.case._replace(design=design), rows.arms)


def _policies(counted: Sequence[DrawnDecision]) -> dict[str, Floats]:
    policies = {
        POLICY_ID: _matrix([{each.draw.heuristic: 1.0} for each in counted]),
        LOGGING: _matrix([each.draw.probabilities for each in counted]),
        GREEDY: _matrix([{each.draw.choice: 1.0} for each in counted]),
        UNIFORM: _matrix(
            [dict.fromkeys(each.draw.safe_set, 1 / len(each.draw.safe_set)) for each in counted]
        ),
    }
    records = [each.decision.decision or {} for each in counted]
    if all(record["policy_trace"]["policy_mode"] != "off" for record in records):
        predicted = _matrix([{predicted_action(record): 1.0} for record in records])
        if not np.array_equal(predicted, policies[GREEDY]):
            policies[PREDICTED] = predicted
    return policies


def _matrix(rows: Sequence[dict[Any, float]]) -> Floats:
    """(N, 240) from the probabilities by action of each row."""
    matrix = np.zeros((len(rows), N_CELLS))
    for number, row in enumerate(rows):
        for action, probability in row.items():
            matrix[number, canonical_rank(action)] = probability
    return matrix


def _left_out(bench: BenchRow, ran: Sequence[StreamDecision], counted: Sequence[DrawnDecision]) -> list[str]:
    lines = []
    issues = {each.decision.issue_id for each in counted}
    later = sum(each.issue_id in issues for each in ran) - len(counted)
    if later:
        lines.append(
            f"first attempts only: {later} later attempts are left out, because only a failure is tried again"
        )
    decided = len({each.issue_id for each in ran if each.state not in _OPEN})
    if decided > len(counted):
        lines.append(
            f"{len(counted)} of {decided} decided issues count: those of {_eligible(_settings(bench))} were open to "
            "exploration, and the values are of issues like these"
        )
    repeats = sum(each.repeats_a_draw for each in ran)
    if repeats:
        lines.append(f"{repeats} decisions repeat a draw of an earlier stream and are left out")
    return lines


def _reading(counted: Sequence[DrawnDecision], is_open: bool) -> list[str]:
    lines = []
    reduced = sum(each.decision.reduction is not None for each in counted)
    if reduced:
        lines.append(
            f"{reduced} decisions ran with fewer candidates or minutes than drawn; each counts as the action drawn"
        )
    before = sum(each.decision.ran_before for each in counted)
    if before:
        lines.append(f"{before} issues had runs in an earlier stream: they are harder than new ones")
    if is_open:
        lines.append("the stream is open: the intervals hold however often one looks")
    share = float(np.mean([each.draw.epsilon / len(each.draw.safe_set) for each in counted]))
    if len(counted) * share < FEWEST_ISSUES:
        lines.append(
            f"an action that the stream does not choose is tried on 1 issue in {1 / share:.0f}: a policy of such "
            f"choices needs about {FEWEST_ISSUES / share:.0f} issues; raise stream.exploration.epsilon"
        )
    return lines
