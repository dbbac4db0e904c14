"""Evaluation on a synthetic world with known utilities: the share of the oracle gap that a policy recovers."""

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from bench.loop.judge import CONTROL, POLICY, test_decisions
from bench.loop.learn import Learnt
from planner.dataset.read import read_dataset
from planner.evaluation.decisions import Decisions
from planner.evaluation.intervals import BootstrapInterval, Resampler
from planner.policies.fixed_actions import DEFAULT_PRICES
from planner.space.heads import valid_cells
from planner.worlds.generate import MINUTE_PRICE, USD_PRICE
from planner.worlds.ground_truth import GroundTruth, read_ground_truth

ISSUES: Final = 4000
"""Issues of a world: with fewer, the interval is too wide to separate "most" from half."""
UTILITY_WEIGHTS: Final = (
    *("--weigh", "cost", USD_PRICE),
    *("--weigh", "time", 25 * MINUTE_PRICE),
    *("--weigh", "risk", 0),
    *("--weigh", "tolerance", 1),
)
"""Utility weights of an outcome model in the world. It takes the logarithm of time: the price of a minute, at 25
minutes. The other kinds of models learn the weights from the labels."""
RECOVERED_SHARE: Final = 0.5
"""Share of the gap between the best fixed action and the oracle above which most of it is recovered."""
LEAKED_SHARE: Final = 0.1
"""Share of the gap above which a control indicates leakage: its shuffled labels carry no information."""


class PolicyStanding(NamedTuple):
    """Score of one policy in the world."""

    policy: str
    value: float
    """Its exact expected utility, averaged over the tested issues."""
    share: BootstrapInterval
    """Share of the gap from the best fixed action (0) to the oracle (1), with its interval over issues."""


class WorldVerdict(NamedTuple):
    """Result of the evaluation on a synthetic world."""

    tested: int
    fixed_value: float
    oracle_value: float
    standings: list[PolicyStanding]

    def document(self) -> dict[str, Any]:
        """The result as JSON-able data."""
        rows = [{**standing._asdict(), "share": standing.share._asdict()} for standing in self.standings]
        return {**self._asdict(), "standings": rows}

    @property
    def policy_recovers(self) -> bool:
        """Whether the lower limit of the policy's share exceeds `RECOVERED_SHARE`."""
        low = self.share_of(POLICY).low
        return low is not None and low > RECOVERED_SHARE

    @property
    def control_recovers(self) -> bool:
        """Whether the control on shuffled labels exceeds `LEAKED_SHARE`, a sign of leakage."""
        return (self.share_of(CONTROL).estimate or 0.0) > LEAKED_SHARE

    def share_of(self, policy: str) -> BootstrapInterval:
        """The share of the gap that a policy closes."""
        return next(standing.share for standing in self.standings if standing.policy == policy)


def judge_world(learnt: Learnt, seed: int) -> WorldVerdict:
    """Score the world's policy and the controls on its test split by the true utilities stored with the dataset."""
    dataset, truth = read_dataset(learnt.dataset), read_ground_truth(learnt.dataset)
    issue_ids = [example["planner_input"]["issue"]["issue_id"] for example in dataset.examples("test")]
    values = truth.of(issue_ids)
    return WorldVerdict(
        tested=len(issue_ids),
        fixed_value=float(values[:, truth.best_fixed].mean()),
        oracle_value=float(values.max(axis=1).mean()),
        standings=standings(test_decisions(learnt, dataset, DEFAULT_PRICES), truth, issue_ids, seed),
    )


def standings(
    decisions: Sequence[Decisions], truth: GroundTruth, issue_ids: Sequence[str], seed: int
) -> list[PolicyStanding]:
    """Each policy's true value on these issues, and the share of the gap that it closes."""
    resampler = Resampler(issue_ids, seed)
    fixed = truth.of(issue_ids)[:, truth.best_fixed].mean()
    scored = []
    for policy_decisions in decisions:
        gained, possible = truth.gains(issue_ids, _distributions(policy_decisions))
        value = float(fixed + gained.mean())
        scored.append(PolicyStanding(policy_decisions.policy_id, value, resampler.ratio(gained, possible)))
    return scored


def _distributions(decisions: Decisions) -> NDArray[np.float64]:
    """(N, actions of `code`) in canonical order."""
    cells = valid_cells("code")
    if decisions.drawn is not None:
        return decisions.drawn[:, cells]
    return np.asarray(decisions.cells[:, None] == cells, dtype=np.float64)
