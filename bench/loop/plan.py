"""Sizes of the loop: the benched issues, the time scale, and the number of cross-validation folds."""

from dataclasses import dataclass
from typing import Any, Final

from bench.config.models import BenchConfig
from bench.demo.backlog import backlog


@dataclass(frozen=True, slots=True)
class LoopPlan:
    """One size of the loop."""

    issue_ids: tuple[str, ...]
    """The demo issues to bench."""
    seconds_per_minute: float
    """Time scale: real seconds of a planned minute, on an idle machine."""
    folds: int
    """At least 3: one for test, one for validation, the others for training."""


MAX_MINUTES: Final = 15
"""The largest budget of an arm."""
EPOCHS: Final = 100
"""The largest number of epochs on real labels."""

FULL: Final = LoopPlan(
    issue_ids=tuple(issue.id for issue in backlog() if issue.bug),
    # Enough time for the repairer to sometimes solve most of the harder ones too.
    seconds_per_minute=0.8,
    folds=5,
)
QUICK: Final = LoopPlan(
    # Issues that the repairer solves within seconds.
    issue_ids=(
        *("dep-101", "dep-102", "dep-103", "dep-104", "dep-106", "dep-108"),
        *("dep-110", "dep-119", "dep-121", "dep-123", "dep-124", "dep-133"),
    ),
    seconds_per_minute=0.3,
    folds=4,
)


def bench_config(demo: BenchConfig, plan: LoopPlan, seed: int, seconds_per_minute: float) -> BenchConfig:
    """The demo's config with all actions within `MAX_MINUTES` on every issue, so that every compared action was run.

    The demo's caps on money are removed: its executions cost time alone.
    """
    changes: dict[str, dict[str, Any]] = {
        "issue_selection": {
            "slice": "all",
            "filters": [{"field": "id", "in": list(plan.issue_ids)}],
            "sample_size": None,
            "seed": seed,
        },
        "action_sampling": {"strategy": "anchor", "include_baseline": False, "seed": seed},
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
