"""Examples as ragged arrays, about 1.5 kB each, for training and evaluation."""

from array import array
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import log1p, nan
from typing import Any

import numpy as np
from numpy.typing import NDArray

from planner.actions import JOB_TYPES, Action, canonical_rank
from planner.encoding.encoder import encode
from planner.encoding.layout import LAYOUT_V1, EncodingLayout
from planner.space.baseline import baseline_action

Indices = NDArray[np.integer[Any]] | NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class OutcomeRows:
    """Logged executions, one row each, ordered by example."""

    example: NDArray[np.int32]
    """(M,) index of the example; all columns have M rows."""
    cell: NDArray[np.int16]
    """(M,) canonical rank of the action tried."""
    passed: NDArray[np.bool_]
    timed_out: NDArray[np.bool_]
    log_duration: NDArray[np.float32]
    """log(1 + duration in milliseconds), without waits for a provider."""
    cost: NDArray[np.float32]
    """US dollars; NaN where unknown."""
    propensity: NDArray[np.float64]
    replicate: NDArray[np.int32]

    def __len__(self) -> int:
        return len(self.example)


@dataclass(frozen=True, slots=True)
class EncodedExamples:
    """N encoded examples. Ragged columns have N + 1 offsets: row i is `flat[offsets[i]:offsets[i + 1]]`."""

    positions: NDArray[np.int32]
    """Positions of the encoding that are 1, ascending in every example."""
    offsets: NDArray[np.int64]
    job_types: NDArray[np.int8]
    """(N,) index into `JOB_TYPES`."""
    hard_cells: NDArray[np.int16]
    """(N,) canonical rank of the label."""
    target_cells: NDArray[np.int16]
    """Cells of the soft label, or of the hard label where there is no soft one."""
    target_weights: NDArray[np.float32]
    """Probabilities of those cells; they sum to 1 in every example."""
    target_offsets: NDArray[np.int64]
    issue_ids: list[str]
    run_ids: list[str]
    risks: list[str]
    sizes: list[str]
    baseline_cells: NDArray[np.int16]
    """(N,) canonical rank of the heuristic baseline's action."""
    outcomes: OutcomeRows

    def __len__(self) -> int:
        return len(self.issue_ids)

    def take(self, indices: Indices) -> "EncodedExamples":
        """Select examples by `indices`: integers, in their order and with repeats, or a mask (N,)."""
        chosen = np.arange(len(self))[indices]
        positions, offsets = _rows(self.offsets, chosen)
        targets, target_offsets = _rows(self.target_offsets, chosen)
        return EncodedExamples(
            positions=self.positions[positions],
            offsets=offsets,
            job_types=self.job_types[chosen],
            hard_cells=self.hard_cells[chosen],
            target_cells=self.target_cells[targets],
            target_weights=self.target_weights[targets],
            target_offsets=target_offsets,
            issue_ids=[self.issue_ids[index] for index in chosen],
            run_ids=[self.run_ids[index] for index in chosen],
            risks=[self.risks[index] for index in chosen],
            sizes=[self.sizes[index] for index in chosen],
            baseline_cells=self.baseline_cells[chosen],
            outcomes=self._outcomes_of(chosen),
        )

    def _outcomes_of(self, chosen: NDArray[np.int64]) -> OutcomeRows:
        outcomes = self.outcomes
        bounds = np.searchsorted(outcomes.example, np.arange(len(self) + 1))
        rows, offsets = _rows(bounds, chosen)
        owners = np.repeat(np.arange(len(chosen), dtype=np.int32), np.diff(offsets))
        return OutcomeRows(
            example=owners,
            cell=outcomes.cell[rows],
            passed=outcomes.passed[rows],
            timed_out=outcomes.timed_out[rows],
            log_duration=outcomes.log_duration[rows],
            cost=outcomes.cost[rows],
            propensity=outcomes.propensity[rows],
            replicate=outcomes.replicate[rows],
        )


