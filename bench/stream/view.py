"""The queue view of a stream: running, ready and held issues, and statistics of its decisions."""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from pydantic import ValidationError

from bench.config.models import BenchConfig
from bench.intake.bulk import collector_paused
from bench.intake.conditions import matches
from bench.intake.issue import Issue
from bench.intake.slices import BUILT_IN
from bench.stream.board import Board
from bench.stream.urgency import aging_of, urgency_order
from bench.submit.issue_workcell import objector
from db.repositories.landings import Landings
from db.repositories.streams import DecisionCount, OpenRun, Streams

Json = dict[str, Any]
LANES = ("lane-a", "lane-b", "lane-c")


def lane_of(issue: Issue) -> str | None:
    """The lane slice that the issue is in, or None."""
    return next((lane for lane in LANES if matches(issue, BUILT_IN[lane])), None)


def queue_view(engine: sa.Engine, config: BenchConfig, now: datetime) -> Json:
    """The newest stream and its backlog, as JSON-able data."""
    streams = Streams(engine)
    board = Board(config.stream.max_attempts, objector(_as_it_runs(config, streams)))
    with collector_paused():
        board.load(streams.backlog())
        runs, past = streams.snapshot()
        board.add_finished(past)
        landings = Landings(engine)
        newest_of = landings.newest()
        unlanded = {name: row.reason or "" for name, row in newest_of.items() if row.state != "landed"}
        board.set_landings(unlanded, landings.base_conflicts())
        backlog = board.state(run.issue_id for run in runs)
        since = {issue.id: board.waiting_since(issue.id) for issue in backlog.ready}
        aging = aging_of(config.stream.patience)
        entries = urgency_order(backlog.ready, since, board.critical_hours(), now, aging)
    by_id = {issue.id: issue for issue in backlog.ready}
    newest = streams.newest()
    return {
        "stream": newest,
        "running": [_run(run) for run in runs],
        "ready": [
            {
                "issue_id": entry.issue_id,
                "priority": entry.priority,
                "starving": entry.starving,
                "critical_path_hours": -entry.minus_critical_hours,
                "waiting_since": entry.waiting_since,
                "lane": lane_of(by_id[entry.issue_id]),
            }
            for entry in entries
        ],
        "held": backlog.held,
        "cycles": backlog.cycles,
        "solved": len(backlog.solved),
        "lanes": Counter(lane_of(issue) or "none" for issue in backlog.ready),
        "decisions": None if newest is None else decisions_view(streams.decisions(newest)),
    }


def _as_it_runs(config: BenchConfig, streams: Streams) -> BenchConfig:
    """The stored config of the open stream, which includes its flags; `config` where no stream is open."""
    stored = streams.current_config()
    try:
        return config if stored is None else BenchConfig.model_validate(stored)
    except ValidationError:  # written by an earlier version, and refused by this one
        return config


def _run(run: OpenRun) -> Json:
    trace = (run.decision or {}).get("policy_trace", {})
    return {
        "issue_id": run.issue_id,
        "state": run.execution_state if run.state == "admitted" else run.state,
        "reason": run.reason,
        "swarm_id": run.planned["swarm_id"],
        "candidates": run.planned["candidates"],
        "minutes": run.planned["minutes"],
        "policy": trace.get("policy_id"),
    }


def decisions_view(rows: Sequence[DecisionCount]) -> Json:
    """Counts and rates of the decisions of a stream.

    `fallback_rate` is the share of the model's answers that abstained; `agreement` the share of its predictions that
    were executed. A rate is None where its denominator is 0.
    """
    asked = [row for row in rows if row.mode != "off"]
    own = [row for row in asked if not row.abstains]
    reasons: Counter[str] = Counter()
    for row in asked:
        for reason in filter(None, row.reason.split(",")):
            # The reason has a number in it, which would give each confidence its own count.
            reasons["low_confidence" if reason.startswith("low_confidence") else reason] += row.n
    return {
        "decisions": _count(rows),
        "asked": _count(asked),
        "fallback_rate": _share([row for row in asked if row.abstains], asked),
        "agreement": _share([row for row in own if row.agrees], own),
        "explored": _count([row for row in rows if row.explored]),
        "reasons": dict(reasons.most_common()),
    }


def _count(rows: Sequence[DecisionCount]) -> int:
    return sum(row.n for row in rows)


def _share(part: Sequence[DecisionCount], whole: Sequence[DecisionCount]) -> float | None:
    return _count(part) / _count(whole) if whole else None
