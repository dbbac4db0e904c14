"""The results of a bench: verdicts and regrets, recomputed by the pure functions that decided its cases."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from bench.experiment.coverage import Pair, uncovered_pairs
from bench.experiment.decide import action_of, verdict_of
from bench.experiment.labels import BenchTotals, build_summary
from bench.experiment.regret import PolicyRegret, PolicySummary, best_fixed, regret, summarise, uniform_regret
from bench.experiment.winners import CaseVerdict
from bench.results.counts import ExecutionCounts, execution_counts
from bench.results.epochs import bench_epoch
from bench.results.looks import look_lines
from db.repositories.artifacts import executions_to_take
from db.repositories.bench_rows import BenchRow, CaseProgress, UnjudgedExecutions
from db.repositories.benches import Benches
from db.repositories.circuits import Circuits, PausedClass
from db.repositories.policies import Policies
from db.repositories.unserved import UnservedClass, unserved_classes
from db.repositories.verdict_rows import CaseRows
from db.repositories.verdicts import Verdicts
from db.states import ErrorClass
from planner.actions import Action, JobType
from planner.space.baseline import POLICY_ID
from planner.system.clock import rfc3339

if TYPE_CHECKING:
    from bench.statistics.run_noise import RunNoise
    from bench.statistics.winners import CaseJudgement


@dataclass(frozen=True)
class DecidedCase:
    """A finished case with its verdict."""

    rows: CaseRows
    verdict: CaseVerdict

    @property
    def case_id(self) -> int:
        """The database id of the case."""
        return self.rows.case.case_id

    @property
    def issue_id(self) -> str:
        """The id of its issue."""
        return self.rows.case.issue_id

    @property
    def observed(self) -> bool:
        """Whether any arm was scored; errors alone are missing values."""
        return any(estimate.observed for estimate in self.verdict.estimates)

    @property
    def baseline(self) -> Action | None:
        """The heuristic baseline's action, where it is an arm of the case."""
        return next((action_of(arm) for arm in self.rows.arms if arm.is_baseline), None)


@dataclass(frozen=True)
class ScoredPolicy:
    """A registered policy that was scored on the bench."""

    name: str
    epoch: str | None
    """The policy epoch of its training data; None: mixed."""
    actions: dict[int, Action]
    """Its actions, by case id."""


