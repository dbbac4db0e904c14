"""Where the outcomes of a bench differ: between runs of one arm, actions within an issue, issues."""

from bench.results.evidence import Evidence, or_why
from bench.statistics.arms import arms_of
from bench.statistics.components import Components, components

_NAMES = {
    "within": "runs of one arm",
    "interaction": "actions by issue",
    "issue": "issues",
    "action": "actions on the whole",
}


def noise_of(evidence: Evidence) -> Components | str:
    """The variance components of passing, or why there are none."""
    arms = arms_of(evidence.table, evidence.table.passed)
    if arms.n_issues < 2:
        return "outcomes were observed in fewer than two issues"
    return or_why(lambda: components(arms, seed=evidence.seed))


def noise_line(found: Components | str) -> str:
    """One line for the terminal."""
    if isinstance(found, str):
        return f"Variance components: {found}"
    parts = (
        f"{_NAMES[name]} {one.value:.3f} ({one.low:.3f} … {one.high:.3f})"
        for name, one in found._asdict().items()
    )
    return f"Variance of passing, 95 % over issues: {', '.join(parts)}"
