"""The planner_input of a case: the issue, similar earlier runs, the state of the farm; as of submit."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from bench.intake.issue import Issue
from db.repositories.history import FarmLoad
from planner.encoding.build_input import planner_input_document
from planner.system.clock import rfc3339

Json = dict[str, Any]
UNIVERSE_ID = "default"

_ACTIVE_BINS = ((0, "0"), (2, "1-2"), (5, "3-5"))
_QUEUE_BINS = ((0, "0"), (5, "1-5"), (20, "6-20"))


def planner_input(issue: Issue, now: datetime, history: Sequence[Json], system_state: Json | None) -> Json:
    """The `cyntra.planner_input.v1` document of an issue."""
    return planner_input_document(
        created_at=rfc3339(now),
        universe_id=UNIVERSE_ID,
        job_type=issue.job_type,
        universe_defaults={},
        issue={
            "issue_id": issue.id,
            "dk_priority": issue.dk_priority,
            "dk_risk": issue.dk_risk,
            "dk_size": issue.dk_size,
            "dk_tool_hint": issue.dk_tool_hint,
            "dk_attempts": issue.dk_attempts,
            "tags": list(issue.tags),
            "title": issue.title,
            "description": issue.description,
        },
        history=history,
        system_state=system_state,
    )


def system_state(load: FarmLoad, health: Mapping[str, float], now: datetime, usd_cap: float | None) -> Json:
    """The live farm in the bins of the contract."""
    toolchains = sorted(name for name in load.capabilities if ":" not in name)
    return {
        "active_workcells_bin": _bin(load.running, _ACTIVE_BINS, "6+"),
        "queue_depth_bin": _bin(load.ready, _QUEUE_BINS, "20+"),
        "available_toolchains": toolchains,
        "toolchain_health": {name: round(rate, 4) for name, rate in sorted(health.items())},
        "hour_bucket": _hour_bucket(now),
        "budget_remaining_bin": _budget_bin(load.usd_left_today, usd_cap),
    }


def _bin(value: int, bins: Sequence[tuple[int, str]], above: str) -> str:
    return next((name for limit, name in bins if value <= limit), above)


def _hour_bucket(now: datetime) -> str:
    hour = now.astimezone(UTC).hour
    return ("night", "morning", "afternoon", "evening")[hour // 6]


def _budget_bin(micro_usd_left_today: int | None, usd_cap: float | None) -> str:
    """low below $10, medium below $100, high above; the tighter of the day's rest and the bench's own cap."""
    known = [amount / 1e6 for amount in [micro_usd_left_today] if amount is not None]
    known += [usd_cap] if usd_cap is not None else []
    if not known:
        return "unlimited"
    left = min(known)
    return "low" if left < 10 else "medium" if left < 100 else "high"
