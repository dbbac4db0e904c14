"""The plan of a bench: a pure function of the config, the issues and what the farm knew at submit."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from bench.config.errors import ConfigError
from bench.config.load import config_hash
from bench.config.models import BenchConfig, ExecutionLimits
from bench.config.money import to_micro_usd
from bench.experiment.replicates import admission_ranks
from bench.experiment.space import SamplingInput, SamplingRule
from bench.experiment.strategies.registry import get_strategy
from bench.experiment.strategies.sampling import design_document, sample_arms
from bench.experiment.streams import seed63
from bench.experiment.worst_case import (
    MS_PER_MINUTE,
    ArmLimits,
    arm_space,
    cost_model,
)
from bench.intake.issue import Issue
from bench.submit.arms import check_seconds, new_arms
from bench.submit.epoch import bench_stability
from bench.submit.inputs import planner_input
from bench.submit.issue_workcell import workcell_of
from bench.submit.prompts import prompt_frontier
from bench.submit.racing import new_race
from db.repositories.new_bench import BenchCaps, NewArm, NewBench, NewCase, NewExecution
from planner.actions import Action
from planner.canonical import canonical_json, sha256_json
from planner.documents.base import hash_without_time
from planner.space.baseline import baseline_action
from workers.classes import class_name, needs_of
from workers.gates.judge import BASELINE_VERSION
from workers.spec import GitOptions, Workcell

Json = dict[str, Any]


@dataclass(frozen=True)
class Known:
    """What the farm knew when the bench was submitted; nothing later flows into a plan."""

    now: datetime
    history: Callable[[Issue], list[Json]] = lambda _issue: []
    """Similar earlier runs of an issue (run_summary documents), newest first."""
    system_state: Json | None = None
    last_actions: Mapping[str, Action] = field(default_factory=dict)
    baselines: Mapping[str, list[Json]] = field(default_factory=dict)
    """Gates' results on base commits, by baseline key."""
    prompt: Any = field(default_factory=lambda: prompt_frontier(None))
    """What agents are asked with, as `prompt_frontier` returns it."""


@dataclass(frozen=True)
class Ready:
    """An issue with its workcell, whose base is a commit."""

    issue: Issue
    workcell: Workcell

    @property
    def baseline_key(self) -> str:
        """What the gates show on the base commit depends on these, and on nothing else."""
        fields = _BASELINE_FIELDS | ({"git"} if self.workcell.git != GitOptions() else set())
        if self.workcell.image is not None:
            fields |= {"image"}
        if self.workcell.known_good is not None:
            fields |= {"known_good", "protected_paths", "further_protected_paths"}
        cell = self.workcell.model_dump(mode="json", include=fields)
        return sha256_json({"issue": self.issue.id, "workcell": cell, "kept": BASELINE_VERSION})

    @property
    def has_known_image(self) -> bool:
        """Whether it has no image, or one whose digest is known: else gates may show something else each time."""
        return self.workcell.image is None or "@" in self.workcell.image


_BASELINE_FIELDS = {"repo", "base", "setup", "gates", "tags"}


def make_ready(
    config: BenchConfig,
    issue: Issue,
    resolve_commit: Callable[[str, str], str],
    source: str | None = None,
    resolve_image: Callable[[str], str] = lambda image: image,
) -> Ready:
    """The issue's workcell, its base resolved to a commit by `resolve_commit(repo, ref)`, its image to a digest.

    `source` is the backlog that the issue was imported from, which decides how far it is trusted.
    """
    workcell = workcell_of(config, issue, source)
    resolved = {"base": resolve_commit(workcell.repo, workcell.base)}
    if workcell.image is not None:
        resolved["image"] = resolve_image(workcell.image)
    if workcell.known_good is not None:
        resolved["known_good"] = resolve_commit(workcell.repo, workcell.known_good)
        if resolved["known_good"] == resolved["base"]:
            raise ConfigError(
                f"issue {issue.id}: workcell.known_good is the base commit itself; name one where the gates pass"
            )
    return Ready(issue, workcell.model_copy(update=resolved))


