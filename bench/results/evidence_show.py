"""Estimates for the terminal: a number with its interval, or the reason why there is none."""

from collections.abc import Sequence

import sqlalchemy as sa
from rich.console import RenderableType

from bench.results.evidence import Evidence, bracket_of, once_decided, or_why, read_evidence
from bench.statistics.estimate import Estimate
from bench.statistics.oracle import Bracket, OracleBracket
from bench.statistics.value import PolicyValue
from bench.terminal import percent, table

_NONE = "–"


def shown(found: Estimate | None, *, signed: bool = False) -> str:
    """`63.1 % (58.0 … 68.2)`; a bracket as `58.0 … 68.2 %`; – where there is no number."""
    if found is None or found.low is None or found.high is None:
        return _NONE if found is None or found.value is None else f"{_points(found.value, signed)} %"
    between = f"{_points(found.low, signed)} … {_points(found.high, signed)}"
    return f"{between} %" if found.value is None else f"{_points(found.value, signed)} % ({between})"


def _points(value: float, signed: bool) -> str:
    return f"{100 * value:{'+' if signed else ''}.1f}"


def value_parts(evidence: Evidence, values: Sequence[PolicyValue]) -> list[RenderableType]:
    """What each policy is worth, and what must be known to read it."""
    estimand = values[0].recommended.estimand
    rows = [
        (
            one.policy,
            shown(one.recommended),
            shown(one.difference, signed=True),
            _NONE if one.diagnostics is None else f"{one.diagnostics.effective_issues:.0f}",
        )
        for one in values
    ]
    columns = ("policy", "value (95 %)>", "against the first>", "effective\nissues>")
    title = f"Policy value: {estimand}, {len(evidence.table.issues)} issues"
    return [table(title, columns, rows), *_refusals(values), *notes(evidence)]


def _refusals(values: Sequence[PolicyValue]) -> list[str]:
    lines = [f"{one.policy}: {one.recommended.why_not}" for one in values if one.recommended.why_not]
    lines += [
        f"{one.policy}, difference: {one.difference.why_not}"
        for one in values
        if one.difference is not None and one.difference.why_not and not one.recommended.why_not
    ]
    return lines


def notes(evidence: Evidence) -> list[str]:
    """What the numbers leave out."""
    found = []
    if evidence.undecided:
        found.append(
            f"{evidence.undecided} cases have no verdict: these numbers are a look at the first "
            f"{len(evidence.table.issues)} issues in the order of admission; the intervals hold however often "
            "one looks"
        )
    admission = evidence.admission
    if not admission.exact:
        found.append(
            f"caps kept cases out; the chance of being let in ({percent(float(admission.probabilities.min()))} at "
            f"least) is estimated by {admission.redraws:,} redraws of their order"
        )
    return found


def details_parts(one: PolicyValue) -> list[RenderableType]:
    """Every estimator of one policy, with its checks."""
    kinds = {**one.estimates, "finite sample": one.finite_sample, "Manski bounds": one.bounds}
    kinds["complete cases"] = one.complete_case
    rows = [
        (name, shown(found), shown(one.resampled.get(name)), found.why_not or "")
        for name, found in kinds.items()
    ]
    columns = ("estimator", "linearised (95 %)>", "bootstrap (95 %)>", "why not")
    parts: list[RenderableType] = [table(f"{one.policy}: {one.recommended.estimand}", columns, rows)]
    checks = one.diagnostics
    if checks is not None:
        parts.append(
            f"largest share of one issue {percent(checks.largest_share)}, unsupported {percent(checks.unsupported)}, "
            f"mean weight {checks.mean_weight:.3f} ± {checks.mean_weight_error:.3f}, "
            f"draws against chances p = {checks.counts_chance:.2f}"
        )
    if one.missing is not None and one.missing.by_class:
        missing = ", ".join(f"{count} {name}" for name, count in one.missing.by_class.items())
        parts.append(f"missing {percent(one.missing.share)} of the executions: {missing}")
    return parts


def oracle_of(engine: sa.Engine, bench_id: str) -> OracleBracket | str:
    """The bracket of a bench's oracle and of its policies' regret; or why there is none."""
    return or_why(lambda: bracket_of(once_decided(read_evidence(engine, bench_id))))


def bracket_parts(found: OracleBracket | str) -> list[RenderableType]:
    """The oracle and the regret of policies, between what is surely too low and surely too high."""
    if isinstance(found, str):
        return [f"No bracket of the oracle: {found}"]
    rows = [("oracle", *_bracket(found.oracle)), ("oracle − mean arm", *_bracket(found.advantage))]
    rows += [(f"regret of {one.policy}", *_bracket(one.regret)) for one in found.policies]
    columns = ("", "at least>", "at most>", "point (95 %)>")
    parts: list[RenderableType] = [
        table(f"Oracle and regret in {found.oracle.lower.estimand}, {found.cases} cases", columns, rows)
    ]
    if not found.oracle.identified:
        parts.append(f"not identified: {found.oracle.point.why_not or ''}")
    parts += [
        f"{one.policy}: {one.regret.lower.why_not}" for one in found.policies if one.regret.lower.why_not
    ]
    return parts


def _bracket(found: Bracket) -> tuple[str, str, str]:
    point = shown(found.point) if found.identified else "not identified"
    return shown(found.lower), shown(found.upper), point
