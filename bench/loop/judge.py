"""Cross-validated evaluation: the decisions of all folds' bundles on held-out issues, compared with controls."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import Any, Final

from bench.loop.learn import Learnt
from planner.actions import JOB_TYPES
from planner.bundles.bundle import open_bundle
from planner.bundles.policy import BundlePolicy
from planner.dataset.arrays import encode_examples
from planner.dataset.read import Dataset, read_dataset
from planner.evaluation.assess import Settings, assess
from planner.evaluation.decisions import Decisions, decide, joined
from planner.policies.base import Policy
from planner.policies.baseline import HeuristicBaseline
from planner.policies.best_fixed import BestFixed
from planner.policies.fixed_actions import ExchangeRate, Frontier, frontier_of
from planner.policies.nearest import NearestNeighbours
from planner.policies.uniform import Uniform

POLICY: Final = "trained policy"
CONTROL: Final = "its control"
"""The same network, trained on shuffled labels."""


def judge(folds: Sequence[Learnt], settings: Settings) -> dict[str, Any]:
    """The figures of `planner.evaluation.assess`, pooled over the test splits of all folds."""
    datasets = [read_dataset(fold.dataset) for fold in folds]
    parts = [
        test_decisions(fold, dataset, settings.prices) for fold, dataset in zip(folds, datasets, strict=True)
    ]
    pooled = [joined(of_one) for of_one in zip(*parts, strict=True)]
    tested = chain.from_iterable(dataset.examples("test") for dataset in datasets)
    return assess(pooled, encode_examples(tested), settings, frontier=_frontier(datasets))


def _frontier(datasets: Sequence[Dataset]) -> Frontier:
    """The fixed actions that are Pareto-optimal on the training split of some fold."""
    parts = [frontier_of(encode_examples(dataset.examples("train"))) for dataset in datasets]
    return {
        job_type: tuple(sorted(set().union(*(part[job_type] for part in parts)))) for job_type in JOB_TYPES
    }


def test_decisions(learnt: Learnt, dataset: Dataset, prices: ExchangeRate) -> list[Decisions]:
    """Decisions on the test split of the policy, its control, and the controls fitted on the training split."""
    train = encode_examples(dataset.examples("train"))
    controls: list[Policy] = [
        BestFixed.fit(train, prices),
        NearestNeighbours.fit(train),
        HeuristicBaseline(),
        Uniform(),
    ]
    inputs = (example["planner_input"] for example in dataset.examples("test"))
    policy, control, *others = decide([_opened(learnt.bundle), _opened(learnt.control), *controls], inputs)
    return [replace(policy, policy_id=POLICY), replace(control, policy_id=CONTROL), *others]


def _opened(bundle: Path) -> BundlePolicy:
    return BundlePolicy(open_bundle(bundle))
