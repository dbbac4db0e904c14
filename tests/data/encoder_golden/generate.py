"""Writes `cases.jsonl`: documents and what they were encoded to when the layout was fixed.

python -m tests.data.encoder_golden.generate

To be run only together with a new layout version: bundles in the field were made with the old numbers.
"""

import json
from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path
from random import Random
from typing import Any

from planner.documents.base import parse_document
from planner.documents.planner_input import PlannerInput
from planner.encoding.encoder import encode
from planner.encoding.layout import LAYOUT_V1, LAYOUT_V2
from tests.fixtures.planner_examples import NOW_MS, history, planner_input

Json = dict[str, Any]
CASES = Path(__file__).with_name("cases.jsonl")


def documents() -> Iterator[tuple[str, Json]]:
    """(name, planner_input) of every case."""
    for seed in range(12):
        yield f"usual {seed}", planner_input(Random(seed))
    usual = planner_input(Random(99), job_type="code")
    runs = history(Random(98), "code", NOW_MS, 12)
    yield "twelve runs, the oldest first", usual | {"history": {"last_n_similar_runs": runs[::-1]}}
    yield "as little as possible", _bare(usual)
    yield "everything unknown", _unknown(usual)
    yield "all of Unicode", _unicode(usual)
    yield "edges of every bin", _edges(usual)


def _bare(usual: Json) -> Json:
    issue = {key: usual["issue"][key] for key in ("issue_id", "dk_priority", "dk_risk", "dk_size")}
    return usual | {
        "issue": issue | {"dk_tool_hint": None, "dk_attempts": 0, "tags": []},
        "history": {"last_n_similar_runs": []},
        "universe_defaults": {},
        "system_state": None,
    }


def _unknown(usual: Json) -> Json:
    changed = deepcopy(usual)
    changed["universe_defaults"] = {"swarm_id": "chorus", "objective_id": "beauty"}
    changed["action_space"]["swarm_ids"] += ["chorus", "solo"]
    changed["system_state"] = {
        "active_workcells_bin": "many",
        "queue_depth_bin": "7",
        "available_toolchains": ["repair", "codex"],
        "hour_bucket": "noon",
        "budget_remaining_bin": "plenty",
    }
    run = history(Random(97), "code", NOW_MS, 1)[0]
    run["domain"] = "music"
    run["action_executed"] = {"swarm_id": "chorus", "max_candidates": None} | dict.fromkeys(
        ("max_minutes", "max_iterations")
    )
    changed["history"]["last_n_similar_runs"] = [run]
    return changed


def _unicode(usual: Json) -> Json:
    words = ["Ärger", "Ärger", "日本語", "🦀", "\x00", "\u2028", "", "ẞ", "ﷺ"]
    changed = deepcopy(usual)
    changed["issue"] |= {
        "tags": words,
        "dk_tool_hint": "🦀",
        "title": "İstanbul ΣΑΣ straße",
        "description": "日本語 " * 3,
    }
    run = history(Random(96), "code", NOW_MS, 1)[0]
    run["outcome"] = {
        "status": "failed",
        "fail_codes": words,
        "gates": [{"name": word, "passed": len(word) > 1} for word in words if word],
    }
    changed["history"]["last_n_similar_runs"] = [run]
    return changed


def _edges(usual: Json) -> Json:
    changed = deepcopy(usual) | {"created_at": "2026-07-31T08:00:00.000999999+00:00"}
    minutes = (0, 1, 5, 15, 30, 60, 61, 10**20)
    costs = (None, 0, 0.01, 0.1, 1, 10, 9.999, 1e300)
    days = (0, 1, 7, 30, 31, 90, 365, 10**6)
    budgets = (
        (0, 0, 0),
        (1, 22, 1),
        (2, 23, 2),
        (3, 37, 4),
        (9, 38, 5),
        (None, 52, 6),
        (1, 53, None),
        (1, 91, 9),
    )
    runs = history(Random(95), "code", NOW_MS, 8)
    for run, minute, cost, day, (candidates, limit, rounds) in zip(
        runs, minutes, costs, days, budgets, strict=True
    ):
        run["runtime"] = {"duration_ms": minute * 60_000}
        run["cost_usd_est"] = cost
        run["started_ms"] = NOW_MS - day * 86_400_000
        run["action_executed"] |= {
            "max_candidates": candidates,
            "max_minutes": limit,
            "max_iterations": rounds,
        }
    changed["history"]["last_n_similar_runs"] = runs
    changed["issue"]["dk_attempts"] = 3
    changed["system_state"] = {"active_workcells_bin": 6, "queue_depth_bin": 20}
    return changed


def main() -> None:
    """Write all cases."""
    with CASES.open("w", encoding="utf-8") as file:
        for name, document in documents():
            parse_document(PlannerInput, document, name)
            case = {
                "name": name,
                "planner_input": document,
                "v1": encode(document, LAYOUT_V1)._asdict(),
                "v2": encode(document, LAYOUT_V2)._asdict(),
            }
            file.write(json.dumps(case, sort_keys=True, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