@dataclass(frozen=True)
class BenchResults:
    """The data of a bench's reports. Undecided cases are counted, never scored."""

    bench: BenchRow
    cases: list[CaseProgress]
    """Every case with its counts, decided or not."""
    decided: list[DecidedCase]
    totals: BenchTotals
    errors: dict[str, int]
    """Executions that ended in an error, by class."""
    unjudged: list[UnjudgedExecutions]
    """Executions of arms that no gate judged, counted by issue, reason and message."""
    policies: list[ScoredPolicy]
    sandboxes: dict[str, int]
    """Executions by the sandbox that their programs ran in."""
    paused: list[PausedClass]
    """The paused classes that its executions wait for."""
    unserved: list[UnservedClass]
    """The classes of its executions that no machine can run."""
    to_take: dict[int, int]
    """The execution whose patch solves its issue, by the id of each case with a winner."""
    noise: "RunNoise | None"
    """The noise between runs of an earlier bench, or an assumed one; None where arms of this bench ran twice."""
    mixed_kills: Mapping[int, ErrorClass]
    """Kills by a cap that are missing for another reason, as from `Verdicts.mixed_kills`."""

    @property
    def counts(self) -> ExecutionCounts:
        """Its executions by what became of them."""
        return execution_counts(self.cases)

    @cached_property
    def judgements(self) -> "dict[int, CaseJudgement]":
        """P(best), the possible winners and the estimates, by the id of each observed case."""
        from bench.results.evidence import case_row
        from bench.results.judgements import judge_rows

        rows = [case_row(case.rows) for case in self.decided]
        return judge_rows(rows, self.bench.objective, self.bench.seed, self.noise)

    @property
    def identified(self) -> bool:
        """Whether some arm ran twice: without replicates, variance within an arm is not identified."""
        return _is_replicated(self.decided)

    @cached_property
    def regrets(self) -> dict[str, list[PolicyRegret]]:
        """Regrets by policy, an entry for each observed case."""
        cases = [case for case in self.decided if case.observed]
        fixed = best_fixed(case.verdict for case in cases)
        return {
            POLICY_ID: [regret(case.baseline, case.verdict) for case in cases],
            "uniform": [uniform_regret(case.verdict) for case in cases],
            "best_fixed": [regret(fixed, case.verdict) for case in cases],
            **{
                policy.name: [regret(policy.actions.get(case.case_id), case.verdict) for case in cases]
                for policy in self.policies
            },
        }

    @property
    def summaries(self) -> list[PolicySummary]:
        """The mean regrets of each policy over the observed cases."""
        return [summarise(policy, regrets) for policy, regrets in self.regrets.items()]

    @property
    def best_fixed(self) -> Action | None:
        """The one action that did best over all observed cases."""
        return best_fixed(case.verdict for case in self.decided if case.observed)

    @property
    def epoch(self) -> str:
        """The policy epoch of the bench, as its labels have it in a dataset."""
        return bench_epoch(self.bench)

    @property
    def notes(self) -> list[str]:
        """Caveats of the figures: undecided cases, and policies trained under another policy epoch."""
        return look_lines(self.cases) + [note for policy in self.policies if (note := self._note(policy))]

    def _note(self, policy: ScoredPolicy) -> str | None:
        if policy.epoch == self.epoch:
            return None
        if policy.epoch is None:
            return f"{policy.name} was trained on mixed policy epochs"
        return (
            f"{policy.name} was trained under policy epoch {policy.epoch[:12]}, this bench is of "
            f"{self.epoch[:12]}: rules, gates or toolchains may differ"
        )

    @property
    def uncovered(self) -> dict[JobType, tuple[Pair, ...]]:
        """Pairwise coverage gaps: (swarm × bin) pairs that no scored arm of the bench has, by job type."""
        tried: dict[JobType, list[Action]] = {}
        for case in self.decided:
            actions = tried.setdefault(case.rows.case.job_type, [])
            actions += [estimate.action for estimate in case.verdict.estimates if estimate.observed]
        return {job_type: uncovered_pairs(actions, job_type) for job_type, actions in sorted(tried.items())}

    def summary_document(self, output_paths: dict[str, str] | None = None) -> dict[str, Any]:
        """The `cyntra.planner_bench_summary.v1` document."""
        observed = [case for case in self.decided if case.observed]
        return build_summary(
            bench_id=self.bench.bench_id,
            created_at=rfc3339(self.bench.created_at),
            config=self.bench.config,
            winners=[case.verdict.winner for case in observed],
            totals=self.totals,
            policies=self.summaries,
            undecided=len(self.cases) - len(observed),
            output_paths=output_paths,
        ).document()


def read_results(engine: sa.Engine, bench_id: str, policies: Collection[str] | None = None) -> BenchResults:
    """The results of bench `bench_id` so far, with all policies scored on it, or those named in `policies`.

    Raises `DbError` where there is no bench of this id.
    """
    benches, verdicts = Benches(engine), Verdicts(engine)
    bench = benches.get(bench_id)
    decided = [
        DecidedCase(rows, verdict_of(rows)) for rows in verdicts.load(verdicts.finished_cases(bench_id))
    ]
    totals = benches.totals(bench_id)
    return BenchResults(
        bench=bench,
        cases=benches.cases(bench_id),
        decided=decided,
        totals=BenchTotals(totals.executions, totals.duration_ms, totals.charged_micro_usd),
        errors=benches.errors(bench_id),
        unjudged=benches.unjudged(bench_id),
        policies=[
            policy
            for policy in _scored_policies(engine, bench_id)
            if policies is None or policy.name in policies
        ],
        sandboxes=benches.sandboxes(bench_id),
        paused=Circuits(engine).paused_of(bench_id),
        unserved=unserved_classes(engine, bench_id),
        to_take=executions_to_take(engine, bench_id),
        noise=_noise_elsewhere(engine, bench, decided),
        mixed_kills=verdicts.mixed_kills([case.case_id for case in decided]),
    )


def _is_replicated(decided: Iterable[DecidedCase]) -> bool:
    return any(estimate.scored > 1 for case in decided for estimate in case.verdict.estimates)


def _noise_elsewhere(engine: sa.Engine, bench: BenchRow, decided: Sequence[DecidedCase]) -> "RunNoise | None":
    """Read with the rest: the reports are shown when the database may be closed."""
    if not decided or _is_replicated(decided):
        return None
    from bench.results.judgements import borrowed_noise

    return borrowed_noise(engine, bench)


def _scored_policies(engine: sa.Engine, bench_id: str) -> list[ScoredPolicy]:
    policies: dict[str, ScoredPolicy] = {}
    for row in Policies(engine).actions(bench_id):
        name = row.policy
        policy = policies.setdefault(name, ScoredPolicy(name, row.epoch, {}))
        policy.actions[row.case_id] = action_of(row)
    return list(policies.values())
