"""Variance components of passing: runs of an arm, actions within an issue, issues, and actions."""

from bench.results.evidence import Evidence, or_reason
from bench.statistics.arms import arms_of
from bench.statistics.components import Components, components

_NAMES = {
    "within": "runs of one arm",
    "interaction": "actions by issue",
    "issue": "issues",
    "action": "actions on the whole",
}


def variance_components(evidence: Evidence) -> Components | str:
    """The variance decomposition of passing, or why there is none."""
    if evidence.bench.kind == "stream":
        return "none, as a stream runs each decision once"
    arms = arms_of(evidence.table, evidence.table.passed)
    if arms.n_issues < 2:
        return "outcomes were observed in fewer than two issues"
    return or_reason(lambda: components(arms, seed=evidence.seed))


def variance_line(estimates: Components | str) -> str:
    """The variance components with their intervals in a line."""
    if isinstance(estimates, str):
        return f"Variance components: {estimates}"
    parts = (
        f"{_NAMES[name]} {component.value:.3f} ({component.low:.3f} … {component.high:.3f})"
        for name, component in estimates._asdict().items()
    )
    return f"Variance of passing, 95 % over issues: {', '.join(parts)}"
