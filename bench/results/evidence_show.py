"""Terminal tables of estimates: a number with its confidence interval, or the reason why there is none."""

import sqlalchemy as sa
from rich.console import RenderableType

from bench.results.evidence import Evidence, bracket_of, evidence_or_why, once_decided, or_reason
from bench.statistics.components import SINGLE_RUNS
from bench.statistics.estimate import Estimate
from bench.statistics.oracle import Bracket, OracleBracket
from bench.terminal import percent, table

_NONE = "–"
_TWO_RUNS = "a point between these needs 2 runs an arm: --replicates 2, or more with a `replicate_fraction`"


def shown(estimate: Estimate | None, *, signed: bool = False) -> str:
    """An estimate with its interval as `63.1 % (58.0 … 68.2)`, bounds as `58.0 … 68.2 %`, `–` where there is none."""
    if estimate is None or estimate.low is None or estimate.high is None:
        return _NONE if estimate is None or estimate.value is None else f"{_points(estimate.value, signed)} %"
    between = f"{_points(estimate.low, signed)} … {_points(estimate.high, signed)}"
    return f"{between} %" if estimate.value is None else f"{_points(estimate.value, signed)} % ({between})"


def _points(value: float, signed: bool) -> str:
    return f"{100 * value:{'+' if signed else ''}.1f}"


def notes(evidence: Evidence) -> list[str]:
    """What the estimates leave out: undecided cases, and approximated inclusion probabilities."""
    lines = [*evidence.notes]
    if evidence.undecided:
        lines.append(
            f"{evidence.undecided} cases have no verdict: these numbers are a look at the first "
            f"{len(evidence.table.issues)} issues in the order of admission; the intervals hold however often "
            "one looks"
        )
    admission = evidence.admission
    if not admission.exact:
        lines.append(
            f"caps kept cases out; the chance of being let in ({percent(float(admission.probabilities.min()))} at "
            f"least) is estimated by {admission.redraws:,} redraws of their order"
        )
    return lines


def oracle_of(engine: sa.Engine, bench_id: str) -> OracleBracket | str:
    """The bounds on the oracle and on the policies' regret of a bench, or why there are none."""
    return oracle_from(evidence_or_why(engine, bench_id))


def oracle_from(evidence: Evidence | str) -> OracleBracket | str:
    """The same from the evidence of the bench, or from why there is none."""
    if isinstance(evidence, str):
        return evidence
    return or_reason(lambda: bracket_of(once_decided(evidence)))


def bracket_parts(bracket: OracleBracket | str) -> list[RenderableType]:
    """Tables of the bounds on the oracle and on the regret of policies; `bracket` may be why there are none."""
    if isinstance(bracket, str):
        return [f"No bracket of the oracle: {bracket}"]
    rows = [("oracle", *_bracket(bracket.oracle)), ("oracle − mean arm", *_bracket(bracket.advantage))]
    rows += [(f"regret of {policy.policy}", *_bracket(policy.regret)) for policy in bracket.policies]
    # A column without a number in it is left out.
    shown_ends = 4 if bracket.oracle.identified else 3
    columns = ("", "at least>", "at most>", "point (95 %)>")[:shown_ends]
    title = f"Oracle and regret in {bracket.oracle.lower.estimand}, {bracket.cases} cases"
    parts: list[RenderableType] = [table(title, columns, [row[:shown_ends] for row in rows])]
    if not bracket.oracle.identified:
        why = bracket.oracle.point.why_not or ""
        parts.append(_TWO_RUNS if why == SINGLE_RUNS else f"no point between these: {why}")
    parts += [
        f"{policy.policy}: {policy.regret.lower.why_not}"
        for policy in bracket.policies
        if policy.regret.lower.why_not
    ]
    return parts


def _bracket(bracket: Bracket) -> tuple[str, str, str]:
    return shown(bracket.lower), shown(bracket.upper), shown(bracket.point)
