"""A submission: the values that `Plans` writes."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from db.objectives import Objective, TieBreak
from db.repositories.bench_rows import RaceDocument
from db.states import BenchKind, PropensityKind

Json = dict[str, Any]


@dataclass(frozen=True)
class NewExecution:
    """One replicate of an arm, or the baseline check of a case (then without worst case)."""

    queue: str
    seed: int
    deadline_seconds: int
    replicate: int = 0
    worst_micro_usd: int = 0
    worst_ms: int = 0


@dataclass(frozen=True)
class NewArm:
    """One action tried in a case. None in a budget is the bin NA."""

    swarm_id: str
    max_candidates: int | None
    max_minutes: int | None
    max_iterations: int | None
    canonical_rank: int
    strategy: str
    strategy_version: str
    propensity: float
    propensity_kind: PropensityKind
    stratum: str
    is_baseline: bool
    is_executed: bool
    planned: Json
    executions: Sequence[NewExecution]


@dataclass(frozen=True)
class NewCase:
    """One issue of a bench with all its arms. `baseline` is known where the base commit was checked before;
    else `baseline_check` is run before anything is spent."""

    issue_id: str
    issue: Json
    job_type: str
    dk_risk: str
    dk_size: str
    dk_priority: str
    planner_input: Json
    input_hash: str
    workcell: Json
    baseline_key: str
    baseline: list[Json] | None
    baseline_check: NewExecution
    admission_rank: int
    note: str | None
    arms: Sequence[NewArm]
    run_no: int = 0
    """Which run of the issue in its stream; always 0 in a bench."""
    decision: Json | None = None
    """`{planner_action, policy_trace}` of a stream's run."""
    design: Json | None = None
    """How the arms were drawn, with every inclusion probability; None in a stream."""


@dataclass(frozen=True)
class BenchCaps:
    """Caps of a bench; None is no cap. Money in micro-dollars, time in milliseconds of planned minutes."""

    micro_usd: int | None = None
    ms: int | None = None
    executions: int | None = None
    case_micro_usd: int | None = None
    case_ms: int | None = None


@dataclass(frozen=True)
class NewBench:
    """One submission."""

    bench_id: str
    config: Json
    config_hash: str
    slice: str
    seed: int
    k: int
    strategy: str
    objective: Objective
    tie_break: Sequence[TieBreak]
    max_retries: int
    limits: BenchCaps
    cases: Sequence[NewCase]
    queues: dict[str, Sequence[str]] = field(default_factory=dict)
    """What each capability class used here needs."""
    kind: BenchKind = "bench"
    race: RaceDocument | None = None
    """None where its arms do not race."""
    stability: Json | None = None
    """Hashes of the rules that its outcomes depend on; None in a stream, whose runs carry their own."""
