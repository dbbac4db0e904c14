"""Power analysis of a bench from the variance components and costs of earlier benches."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import Final, NamedTuple

import sqlalchemy as sa

from bench.errors import BenchError
from bench.results.pooling import read_pooled
from bench.statistics.arms import arms_of
from bench.statistics.components import Variances, components, variances
from bench.statistics.errors import NotIdentifiedError
from bench.statistics.estimate import Estimate
from bench.statistics.power import STANDARD, Aim, PairedSpread, detectable, issues_needed, paired_spread
from db.repositories.experience import Experience
from db.repositories.new_bench import NewBench
from planner.actions import all_cells

FEWEST_ISSUES: Final = 10
"""Fewest issues with replicates from which variance components are estimated."""
NO_BASIS: Final = (
    f"no bench has replicates on {FEWEST_ISSUES} issues or more, so what a bench can detect is not known; "
    "run one with `replicates: 2`, or state --within and --interaction"
)


class Costs(NamedTuple):
    """Mean dollars and minutes of an execution."""

    usd: float
    minutes: float


class Basis(NamedTuple):
    """Variances and costs for a power analysis; `low` and `high` are `spread` at the ends of their intervals."""

    source: str
    spread: PairedSpread
    low: PairedSpread
    high: PairedSpread
    components: tuple[Estimate, ...]
    costs: Costs | None


class DetectableEffect(NamedTuple):
    """The minimum detectable effect of a design: issues, and replicates of each of two actions on every issue."""

    issues: int
    replicates: int
    difference: float | None
    """The minimum detectable effect in pass rates, as a share; None where the issues are too few."""
    usd: float | None
    minutes: float | None


class Need(NamedTuple):
    """The sample size for a stated difference: issues on which both actions run."""

    replicates: int
    issues: Estimate
    usd: float | None
    minutes: float | None


class PlanPower(NamedTuple):
    """The minimum detectable effect of a planned bench."""

    source: str
    issues: int
    all_together: float | None
    """Between two actions that run on every issue."""
    pair: tuple[str, str] | None
    """The two actions that share the most issues."""
    shared: int
    of_pair: float | None


def basis_of(
    engine: sa.Engine, bench_ids: Sequence[str], *, seed: int = 0, pool_epochs: bool = False
) -> Basis:
    """The variance components of `bench_ids`, with intervals.

    Raises `NotIdentifiedError` where there are too few issues, and `BenchError` where the benches cannot be pooled.
    """
    table = read_pooled(engine, bench_ids, pool_epochs).table
    arms = arms_of(table, table.passed)
    if arms.n_issues < FEWEST_ISSUES:
        raise NotIdentifiedError(
            f"{' and '.join(bench_ids)}: outcomes of {arms.n_issues} issues, and {FEWEST_ISSUES} are needed"
        )
    estimates = components(arms, seed=seed)
    within, interaction = estimates.within, estimates.interaction
    return Basis(
        source=" and ".join(bench_ids),
        spread=_spread(within.value, interaction.value),
        low=_spread(within.low, interaction.low),
        high=_spread(within.high, interaction.high),
        components=(within, interaction),
        costs=_costs(engine, bench_ids),
    )


def stated_basis(within: float, interaction: float, costs: Costs | None = None) -> Basis:
    """A basis from variance components that the user states, without intervals."""
    spread = _spread(within, interaction)
    return Basis("stated components", spread, spread, spread, (), costs)


def newest_basis(engine: sa.Engine) -> str | None:
    """The id of the newest bench with replicates on enough issues, or None."""
    return Experience(engine).newest_replicated(FEWEST_ISSUES)


def needs(basis: Basis, difference: float, replicates: Sequence[int], aim: Aim = STANDARD) -> list[Need]:
    """Sample sizes: for each number of replicates, the issues on which both actions must run."""
    required = []
    for runs in replicates:
        low, issues, high = (
            issues_needed(spread.of_one_issue(runs), difference, aim)
            for spread in (basis.low, basis.spread, basis.high)
        )
        method = "paired t test; interval from those of the variance components"
        estimate = Estimate("issues needed", issues, min(low, issues), max(high, issues), method)
        required.append(Need(runs, estimate, *_spent(basis, issues, runs)))
    return required


def grid(
    basis: Basis, issues: Sequence[int], replicates: Sequence[int], aim: Aim = STANDARD
) -> list[DetectableEffect]:
    """The minimum detectable effect and the cost of each combination of issues and replicates."""
    return [
        DetectableEffect(
            size, runs, detectable(basis.spread.of_one_issue(runs), size, aim), *_spent(basis, size, runs)
        )
        for size in issues
        for runs in replicates
    ]


def plan_power(engine: sa.Engine, plan: NewBench) -> PlanPower | str:
    """The minimum detectable effect of `plan`, from the newest bench with replicates; or why it is not known."""
    bench_id = newest_basis(engine)
    if bench_id is None:
        return NO_BASIS
    try:
        table = read_pooled(engine, [bench_id]).table
        spread = paired_spread(variances(arms_of(table, table.passed)).clipped())
    except BenchError as error:
        return f"what this bench can detect is not known: {error}"
    return planned(plan, bench_id, spread)


def planned(plan: NewBench, source: str, spread: PairedSpread) -> PlanPower:
    """The minimum detectable effect of `plan` for a known spread, if no cap ends it early."""
    pairs: Counter[tuple[int, int]] = Counter()
    variance: defaultdict[tuple[int, int], float] = defaultdict(float)
    runs = []
    for case in plan.cases:
        arms = sorted((arm.canonical_rank, len(arm.executions)) for arm in case.arms)
        runs += [count for _, count in arms]
        for position, (first, first_runs) in enumerate(arms):
            for second, second_runs in arms[position + 1 :]:
                pairs[first, second] += 1
                variance[first, second] += spread.of_one_issue(first_runs, second_runs)
    mean = sum(spread.of_one_issue(count) for count in runs) / max(len(runs), 1)
    together = detectable(mean, len(plan.cases))
    if not pairs:
        return PlanPower(source, len(plan.cases), together, None, 0, None)
    pair = min(pairs, key=lambda both: (-pairs[both], variance[both], both))
    names = (all_cells()[pair[0]].label(), all_cells()[pair[1]].label())
    of_pair = detectable(variance[pair] / pairs[pair], pairs[pair])
    return PlanPower(source, len(plan.cases), together, names, pairs[pair], of_pair)


def _spread(within: float | None, interaction: float | None) -> PairedSpread:
    return paired_spread(Variances(within or 0.0, interaction or 0.0, 0.0, 0.0))


def _costs(engine: sa.Engine, bench_ids: Sequence[str]) -> Costs | None:
    means = Experience(engine).mean_costs(bench_ids)
    if means.micro_usd is None or means.ms is None:
        return None
    return Costs(means.micro_usd / 1e6, means.ms / 60_000)


def _spent(basis: Basis, issues: int, replicates: int) -> tuple[float | None, float | None]:
    if basis.costs is None:
        return None, None
    executions = 2 * issues * replicates
    return executions * basis.costs.usd, executions * basis.costs.minutes
