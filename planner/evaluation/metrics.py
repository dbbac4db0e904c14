"""Label metrics of decisions: accuracy, calibration, abstention, and collapse onto a few actions."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from planner.dataset.arrays import EncodedExamples
from planner.evaluation.calibration import ece, mce
from planner.evaluation.decisions import Decisions
from planner.space.heads import HEAD_SIZES, HEADS, N_CELLS

Json = dict[str, Any]
Floats = NDArray[np.float64]


class RiskCoverage(NamedTuple):
    """Risk–coverage curve of selective prediction: share decided, and share of those that is wrong."""

    coverage: Floats
    risk: Floats

    @property
    def area(self) -> float:
        """Area under the curve (AURC; Geifman, El-Yaniv, 2017): the mean risk; lower is better."""
        return float(self.risk.mean()) if self.risk.size else float("nan")


def label_metrics(decisions: Decisions, examples: EncodedExamples, threshold: float) -> Json:
    """Accuracy, calibration, collapse and abstention over N ≥ 1 examples; entropies in nats.

    Calibration covers the whole action (its probability against an exact match) and each of its four classes.
    `abstain_rate` is the share of examples whose confidence, the geometric mean over heads, is below `threshold`.
    """
    hits, by_head = exact_hits(decisions, examples), head_hits(decisions, examples)
    return {
        "exact": float(hits.mean()),
        "heads": dict(zip(HEADS, by_head.mean(axis=0).tolist(), strict=True)),
        "head_mean": float(by_head.mean()),
        "soft_label_share": _soft_share(decisions, examples),
        **collapse(decisions.shares()),
        **calibration_errors(decisions, examples),
        **abstention(decisions, hits, threshold),
        "aurc": risk_coverage(decisions.confidence, hits).area,
    }


def calibration_errors(decisions: Decisions, examples: EncodedExamples) -> Json:
    """ECE and MCE of the whole action and of each head."""
    hits, by_head = exact_hits(decisions, examples), head_hits(decisions, examples)
    columns = list(zip(HEADS, decisions.head_probabilities.T, by_head.T, strict=True))
    return {
        "ece": ece(decisions.probability, hits),
        "mce": mce(decisions.probability, hits),
        "head_ece": {head: ece(confidence, right) for head, confidence, right in columns},
        "head_mce": {head: mce(confidence, right) for head, confidence, right in columns},
    }


def exact_hits(decisions: Decisions, examples: EncodedExamples) -> Floats:
    """Exact matches (N,): 1 where the action is the label; a probability where actions are sampled."""
    return decisions.weight(np.arange(len(examples)), examples.hard_cells)


def head_hits(decisions: Decisions, examples: EncodedExamples) -> Floats:
    """Matches by head (N, 4): 1 where the class is the label's."""
    labels = _classes(examples.hard_cells)
    if decisions.drawn is None:
        return np.asarray(_classes(decisions.cells) == labels, dtype=np.float64)
    joint = decisions.drawn.reshape(-1, *HEAD_SIZES)
    columns = []
    for head in range(len(HEADS)):
        others = tuple(axis + 1 for axis in range(len(HEADS)) if axis != head)
        columns.append(joint.sum(axis=others)[np.arange(len(joint)), labels[:, head]])
    return np.stack(columns, axis=1)


def collapse(shares: Floats) -> Json:
    """Collapse of the action distribution (240,): entropy in nats, largest share, number of distinct actions."""
    taken = shares[shares > 0]
    return {
        # + 0.0: turns the −0 of a single action into 0.
        "entropy": float(-(taken * np.log(taken)).sum()) + 0.0,
        "top1": float(taken.max(initial=0.0)),
        "unique": len(taken),
    }


def label_shares(examples: EncodedExamples) -> Floats:
    """Label distribution (240,)."""
    return np.bincount(examples.hard_cells, minlength=N_CELLS) / len(examples)


def abstention(decisions: Decisions, hits: Floats, threshold: float) -> Json:
    """Abstention: the rate of fallbacks, and the exact matches among the other decisions."""
    sure = decisions.confidence >= threshold
    return {
        "abstain_rate": float(1 - sure.mean()),
        "exact_when_sure": float(hits[sure].mean()) if sure.any() else None,
    }


def risk_coverage(confidence: Floats, right: Floats) -> RiskCoverage:
    """Risk–coverage curve over distinct confidences, in descending order; ties share a point."""
    order = np.argsort(-confidence, kind="stable")
    ordered = confidence[order]
    last = np.flatnonzero(np.append(ordered[1:] != ordered[:-1], True)) if len(order) else order
    count = last + 1
    wrong = np.cumsum(1 - right[order])[last]
    return RiskCoverage(count / max(len(order), 1), wrong / count)


def _soft_share(decisions: Decisions, examples: EncodedExamples) -> float:
    """Mean probability of the action taken under the soft label."""
    owner = np.repeat(np.arange(len(examples)), np.diff(examples.target_offsets))
    taken = decisions.weight(owner, examples.target_cells)
    return float((taken * examples.target_weights).sum() / len(examples))


def _classes(cells: NDArray[np.integer]) -> NDArray[np.intp]:
    """(N, 4): the class of each head."""
    return np.stack(np.unravel_index(cells.astype(np.intp), HEAD_SIZES), axis=1)