def _rows(
    offsets: NDArray[np.int64], chosen: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Flat indices of the chosen ragged rows, concatenated, and their new offsets."""
    lengths = offsets[chosen + 1] - offsets[chosen]
    after = np.concatenate(([0], np.cumsum(lengths)))
    flat = np.arange(after[-1]) + np.repeat(offsets[chosen] - after[:-1], lengths)
    return flat, after


def encode_examples(
    examples: Iterable[Mapping[str, Any]], layout: EncodingLayout = LAYOUT_V1
) -> EncodedExamples:
    """Encode a stream of dataset examples, as `Dataset.examples` yields them."""
    columns = _Columns(layout)
    for example in examples:
        columns.add(example)
    return columns.finished()


class _Columns:
    """Growing columns; typed arrays take a tenth of the memory of lists."""

    def __init__(self, layout: EncodingLayout) -> None:
        self.layout = layout
        self.positions, self.offsets = array("i"), array("q", [0])
        self.job_types, self.hard_cells, self.baseline_cells = array("b"), array("h"), array("h")
        self.target_cells, self.target_weights = array("h"), array("f")
        self.target_offsets = array("q", [0])
        self.issue_ids: list[str] = []
        self.run_ids: list[str] = []
        self.risks: list[str] = []
        self.sizes: list[str] = []
        self.owners, self.cells = array("i"), array("h")
        self.passed, self.timed_out = array("b"), array("b")
        self.log_durations, self.costs = array("f"), array("f")
        self.propensities, self.replicates = array("d"), array("i")

    def add(self, example: Mapping[str, Any]) -> None:
        asked = example["planner_input"]
        issue, job_type = asked["issue"], asked["job_type"]
        self._add_outcomes(example.get("candidates") or ())
        self.positions.extend(encode(asked, self.layout).positions)
        self.offsets.append(len(self.positions))
        self.job_types.append(JOB_TYPES.index(job_type))
        self._add_targets(example)
        baseline = baseline_action(issue["dk_risk"], issue["dk_size"], job_type)
        self.baseline_cells.append(canonical_rank(baseline))
        self.issue_ids.append(issue["issue_id"])
        self.run_ids.append(example["run_id"])
        self.risks.append(issue["dk_risk"])
        self.sizes.append(issue["dk_size"])

    def _add_targets(self, example: Mapping[str, Any]) -> None:
        hard = canonical_rank(label_of(example))
        self.hard_cells.append(hard)
        soft = example.get("soft_label")
        shares = [(_cell(target["action"]), target["weight"]) for target in soft] if soft else [(hard, 1.0)]
        total = sum(weight for _, weight in shares)
        for cell, weight in shares:
            self.target_cells.append(cell)
            self.target_weights.append(weight / total)
        self.target_offsets.append(len(self.target_cells))

    def _add_outcomes(self, candidates: Iterable[Mapping[str, Any]]) -> None:
        for candidate in candidates:
            outcome = candidate["outcome"]
            cost = outcome["cost_usd"]
            self.owners.append(len(self.issue_ids))
            self.cells.append(_cell(candidate["action"]))
            self.passed.append(outcome["status"] == "success")
            self.timed_out.append(outcome["status"] == "timeout")
            self.log_durations.append(
                log1p(max(0, outcome["duration_ms"] - outcome.get("provider_wait_ms", 0)))
            )
            self.costs.append(nan if cost is None else cost)
            self.propensities.append(candidate["propensity"])
            self.replicates.append(candidate["replicate"])

    def finished(self) -> EncodedExamples:
        return EncodedExamples(
            positions=np.array(self.positions),
            offsets=np.array(self.offsets),
            job_types=np.array(self.job_types),
            hard_cells=np.array(self.hard_cells),
            target_cells=np.array(self.target_cells),
            target_weights=np.array(self.target_weights),
            target_offsets=np.array(self.target_offsets),
            issue_ids=self.issue_ids,
            run_ids=self.run_ids,
            risks=self.risks,
            sizes=self.sizes,
            baseline_cells=np.array(self.baseline_cells),
            outcomes=OutcomeRows(
                example=np.array(self.owners),
                cell=np.array(self.cells),
                passed=np.array(self.passed, dtype=np.bool_),
                timed_out=np.array(self.timed_out, dtype=np.bool_),
                log_duration=np.array(self.log_durations),
                cost=np.array(self.costs),
                propensity=np.array(self.propensities),
                replicate=np.array(self.replicates),
            ),
        )


def label_of(example: Mapping[str, Any]) -> Action:
    """The hard label of an example."""
    label = example["label_action"]
    budgets = label["budgets"]
    bins = ("max_candidates_bin", "max_minutes_bin", "max_iterations_bin")
    return Action(label["swarm_id"], *(budgets[name] for name in bins))


def _cell(items: Iterable[Any]) -> int:
    return canonical_rank(Action(*items))