def plan_bench(
    config: BenchConfig, bench_id: str, slice_name: str, ready: Sequence[Ready], known: Known
) -> NewBench:
    """The whole bench, ready to be written. Same config, issues and seed: same arms, propensities and seeds."""
    sampling = config.action_sampling
    ranks = admission_ranks(sampling.seed, [item.issue.id for item in ready])
    queues: dict[str, tuple[str, ...]] = {}
    cases = []
    inputs = get_strategy(sampling.strategy).prepare(
        [_sampling_input(config, item, known.last_actions.get(item.issue.id)) for item in ready], ranks
    )
    for item, sampling_input in zip(ready, inputs, strict=True):
        needs = needs_of(item.workcell)
        queues[class_name(needs)] = needs
        cases.append(_case(config, item, class_name(needs), ranks[item.issue.id], known, sampling_input))
    return NewBench(
        bench_id=bench_id,
        config=config.document(),
        config_hash=config_hash(config),
        slice=slice_name,
        seed=sampling.seed,
        k=sampling.K,
        strategy=sampling.strategy,
        objective=config.winner_selection.primary_objective,
        tie_break=config.winner_selection.tie_break,
        max_retries=config.execution_limits.max_retries,
        limits=bench_limits(config.execution_limits),
        cases=cases,
        queues=dict(queues),
        race=new_race(inputs),
        stability=bench_stability(config, known.prompt),
    )


def bench_limits(limits: ExecutionLimits) -> BenchCaps:
    """The caps of the config, in integers."""
    return BenchCaps(
        micro_usd=None if limits.max_usd is None else to_micro_usd(limits.max_usd),
        ms=_ms(limits.max_minutes),
        executions=limits.max_executions,
        case_micro_usd=None if limits.max_usd_per_issue is None else to_micro_usd(limits.max_usd_per_issue),
        case_ms=_ms(limits.max_total_minutes_per_issue),
    )


def _ms(minutes: float | None) -> int | None:
    return None if minutes is None else math.floor(minutes * MS_PER_MINUTE)


def _case(
    config: BenchConfig, item: Ready, queue: str, rank: int, known: Known, sampling_input: SamplingInput
) -> NewCase:
    issue = item.issue
    document = planner_input(issue, known.now, known.history(issue), known.system_state)
    sampled = sample_arms(sampling_input)
    return new_case(
        item,
        document,
        queue=queue,
        rank=rank,
        check_seed=seed63(config.action_sampling.seed, "baseline", issue.id),
        baseline=known.baselines.get(item.baseline_key),
        arms=new_arms(config, issue.id, item.workcell, queue, sampled),
        note=sampled.note,
        design=design_document(sampling_input, sampled),
    )


def new_case(
    item: Ready,
    document: Json,
    *,
    queue: str,
    rank: int,
    check_seed: int,
    baseline: list[Json] | None,
    arms: Sequence[NewArm],
    note: str | None = None,
    run_no: int = 0,
    decision: Json | None = None,
    design: Json | None = None,
) -> NewCase:
    """The case of one issue with its planner_input `document`; its gates are checked first where `baseline` is None."""
    issue, workcell = item.issue, item.workcell
    return NewCase(
        issue_id=issue.id,
        issue=issue.document(),
        job_type=issue.job_type,
        dk_risk=issue.dk_risk,
        dk_size=issue.dk_size,
        dk_priority=issue.dk_priority,
        planner_input=document,
        input_hash=hash_without_time(document),
        workcell=workcell.model_dump(mode="json"),
        baseline_key=item.baseline_key,
        baseline=baseline,
        baseline_check=NewExecution(queue=queue, seed=check_seed, deadline_seconds=check_seconds(workcell)),
        admission_rank=rank,
        note=note,
        arms=arms,
        run_no=run_no,
        decision=decision,
        design=design,
    )


def _sampling_input(config: BenchConfig, item: Ready, executed: Action | None) -> SamplingInput:
    issue, sampling, limits = item.issue, config.action_sampling, config.execution_limits
    arm_limits = ArmLimits(
        limits.max_minutes_per_candidate, limits.max_total_minutes_per_issue, sampling.replicates
    )
    return SamplingInput(
        issue_id=issue.id,
        space=arm_space(issue.job_type, cost_model(item.workcell), arm_limits),
        baseline=baseline_action(issue.dk_risk, issue.dk_size, issue.job_type),
        executed=executed,
        rule=SamplingRule(
            k=sampling.K,
            strategy=sampling.strategy,
            seed=sampling.seed,
            include_baseline=sampling.include_baseline,
            include_executed=sampling.include_executed,
        ),
    )


def plan_fingerprint(bench: NewBench) -> str:
    """SHA-256 of everything random in the plan: equal for equal seeds."""
    drawn = [
        [case.issue_id, case.admission_rank]
        + [[arm.canonical_rank, arm.propensity, [e.seed for e in arm.executions]] for arm in case.arms]
        for case in bench.cases
    ]
    return sha256_json(canonical_json(drawn))
