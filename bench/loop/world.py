"""The same machinery on a generated world, where the truth is known: does it find what there is to find?"""

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from bench.loop.judge import CONTROL, POLICY, test_decisions
from bench.loop.learn import Learnt
from planner.dataset.read import read_dataset
from planner.evaluation.decisions import Decisions
from planner.evaluation.intervals import BootstrapInterval, Resampler
from planner.space.heads import valid_cells
from planner.worlds.generate import MINUTE_PRICE, USD_PRICE
from planner.worlds.ground_truth import GroundTruth, read_ground_truth

ISSUES: Final = 4000
"""Of a world: with fewer, what is learnt and the interval are too rough to tell most from half."""
WORTH: Final = (
    *("--weigh", "cost", USD_PRICE),
    *("--weigh", "time", 25 * MINUTE_PRICE),
    *("--weigh", "risk", 0),
    *("--weigh", "tolerance", 1),
)
"""What an outcome model is told that outcomes are worth there. It takes time by its logarithm: the price of a
minute, for something of 25 minutes. The other kinds learn this from the labels."""
MOST: Final = 0.5
"""Share of the gap between the best fixed action and the oracle above which most of it is recovered."""
LITTLE: Final = 0.1
"""Share of the gap above which a control is suspect: its labels tell nothing of the issues they stand with."""


class Standing(NamedTuple):
    """A policy in the world."""

    policy: str
    value: float
    """Its expected utility, exactly, averaged over the tested issues."""
    share: BootstrapInterval
    """Of the gap from the best fixed action (0) to the oracle (1), with its interval over issues."""


class WorldVerdict(NamedTuple):
    """What the world says of the machinery."""

    tested: int
    fixed_value: float
    oracle_value: float
    standings: list[Standing]

    def document(self) -> dict[str, Any]:
        """As JSON values."""
        rows = [{**one._asdict(), "share": one.share._asdict()} for one in self.standings]
        return {**self._asdict(), "standings": rows}

    @property
    def policy_recovers(self) -> bool:
        """Whether the policy recovers most of the gap, its whole interval considered."""
        low = self.share_of(POLICY).low
        return low is not None and low > MOST

    @property
    def control_recovers(self) -> bool:
        """Whether the control on shuffled labels gains more than a little: then truth leaks into the judging."""
        return (self.share_of(CONTROL).estimate or 0.0) > LITTLE

    def share_of(self, policy: str) -> BootstrapInterval:
        """The share of the gap that a policy closes."""
        return next(one.share for one in self.standings if one.policy == policy)


def judge_world(learnt: Learnt, seed: int) -> WorldVerdict:
    """Score the world's policy and the controls on its test split by the truth beside the dataset."""
    dataset, truth = read_dataset(learnt.dataset), read_ground_truth(learnt.dataset)
    issue_ids = [example["planner_input"]["issue"]["issue_id"] for example in dataset.examples("test")]
    values = truth.of(issue_ids)
    return WorldVerdict(
        tested=len(issue_ids),
        fixed_value=float(values[:, truth.best_fixed].mean()),
        oracle_value=float(values.max(axis=1).mean()),
        standings=standings(test_decisions(learnt, dataset), truth, issue_ids, seed),
    )


def standings(
    decisions: Sequence[Decisions], truth: GroundTruth, issue_ids: Sequence[str], seed: int
) -> list[Standing]:
    """Each policy's true value on these issues, and the share of the gap that it closes."""
    resampler = Resampler(issue_ids, seed)
    fixed = truth.of(issue_ids)[:, truth.best_fixed].mean()
    found = []
    for one in decisions:
        gained, possible = truth.gains(issue_ids, _distributions(one))
        value = float(fixed + gained.mean())
        found.append(Standing(one.policy_id, value, resampler.ratio(gained, possible)))
    return found


def _distributions(decisions: Decisions) -> NDArray[np.float64]:
    """(N, actions of `code`) in canonical order."""
    cells = valid_cells("code")
    if decisions.drawn is not None:
        return decisions.drawn[:, cells]
    return np.asarray(decisions.cells[:, None] == cells, dtype=np.float64)
