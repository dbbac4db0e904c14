"""Archive of one candidate: `<archives>/<workcell id>/`, written atomically and append-only."""

import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeGuard

from planner.system.atomic import atomic_directory
from planner.system.clock import rfc3339
from workers.addresses import without_credentials
from workers.execution.plan import executed_plan
from workers.execution.vote import blocking_failures, passed
from workers.private import keep_private
from workers.result import WORKCELL_ID_PATTERN, CandidateResult
from workers.spec import PlannedAction, WorkOrder


@dataclass(frozen=True)
class CandidateRecord:
    """Input of one candidate's archive.

    Manifest, proof and rollout follow from the first three, which the farm's database stores, too: the archive of
    a lost machine can be written again, without its patch and logs.
    """

    order: WorkOrder
    action: PlannedAction
    result: CandidateResult
    patch: bytes | None = None
    """None where it is lost."""
    logs: Mapping[str, bytes] = field(default_factory=dict)
    whole: Mapping[str, bytes] = field(default_factory=dict)
    """Compressed files that are never shortened: the conversation, and the gateway's transcript."""


def is_archive_name(name: object) -> TypeGuard[str]:
    """Whether `name` is that of a workcell, and so of a directory directly in the archives."""
    return isinstance(name, str) and re.fullmatch(WORKCELL_ID_PATTERN.strip("^$"), name) is not None


def write_archive(archives: Path, record: CandidateRecord) -> Path:
    """Atomic write of one candidate's archive; returns its directory.

    Raises:
        OSError: it cannot be written, or an archive of this name exists: archives are append-only.
        ValueError: the name leads outside of `archives`; nothing is written.
    """
    workcell = record.result.workcell_id
    if not is_archive_name(workcell):
        raise ValueError(f"{workcell!r} is no name of an archive")
    keep_private(archives)
    # Many workers write here, and listing all archives for each one would take longer than writing it.
    with atomic_directory(archives / workcell, remove_stale=False) as draft:
        (draft / "logs").mkdir()
        planner = planner_block(record)
        _json(draft / "manifest.json", manifest(record, planner))
        _json(draft / "proof.json", proof(record))
        _json(draft / "rollout.json", rollout(record, planner))
        if record.patch is not None:
            (draft / "patch.diff").write_bytes(record.patch)
        for log, data in record.logs.items():
            (draft / "logs" / log).write_bytes(data)
        for name, data in record.whole.items():
            (draft / name).write_bytes(data)
    return archives / workcell


def planner_block(record: CandidateRecord) -> dict[str, Any]:
    """The planner's documents and the executed plan; the same in manifest and rollout."""
    given = record.order.planner
    return {
        "planner_input": given.get("planner_input"),
        "planner_action": given.get("planner_action"),
        "executed_plan": executed_plan(record.order, record.action, record.action.candidates),
        "policy_trace": given.get("policy_trace"),
    }


def manifest(record: CandidateRecord, planner: dict[str, Any]) -> dict[str, Any]:
    """The document `manifest.json`: the issue, the toolchains and their configuration."""
    order, result = record.order, record.result
    played = result.rounds[-1].toolchain if result.rounds else None
    return {
        "schema_version": "cyntra.workcell_manifest.v1",
        "workcell_id": result.workcell_id,
        "job_type": order.job_type,
        "issue": {"id": None, "title": None, "tags": [], **_without_credentials(order.issue)},
        "toolchain": played or order.workcell.toolchains[0].name,
        "toolchain_config": {
            "toolchains": [ref.model_dump() for ref in order.workcell.toolchains],
            "versions": {each.toolchain: each.toolchain_version for each in result.rounds},
            "seed": result.seed,
            "sandbox": result.sandbox,
            **({} if result.image is None else {"image": result.image}),
            "repo": without_credentials(order.workcell.repo),
            "base": order.workcell.base,
        },
        "quality_gates": {gate.name: gate.model_dump(exclude={"name"}) for gate in order.workcell.gates},
        "planner": planner,
        "speculate_mode": record.action.swarm_id == "speculate_vote",
        "control": {
            "speculate_parallelism": record.action.candidates,
            "sampling": {"seed": order.seed, "candidate": result.index},
        },
        "bench": {"bench_id": order.bench_id, "execution_id": order.execution_id, "attempt": order.attempt},
    }


