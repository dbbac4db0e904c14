"""How large the loop is: what is benched, and on how many folds a policy is judged."""

from dataclasses import dataclass
from typing import Any, Final

from bench.config.models import BenchConfig


@dataclass(frozen=True, slots=True)
class LoopPlan:
    """One size of the loop."""

    issue_ids: tuple[str, ...]
    """The demo issues to bench: those that the repairer can mend within seconds, at times."""
    actions: int | None
    """The first so many valid actions are tried on every issue; None tries all within `MAX_MINUTES`."""
    folds: int
    """At least 3: one is tested, one validates, the others train."""
    epochs: int
    """At most so many, on real labels."""


MAX_MINUTES: Final = 15
"""The largest budget of an arm: the demo's issues are no longer work than that."""
SECONDS_PER_MINUTE: Final = 0.3
"""Real seconds of a planned minute, on an idle machine."""

FULL: Final = LoopPlan(
    issue_ids=(
        *("dep-101", "dep-102", "dep-103", "dep-104", "dep-106", "dep-108"),
        *("dep-110", "dep-119", "dep-121", "dep-123", "dep-124", "dep-133"),
    ),
    actions=None,
    folds=4,
    epochs=100,
)
QUICK: Final = LoopPlan(
    issue_ids=(
        *("dep-102", "dep-108", "dep-110", "dep-119"),
        *("dep-121", "dep-123", "dep-124", "dep-133"),
    ),
    actions=3,
    folds=4,
    epochs=30,
)


def bench_config(demo: BenchConfig, plan: LoopPlan, seed: int, seconds_per_minute: float) -> BenchConfig:
    """The demo's config made broad: the same actions on every issue, so that nothing compared is unseen.

    The demo's caps on money go, for nothing is paid for: executions cost time alone.
    """
    sampling = (
        {"strategy": "anchor"} if plan.actions is None else {"strategy": "deterministic", "K": plan.actions}
    )
    changes: dict[str, dict[str, Any]] = {
        "issue_selection": {
            "slice": "all",
            "filters": [{"field": "id", "in": list(plan.issue_ids)}],
            "sample_size": None,
            "seed": seed,
        },
        "action_sampling": {**sampling, "include_baseline": False, "seed": seed},
        "execution_limits": {
            "max_minutes_per_candidate": MAX_MINUTES,
            "max_usd": None,
            "max_usd_per_issue": None,
            "max_executions": None,
        },
        "workcell": {"seconds_per_minute": seconds_per_minute},
    }
    document = demo.document()
    for section, keys in changes.items():
        document[section].update(keys)
    return BenchConfig.model_validate(document, strict=True)
