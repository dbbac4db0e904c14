"""Runs: the candidates of one decision, summarised for histories and as training examples."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from math import fsum
from typing import Any, Final, NamedTuple

from planner.actions import NA, Action, JobType
from planner.dataset.archives import Archived
from planner.dataset.facts import ActualPlan
from planner.documents.planner_input import RunSummary, input_hash
from planner.documents.plans import label_document
from planner.encoding.build_input import planner_input_document
from planner.space.baseline import clamp_action
from planner.system.clock import rfc3339

Json = dict[str, Any]
_START: Final = datetime(1970, 1, 1, tzinfo=UTC)


class ArchivedRun(NamedTuple):
    """One decision, executed by one or more candidates."""

    speaker: Archived
    """The winning candidate; its id is the run's."""
    status: str
    started_ms: int
    completed_ms: int
    duration_ms: int
    provider_wait_ms: int
    """Of the candidate that waited longest for a provider."""
    cost_usd: float | None
    """Total of all candidates in US dollars; None where one is unknown."""


def run_of(candidates: Sequence[Archived]) -> ArchivedRun:
    """Aggregate the candidates of one decision.

    The winner is chosen by success, then fewer failed gates, a smaller patch, less time without waits for a provider,
    the lower id. A run without
    success is an error where one of its candidates ended in an error: that one might have passed.
    """
    speaker = min(candidates, key=_rank)
    errors = any(candidate.status == "error" for candidate in candidates)
    started = min(candidate.times.started_ms for candidate in candidates)
    ended = max(candidate.times.started_ms + candidate.times.duration_ms for candidate in candidates)
    costs = [candidate.cost_usd for candidate in candidates]
    return ArchivedRun(
        speaker,
        status="error" if errors and speaker.status != "success" else speaker.status,
        started_ms=started,
        completed_ms=max(candidate.times.completed_ms for candidate in candidates),
        duration_ms=ended - started,
        provider_wait_ms=max(candidate.times.provider_wait_ms for candidate in candidates),
        # fsum: the order of the candidates must not show in the last digit.
        cost_usd=None if None in costs else fsum(cost for cost in costs if cost is not None),
    )


def _rank(candidate: Archived) -> tuple[bool, bool, int, float, int, str]:
    failed = sum(not gate["passed"] for gate in candidate.gates)
    return (
        candidate.status == "error",
        candidate.status != "success",
        failed,
        candidate.diff_lines or 0,
        candidate.times.duration_ms - candidate.times.provider_wait_ms,
        candidate.workcell_id,
    )


def summary(run: ArchivedRun) -> RunSummary:
    """The run as a `run_summary.v1` document; not defined for a run that ended in an error."""
    speaker = run.speaker
    plan = speaker.plan
    return RunSummary.model_validate(
        {
            "schema_version": "run_summary.v1",
            "run_id": speaker.workcell_id,
            "started_ms": run.started_ms,
            "job_type": speaker.job_type,
            "domain": speaker.job_type.replace("-", "_"),
            "action_executed": {
                "swarm_id": plan.swarm_id,
                "max_candidates": plan.candidates,
                "max_minutes": None if plan.seconds is None else int(plan.seconds // 60),
                "max_iterations": plan.iterations,
            },
            "outcome": {"status": run.status, "fail_codes": speaker.fail_codes, "gates": speaker.gates},
            "runtime": {"duration_ms": run.duration_ms},
            "tags": speaker.issue["tags"],
            "issue_id": speaker.issue["issue_id"],
            **({} if run.cost_usd is None else {"cost_usd_est": run.cost_usd}),
        }
    )


def rebuilt_input(run: ArchivedRun, history: Sequence[RunSummary]) -> Json:
    """The reconstructed planner_input of a run that recorded none; the farm's state then is not known."""
    speaker = run.speaker
    return planner_input_document(
        created_at=_time(run.started_ms),
        universe_id=speaker.universe_id,
        job_type=speaker.job_type,
        universe_defaults={},
        issue=speaker.issue,
        history=[run_summary.document() for run_summary in history],
        system_state=None,
    )


def example(run: ArchivedRun, planner_input: Json) -> Json:
    """The run as a dataset example without a split; its own outcome is the only candidate."""
    speaker = run.speaker
    label = executed_action(speaker.plan, planner_input["job_type"])
    hashed = input_hash(planner_input)
    source = "inferred" if speaker.plan.inferred else "executed"
    document = {
        "run_id": speaker.workcell_id,
        "started_ms": run.started_ms,
        "planner_input": planner_input,
        "label_action": label_document(label, _time(run.started_ms), hashed, source),
        "input_hash": hashed,
        "source": source,
        "repo": speaker.repo,
    }
    # Without its propensity an outcome is useless for an off-policy estimate.
    return document if speaker.propensity is None else {**document, "candidates": [_outcome(run, label)]}


def executed_action(plan: ActualPlan, job_type: JobType) -> Action:
    """The executed plan quantised to the nearest valid action; unknown budgets are NA."""
    minutes = None if plan.seconds is None else plan.seconds / 60
    numbers = (NA if value is None else value for value in (plan.candidates, minutes, plan.iterations))
    return clamp_action(Action(plan.swarm_id, *numbers), job_type)  # type: ignore[arg-type]


def ran_as_planned(archived: Archived) -> bool | None:
    """Whether the recorded decision is what ran, NA being any number; None where there is none."""
    if archived.planned is None:
        return None
    ran = executed_action(archived.plan, archived.job_type)
    return all(planned in (NA, part) for planned, part in zip(archived.planned, ran, strict=True))


def _outcome(run: ArchivedRun, label: Action) -> Json:
    return {
        "action": list(label),
        "outcome": {
            "status": run.status,
            "duration_ms": run.duration_ms,
            **({"provider_wait_ms": run.provider_wait_ms} if run.provider_wait_ms else {}),
            "cost_usd": run.cost_usd,
            "all_gates_passed": run.status == "success",
            "fail_codes": run.speaker.fail_codes,
        },
        "is_winner": run.status == "success",
        "propensity": run.speaker.propensity,
        "replicate": 0,
    }


def _time(milliseconds: int) -> str:
    return rfc3339(_START + timedelta(milliseconds=milliseconds))
