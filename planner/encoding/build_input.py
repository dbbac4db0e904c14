"""The builder of `cyntra.planner_input.v1` documents: what a policy is asked with."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from planner.actions import JOB_TYPES, JobType, action_space_document
from planner.system.clock import rfc3339_now

SCHEMA_VERSION: Final = "cyntra.planner_input.v1"
MAX_RUNS: Final = 8
_MISSING: Final = {
    "dk_priority": "P2",
    "dk_risk": "medium",
    "dk_size": "M",
    "dk_tool_hint": None,
    "dk_attempts": 0,
}
_TEXTS: Final = ("title", "description", "keywords")


def planner_input_document(
    *,
    created_at: str,
    universe_id: str,
    job_type: JobType,
    universe_defaults: dict[str, Any],
    issue: Mapping[str, Any],
    history: Sequence[Mapping[str, Any]],
    system_state: Mapping[str, Any] | None,
) -> dict[str, Any]:
    """A `cyntra.planner_input.v1` document of these parts, with the action space; nothing is validated.

    `created_at` is RFC 3339; `history` holds `run_summary.v1` documents, newest first.
    """
    return {
        "schema_version": SCHEMA_VERSION,
        "created_at": created_at,
        "universe_id": universe_id,
        "job_type": job_type,
        "universe_defaults": universe_defaults,
        "issue": issue,
        "history": {"last_n_similar_runs": list(history)},
        "action_space": action_space_document(),
        "system_state": system_state,
    }


def build_planner_input(
    issue: Mapping[str, Any],
    history: Sequence[Mapping[str, Any]] = (),
    universe_defaults: Mapping[str, Any] | None = None,
    system_state: Mapping[str, Any] | None = None,
    universe_id: str = "default",
) -> dict[str, Any]:
    """Build the planner_input of an issue, at the current time.

    `issue` has the field names of a Beads issue or of planner_input (`id` or `issue_id`). Missing fields get the
    defaults of the contract; other fields are dropped. `history` holds `run_summary.v1` documents in any order; the
    eight newest are kept.

    Returns a plain document that is not validated. Raises `KeyError` or `TypeError` for unusable arguments.
    """
    tags = list(issue.get("tags") or ())
    newest = sorted(history, key=lambda run: (-run["started_ms"], run["run_id"]))[:MAX_RUNS]
    return planner_input_document(
        created_at=rfc3339_now(),
        universe_id=universe_id,
        job_type=job_type_of(tags),
        universe_defaults=dict(universe_defaults or {}),
        issue={
            "issue_id": issue["issue_id"] if "issue_id" in issue else issue["id"],
            **{
                field: default if issue.get(field) is None else issue[field]
                for field, default in _MISSING.items()
            },
            "tags": tags,
            **{field: issue[field] for field in _TEXTS if issue.get(field) is not None},
        },
        history=newest,
        system_state=None if system_state is None else dict(system_state),
    )


def job_type_of(tags: Sequence[str]) -> JobType:
    """The job type that tags imply: `fab-world` for `asset:world`, `fab-asset` for another `asset:…`, else `code`."""
    if "asset:world" in tags:
        return "fab-world"
    return "fab-asset" if any(tag.startswith("asset:") for tag in tags) else "code"


def stated_job_type(planner_input: Any) -> JobType:
    """The job type of `planner_input`; without a valid one `code`, whose baseline is valid for every job type."""
    stated = planner_input.get("job_type") if isinstance(planner_input, Mapping) else None
    return next((known for known in JOB_TYPES if known == stated), "code")


def risk_and_size(issue: Any) -> tuple[str | None, str | None]:
    """The risk and size of `issue`; None for a value that is missing or not a text."""
    if not isinstance(issue, Mapping):
        return None, None
    risk, size = issue.get("dk_risk"), issue.get("dk_size")
    return (risk if isinstance(risk, str) else None, size if isinstance(size, str) else None)