def _without_credentials(issue: Mapping[str, Any]) -> dict[str, Any]:
    """The issue with its address redacted: benches of earlier versions may hold one with a password."""
    workcell = issue.get("workcell")
    if not isinstance(workcell, dict) or not isinstance(workcell.get("repo"), str):
        return dict(issue)
    return {**issue, "workcell": {**workcell, "repo": without_credentials(workcell["repo"])}}


def proof(record: CandidateRecord) -> dict[str, Any]:
    """The document `proof.json`: status, gates, rounds, times and costs."""
    result = record.result
    return {
        "schema_version": "cyntra.proof.v1",
        "workcell_id": result.workcell_id,
        "issue_id": record.order.issue.get("id"),
        "status": result.status,
        "error_class": result.error_class,
        "message": result.message,
        "patch": {
            "file": "patch.diff",
            "bytes": result.patch_bytes,
            "diff_lines": result.diff_lines,
            "files_modified": result.files_modified,
            "left_out": result.left_out.model_dump() if result.left_out else None,
        },
        "verification": {
            "all_passed": passed(result.gates),
            "gates": {gate.name: gate.model_dump(exclude={"name"}) for gate in result.gates},
            "blocking_failures": blocking_failures(result.gates),
            "fail_codes": result.fail_codes,
        },
        "rounds": [each.model_dump() for each in result.rounds],
        "metadata": {
            **_times(result),
            "duration_ms": result.duration_ms,
            "provider_wait_ms": result.provider_wait_ms,
            "billed_ms": result.billed_ms,
            "cost_usd": _usd(result.micro_usd),
            "cost_usd_at_least": _usd(result.micro_usd_at_least),
            "cost_source": result.cost_source,
            "tokens_used": _tokens(result),
        },
    }


def rollout(record: CandidateRecord, planner: dict[str, Any]) -> dict[str, Any]:
    """The document `rollout.json`: the part that training reads."""
    result = record.result
    return {
        "schema_version": "cyntra.rollout.v1",
        "workcell_id": result.workcell_id,
        "issue_id": record.order.issue.get("id"),
        "job_type": record.order.job_type,
        "metadata": _times(result),
        "outcomes": {
            "status": result.status,
            "verification": {
                "all_passed": passed(result.gates),
                "blocking_failures": blocking_failures(result.gates),
            },
        },
        "scores": {
            "duration_ms": result.duration_ms,
            "provider_wait_ms": result.provider_wait_ms,
            "cost_usd": _usd(result.micro_usd),
        },
        "planner": planner,
    }


def _times(result: CandidateResult) -> dict[str, str]:
    if result.started_at is None:
        raise ValueError(f"workcell {result.workcell_id} has no start time")
    return {
        "started_at": _rfc3339(result.started_at),
        "completed_at": _rfc3339(result.started_at + result.duration_ms / 1000),
    }


def _rfc3339(seconds: float) -> str:
    return rfc3339(datetime.fromtimestamp(seconds, UTC), "milliseconds")


def _usd(micro_usd: int | None) -> float | None:
    return None if micro_usd is None else micro_usd / 1_000_000


def _tokens(result: CandidateResult) -> int | None:
    counts = [each for played in result.rounds for each in (played.tokens_in, played.tokens_out)]
    known = [each for each in counts if each is not None]
    return sum(known) if known else None


def _json(path: Path, document: dict[str, Any]) -> None:
    text = json.dumps(document, ensure_ascii=True, sort_keys=True, indent=1, allow_nan=False)
    with path.open("w", encoding="ascii") as file:
        file.write(text + "\n")
        file.flush()
        os.fsync(file.fileno())
