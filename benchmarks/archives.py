"""Archives as workcells leave them, by the hundred thousand: a few drawn in full, the rest stamped from them."""

import json
import random
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from planner.actions import action_space_document, valid_actions
from planner.system.clock import rfc3339

Json = dict[str, Any]
_MOULDS = 64
_BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
_TAGS = [
    f"{area}:{part}" for area in ("lang", "area", "kind") for part in ("parser", "io", "ui", "db", "net")
]
_CODES = ["test.assertion", "test.error", "lint.unused", "type.mismatch", "build.missing"]
_NAMES = ("rollout", "manifest", "proof")
# Stands in a mould where each archive has its own; texts of equal meaning in every file of an archive.
_ID, _ISSUE, _START, _END, _ASKED = "@id@", "@issue@", "@start@", "@end@", "@asked@"


def write_archives(root: Path, count: int, legacy: float = 0.2, seed: int = 0) -> None:
    """Write `count` archives below `root`; the share `legacy` has no planner block. Same seed, same bytes."""
    lot = random.Random(seed)
    moulds = [_mould(lot, place < legacy * _MOULDS) for place in range(_MOULDS)]
    root.mkdir(parents=True)
    for number in range(count):
        start = _BEGIN + timedelta(minutes=number)
        values = {
            _ID: f"x{number}-a1-c0-{seed:08x}",
            _ISSUE: f"depot-{number // 4}",
            _START: rfc3339(start, "milliseconds"),
            _END: rfc3339(start + timedelta(minutes=lot.randint(1, 90)), "milliseconds"),
            _ASKED: rfc3339(start - timedelta(seconds=1), "milliseconds"),
        }
        home = root / values[_ID]
        home.mkdir()
        for name, text in lot.choice(moulds).items():
            for mark, value in values.items():
                text = text.replace(mark, value)
            (home / f"{name}.json").write_text(text, encoding="ascii")


def _mould(lot: random.Random, legacy: bool) -> dict[str, str]:
    tags = lot.sample(_TAGS, 3)
    issue = {
        "dk_priority": lot.choice(["P0", "P1", "P2", "P3"]),
        "dk_risk": lot.choice(["low", "medium", "high", "critical"]),
        "dk_size": lot.choice(["XS", "S", "M", "L", "XL"]),
        "dk_tool_hint": lot.choice([None, "codex"]),
        "dk_attempts": lot.randint(0, 3),
        "tags": tags,
        "title": "Parser drops a token after a comment",
        "description": "The tests of the parser say where. " * 8,
    }
    passed = lot.random() < 0.6
    failures = [] if passed else lot.sample(_CODES, 2)
    planner = {} if legacy else {"planner": _planner_block(lot, issue)}
    times = {"started_at": _START, "completed_at": _END}
    gates = {
        name: {
            "passed": passed,
            "required": True,
            "exit_code": 0 if passed else 1,
            "duration_ms": 812,
            "fail_codes": failures,
            "output_tail": "12 passed in 0.42s\n" * 10,
        }
        for name in ("test", "lint", "types")
    }
    files: dict[str, Json] = {
        "rollout": {
            "schema_version": "cyntra.rollout.v1",
            "workcell_id": _ID,
            "issue_id": _ISSUE,
            "job_type": "code",
            "metadata": times,
            "outcomes": {
                "status": "success" if passed else "failed",
                "verification": {"all_passed": passed, "blocking_failures": [] if passed else ["test"]},
            },
            "scores": {"duration_ms": lot.randint(10_000, 3_600_000), "cost_usd": lot.choice([None, 0.25])},
            **planner,
        },
        "manifest": {
            "workcell_id": _ID,
            "job_type": "code",
            "issue": {"id": _ISSUE, **issue},
            "toolchain": "codex",
            "toolchain_config": {"repo": "https://example.org/depot.git", "timeout_seconds": 2700},
            "quality_gates": {name: {"command": ["pytest", "-q"]} for name in gates},
            "speculate_mode": False,
            "control": {"speculate_parallelism": 1},
            **planner,
        },
        "proof": {
            "schema_version": "cyntra.proof.v1",
            "workcell_id": _ID,
            "issue_id": _ISSUE,
            "status": "success" if passed else "failed",
            "patch": {"diff_lines": lot.randint(1, 300)},
            "verification": {
                "all_passed": passed,
                "gates": gates,
                "blocking_failures": [],
                "fail_codes": failures,
            },
            "metadata": times,
        },
    }
    return {name: json.dumps(files[name], sort_keys=True, indent=1) for name in _NAMES}


def _planner_block(lot: random.Random, issue: Json) -> Json:
    action = lot.choice(valid_actions("code")[:6])
    return {
        "planner_input": {
            "schema_version": "cyntra.planner_input.v1", "created_at": _ASKED, "universe_id": "default",
            "job_type": "code", "universe_defaults": {}, "issue": {"issue_id": _ISSUE, **issue},
            "history": {"last_n_similar_runs": [_run(lot, place) for place in range(8)]},
            "action_space": action_space_document(), "system_state": None,
        },
        "executed_plan": {
            "schema_version": "cyntra.executed_plan.v1", "swarm_id_executed": action.swarm_id,
            "max_candidates_executed": 1, "timeout_seconds_executed": lot.choice([900, 1800, 2700, 3600]),
            "max_iterations_executed": 2, "fallback_applied": False, "fallback_reason": None,
        },
        "policy_trace": {
            "schema_version": "cyntra.planner_policy_trace.v1", "policy_id": "heuristic_baseline",
            "policy_mode": "enforce", "candidate_set_hash": None, "propensity_executed": 1,
            "exploration": {"enabled": False}, "stability": {"kernel_config_hash": "benchmark"},
        },
    }  # fmt: skip


def _run(lot: random.Random, place: int) -> Json:
    return {
        "schema_version": "run_summary.v1", "run_id": f"run-{lot.randrange(10**9)}",
        "started_ms": 1_767_000_000_000 - place * 86_400_000, "job_type": "code", "domain": "code",
        "action_executed": {"swarm_id": "serial_handoff", "max_candidates": 1, "max_minutes": 30,
                            "max_iterations": 2},
        "outcome": {"status": "failed", "fail_codes": lot.sample(_CODES, 2),
                    "gates": [{"name": "test", "passed": False}, {"name": "lint", "passed": True}]},
        "runtime": {"duration_ms": lot.randint(10_000, 3_600_000)},
        "tags": lot.sample(_TAGS, 3), "issue_id": f"depot-{lot.randrange(1000)}",
    }  # fmt: skip
