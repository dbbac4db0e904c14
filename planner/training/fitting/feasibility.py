"""Feasibility gates of training: unsuitable data is refused with the figure and the fix."""

from typing import Final, NamedTuple

import numpy as np

from planner.actions import JOB_TYPES, all_cells
from planner.dataset.agreement import near_duplicate_agreement
from planner.dataset.arrays import EncodedExamples
from planner.errors import PlannerError
from planner.training.config import TrainingConfig

_GATED: Final = "code"


class Gates(NamedTuple):
    """Figures of the gates."""

    code_examples: int
    near_duplicate_pairs: int
    agreement: float | None


def check_data(train: EncodedExamples, val: EncodedExamples, config: TrainingConfig) -> Gates:
    """Check the data before training; encodings must be of layout 1.

    Returns the figures of the gates. Raises `PlannerError` where there are too few examples, inconsistent labels, or
    nothing to learn.
    """
    for name, examples in (("training", train), ("validation", val)):
        if not len(examples):
            raise PlannerError(f"the dataset has no {name} examples; build it from more issues")
    figures = _figures(train, val)
    if figures.code_examples < config.min_examples:
        raise PlannerError(
            f"{figures.code_examples} examples of job type {_GATED}, fewer than {config.min_examples}: "
            "bench or run more issues, or ask for less with --min-examples"
        )
    if config.kind == "outcome":
        _check_outcomes(train, val)
        return figures
    _check_classes(train)
    if (
        figures.agreement is not None
        and figures.agreement < config.min_agreement
        and not config.shuffle_labels
    ):
        raise PlannerError(
            f"labels of near-duplicate inputs agree in {figures.agreement:.1%} of {figures.near_duplicate_pairs:,} "
            f"pairs, below {config.min_agreement:.0%}: label with more replicates or soft labels, describe "
            "issues better, or ask for less with --min-agreement"
        )
    return figures


def check_early_progress(epoch: int, loss: float, random_loss: float) -> None:
    """Check early progress. Raises `PlannerError` where the loss is not below the random baseline, or NaN."""
    if not loss < random_loss:
        raise PlannerError(
            f"after epoch {epoch} the loss is {loss:.4f}, not below {random_loss:.4f}, the loss of a random policy: "
            "train with a higher --learning-rate, a smaller --batch-size, or more examples"
        )


def _figures(train: EncodedExamples, val: EncodedExamples) -> Gates:
    code = JOB_TYPES.index(_GATED)
    count = sum(int(np.count_nonzero(examples.job_types == code)) for examples in (train, val))
    agreement = near_duplicate_agreement(train)
    return Gates(count, agreement.pairs, agreement.share)


def _check_classes(train: EncodedExamples) -> None:
    """Raise `PlannerError` where no job type has two distinct labels."""
    owners = np.repeat(train.job_types, np.diff(train.target_offsets))
    pairs = np.unique(np.stack([owners.astype(np.int64), train.target_cells]), axis=1)
    if len(np.unique(pairs[0])) < pairs.shape[1]:
        return
    names = ", ".join(all_cells()[cell].label() for cell in pairs[1])
    raise PlannerError(
        f"all {len(train)} training examples of a job type have one label ({names}): "
        "there is nothing to learn; bench more arms or issues"
    )


def _check_outcomes(train: EncodedExamples, val: EncodedExamples) -> None:
    for name, examples in (("training", train), ("validation", val)):
        if not len(examples.outcomes):
            raise PlannerError(
                f"no {name} example has outcomes; an outcome model learns from bench "
                "labels: planner dataset merge-best-of-k"
            )
    passed = int(train.outcomes.passed.sum())
    if passed in (0, len(train.outcomes)):
        raise PlannerError(
            f"{passed} of {len(train.outcomes)} executions passed: an outcome model needs both passes and "
            "failures; bench harder or easier issues"
        )
