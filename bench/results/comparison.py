"""Comparison of two benches: paired differences over the same actions on the same issues."""

from collections.abc import Callable
from typing import Final, NamedTuple

import sqlalchemy as sa

from bench.errors import BenchError
from bench.results.pooling import pooled_epochs_or_refuse
from bench.statistics.estimate import Estimate
from bench.statistics.paired import MeanPair, paired_amounts, paired_rates
from db.repositories.bench_pairs import SharedArm, shared_arms
from db.repositories.bench_rows import BenchRow
from db.repositories.benches import Benches

PASSES: Final = "difference of pass rates"
DOLLARS: Final = "difference of dollars a run"
SECONDS: Final = "difference of seconds a run"
_MICRO: Final = 1_000_000
_MS: Final = 1000


class BenchComparison(NamedTuple):
    """Two benches, and how the second differs from the first on what both ran."""

    first: BenchRow
    second: BenchRow
    arms: list[SharedArm]
    """The shared arms, by issue and action."""
    passes: Estimate
    dollars: Estimate
    """Over the shared arms whose costs are all known."""
    seconds: Estimate
    epochs: list[str]
    """A line for each difference of rules and toolchain versions."""

    @property
    def issues(self) -> int:
        """Issues with a shared arm."""
        return len({_issue(arm) for arm in self.arms})


def read_comparison(engine: sa.Engine, first: str, second: str) -> BenchComparison:
    """Compare two benches; differences are second minus first.

    Raises `DbError` where there is no bench of an id, `BenchError` where both are one, or one is a stream.
    """
    if first == second:
        raise BenchError(f"{first} is compared with itself; name two benches")
    benches = Benches(engine)
    before, after = benches.get(first), benches.get(second)
    epochs = pooled_epochs_or_refuse(engine, [first, second], pool_epochs=True)
    arms = shared_arms(engine, first, second)
    priced = [arm for arm in arms if arm.first_micro_usd is not None and arm.second_micro_usd is not None]
    return BenchComparison(
        first=before,
        second=after,
        arms=arms,
        passes=paired_rates(
            PASSES,
            _pairs(
                arms, lambda arm: (arm.first_passed / arm.first_scored, arm.second_passed / arm.second_scored)
            ),
            before.seed,
        ),
        dollars=paired_amounts(
            DOLLARS,
            _pairs(
                priced,
                lambda arm: ((arm.first_micro_usd or 0) / _MICRO, (arm.second_micro_usd or 0) / _MICRO),
            ),
        ),
        seconds=paired_amounts(SECONDS, _pairs(arms, lambda arm: (arm.first_ms / _MS, arm.second_ms / _MS))),
        epochs=epochs,
    )


def _pairs(arms: list[SharedArm], of: Callable[[SharedArm], tuple[float, float]]) -> list[MeanPair]:
    return [MeanPair(_issue(arm), *of(arm)) for arm in arms]


def _issue(arm: SharedArm) -> str:
    return f"{arm.repo}\n{arm.issue_id}"
