"""Synthetic planner inputs for the equivalence check of an export and for a bundle's golden cases.

They are generated from a fixed seed, so that a bundle leaks nothing about its training issues.
"""

import random
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, Final

from planner.actions import JOB_TYPES, JobType, valid_actions
from planner.encoding.build_input import planner_input_document
from planner.system.clock import rfc3339

CASES: Final = 120
HISTORY: Final = 8
_NOW_MS: Final = 1_767_225_600_000  # 2026-01-01T00:00:00Z
_DAY_MS: Final = 86_400_000
_TAGS: Final[dict[JobType, list[str]]] = {
    "code": [],
    "fab-asset": ["asset:prop"],
    "fab-world": ["asset:world"],
}
_TOPICS: Final = ("parser", "io", "ui", "database", "network", "docs", "build", "auth", "cache", "export")
_CODES: Final = (
    "test.assertion",
    "test.error",
    "lint.unused",
    "type.mismatch",
    "build.missing",
    "gate.timeout",
)
_GATES: Final = ("test", "lint", "types", "build", "format", "render")
_TOOLCHAINS: Final = ("codex", "claude", "opencode", "crush")
Json = dict[str, Any]


def planner_inputs(count: int = CASES) -> Iterator[Json]:
    """Generate `count` documents `cyntra.planner_input.v1`: job types in turn, histories of 0 to 8 runs."""
    rng = random.Random(0)  # noqa: S311  # synthetic data, not a secret
    for number in range(count):
        yield _planner_input(rng, JOB_TYPES[number % len(JOB_TYPES)], number // 3 % (HISTORY + 1))


def _planner_input(rng: random.Random, job_type: JobType, runs: int) -> Json:
    starts = sorted((_NOW_MS - rng.randint(60_000, 60 * _DAY_MS) for _ in range(runs)), reverse=True)
    # In this order: each draw moves the generator on.
    return planner_input_document(
        created_at=rfc3339(datetime.fromtimestamp(_NOW_MS / 1000, UTC)),
        universe_id="default",
        job_type=job_type,
        universe_defaults=rng.choice([{}, {"swarm_id": "serial_handoff", "objective_id": "quality"}]),
        issue=_issue(rng, job_type),
        history=[_run(rng, start, job_type) for start in starts],
        system_state=rng.choice([None, *[_system_state(rng)] * 3]),
    )


def _issue(rng: random.Random, job_type: JobType) -> Json:
    topic = rng.choice(_TOPICS)
    return {
        "issue_id": f"case-{rng.randint(1, 9999)}",
        "dk_priority": rng.choice(["P0", "P1", "P2", "P3"]),
        "dk_risk": rng.choice(["low", "medium", "high", "critical"]),
        "dk_size": rng.choice(["XS", "S", "M", "L", "XL"]),
        "dk_tool_hint": rng.choice([None, *_TOOLCHAINS]),
        "dk_attempts": rng.choice([0, 0, 1, 2, 4]),
        "tags": [*_TAGS[job_type], *rng.sample(_TOPICS, rng.randint(0, 6))],
        "title": f"The {topic} loses its last entry",
        "description": f"After a restart the {topic} shows one entry less than before.",
    }


def _run(rng: random.Random, started_ms: int, job_type: JobType) -> Json:
    status = rng.choice(["success", "success", "failed", "timeout"])
    action = rng.choice(valid_actions(job_type))
    budgets = [None if budget == "NA" else budget for budget in action[1:]]
    names = ("max_candidates", "max_minutes", "max_iterations")
    return {
        "schema_version": "run_summary.v1",
        "run_id": f"run-{started_ms}",
        "started_ms": started_ms,
        "job_type": job_type,
        "domain": job_type.replace("-", "_"),
        "action_executed": {"swarm_id": action.swarm_id, **dict(zip(names, budgets, strict=True))},
        "outcome": {
            "status": status,
            "fail_codes": [] if status == "success" else rng.sample(_CODES, rng.randint(1, 3)),
            "gates": [
                {"name": name, "passed": status == "success" or rng.random() < 0.5}
                for name in rng.sample(_GATES, rng.randint(1, 4))
            ],
        },
        "runtime": {"duration_ms": rng.randint(5_000, 7_200_000)},
        "cost_usd_est": rng.choice([None, round(rng.uniform(0.001, 5), 4)]),
    }


def _system_state(rng: random.Random) -> Json:
    return {
        "active_workcells_bin": rng.choice(["0", "1-2", "3-5", "6+"]),
        "queue_depth_bin": rng.choice(["0", "1-5", "6-20", "20+"]),
        "available_toolchains": sorted(rng.sample(_TOOLCHAINS, rng.randint(1, 4))),
        "hour_bucket": rng.choice(["night", "morning", "afternoon", "evening"]),
        "budget_remaining_bin": rng.choice(["low", "medium", "high", "unlimited"]),
    }
