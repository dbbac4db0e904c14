"""Parsing of workcell archives: lenient with older kernels; a broken archive is rejected by itself."""

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

from planner.actions import Action, JobType
from planner.dataset import facts
from planner.dataset.epochs import epoch_of
from planner.dataset.facts import ActualPlan, BrokenArchiveError, Files, Times
from planner.errors import PlannerError
from planner.system.regular_files import MIB, read_regular

Json = dict[str, Any]
_LARGEST: Final = 64 * MIB
ROLLOUT_VERSION: Final = "cyntra.rollout.v1"
_BENCH: Final = "bench:"


class Archived(NamedTuple):
    """One candidate's archive as plain JSON values, so that a `Spool` can store it."""

    workcell_id: str
    group: str
    """Key shared by the candidates of one decision."""
    attempt: int
    """Attempt number of the farm's execution."""
    times: Times
    status: str
    """success | failed | timeout | error"""
    job_type: JobType
    issue: Json
    universe_id: str
    planner_input: Json | None
    """The recorded planner_input of the policy."""
    plan: ActualPlan
    planned: Action | None
    """The decision of a planner, as it was recorded."""
    epoch: str
    propensity: float | None
    benched: bool
    """Whether a bench sampled the action for comparison; then it was no decision."""
    repo: str | None
    cost_usd: float | None
    gates: list[Json]
    fail_codes: list[str]
    diff_lines: float | None

    @classmethod
    def from_json(cls, values: list[Any]) -> "Archived":
        """Restore a record read from a spool."""
        archived = cls(*values)
        planned = None if archived.planned is None else Action(*archived.planned)
        plan = ActualPlan(*archived.plan)
        return archived._replace(times=Times(*archived.times), plan=plan, planned=planned)


def find_archives(roots: Sequence[Path]) -> list[tuple[str, Path]]:
    """List the archives below `roots` as (name, root), sorted by name.

    Raises `PlannerError` where a root cannot be listed.
    """
    archives: list[tuple[str, Path]] = []
    for root in roots:
        try:
            with os.scandir(root) as entries:
                # A leading dot marks the draft of an interrupted atomic write.
                archives += [
                    (entry.name, root) for entry in entries if entry.name[0] != "." and entry.is_dir()
                ]
        except OSError as error:
            raise PlannerError(
                f"cannot read archives from {root}: {error.strerror}; name their directory with --archives"
            ) from None
    return sorted(archives)


def read_archive(directory: Path, backlog: Mapping[str, Json]) -> Archived:
    """Parse the archive in `directory`: its rollout, else its manifest and proof.

    `backlog` (issues by id) supplies fields of the issue that the archive does not have.

    Raises `BrokenArchiveError` with the reason where the archive is invalid.
    """
    rollout, manifest, proof = (load_document(directory, name) for name in ("rollout", "manifest", "proof"))
    if rollout is None and (manifest is None or proof is None):
        raise BrokenArchiveError("neither rollout.json nor both manifest.json and proof.json exist")
    if rollout is not None and rollout.get("schema_version") != ROLLOUT_VERSION:
        raise BrokenArchiveError(f"rollout.json: unknown schema_version {rollout.get('schema_version')!r}")
    files = Files(rollout or {}, manifest or {}, proof or {})
    try:
        return _archived(directory.name, files, backlog)
    except (PlannerError, OverflowError) as error:
        raise BrokenArchiveError(str(error)) from None


def load_document(directory: Path, name: str) -> Json | None:
    """The JSON object in `<name>.json`, or None where there is no such file.

    Raises `BrokenArchiveError` where it is no JSON object, or no regular file.
    """
    try:
        document = json.loads(read_regular(directory / f"{name}.json", _LARGEST, links=False))
    except FileNotFoundError:
        return None
    except OSError as error:
        raise BrokenArchiveError(f"{name}.json: {error.strerror or error}") from None
    except (ValueError, RecursionError) as error:
        raise BrokenArchiveError(f"{name}.json: not JSON: {error}") from None
    if not isinstance(document, dict):
        raise BrokenArchiveError(f"{name}.json: a JSON object is needed")
    return document


def _archived(name: str, files: Files, backlog: Mapping[str, Json]) -> Archived:
    recorded = facts.recorded_input(files)
    issue = facts.issue_of(files, recorded, backlog)
    times = facts.times_of(files)
    if recorded is not None:
        _refuse_leaking_history(recorded, times.started_ms)
    workcell_id = str(files.manifest.get("workcell_id") or files.rollout.get("workcell_id") or name)
    group, attempt = _group(workcell_id, files.manifest, issue["issue_id"], recorded)
    trace = facts.mapping(files.planner.get("policy_trace"))
    repo = facts.at(files.manifest, "toolchain_config", "repo")
    cost = facts.at(files.rollout, "scores", "cost_usd")
    if cost is None:
        cost = facts.at(files.proof, "metadata", "cost_usd")
    universe = facts.at(recorded, "universe_id") or files.manifest.get("universe_id") or "default"
    return Archived(
        workcell_id=workcell_id,
        group=group,
        attempt=attempt,
        times=times,
        status=facts.status_of(files),
        job_type=facts.job_type_in(files, recorded, issue["tags"]),
        issue=issue,
        universe_id=str(universe),
        planner_input=recorded,
        plan=facts.plan_of(files),
        planned=facts.planned_action(files),
        epoch=epoch_of(facts.mapping(trace.get("stability"))),
        propensity=facts.number(trace.get("propensity_executed"), "propensity_executed"),
        benched=str(trace.get("policy_id")).startswith(_BENCH),
        repo=repo if isinstance(repo, str) else None,
        cost_usd=facts.amount(cost, "cost_usd"),
        gates=facts.gates_of(files),
        fail_codes=facts.fail_codes_of(files),
        diff_lines=facts.number(facts.at(files.proof, "patch", "diff_lines"), "diff_lines"),
    )


def _refuse_leaking_history(recorded: Json, started_ms: int) -> None:
    if any(run["started_ms"] >= started_ms for run in recorded["history"]["last_n_similar_runs"]):
        raise BrokenArchiveError("the history of its planner_input holds a run that started later")


def _group(workcell_id: str, manifest: Json, issue_id: str, recorded: Json | None) -> tuple[str, int]:
    """The group key of a candidate, and its attempt number.

    A farm numbers its executions and their attempts. Elsewhere, speculative candidates of the same issue and the same
    `created_at` belong to one decision.
    """
    execution = facts.mapping(manifest.get("bench"))
    if execution:
        attempt = execution.get("attempt")
        group = f"{execution.get('bench_id')}/{execution.get('execution_id')}"
        return group, attempt if isinstance(attempt, int) else 0
    if manifest.get("speculate_mode") is True and recorded is not None:
        return f"{issue_id}/{recorded['created_at']}", 0
    return workcell_id, 0
