"""Cross-fitted outcome models: none is trained on the issue it predicts (Chernozhukov et al., 2018)."""

from collections.abc import Callable, Iterator
from typing import Any, Final, Literal, Protocol

import numpy as np
from sklearn.linear_model import Ridge
from sklearn.model_selection import GroupKFold

from bench.statistics.errors import UnsupportedError
from bench.statistics.outcome_features import action_features
from bench.statistics.outcomes import Outcome
from bench.statistics.table import BenchTable, Bools, Floats, Ints
from planner.space.heads import N_CELLS

GroupBy = Literal["issue", "group"]
"""The cluster that no fold splits: the issue, or the whole repository."""
FOLDS: Final = 5
PENALTY: Final = 30.0
"""Noise of a pass (about 0.2) over the variance that one feature's effect may have (about 0.08²)."""
_CASES_AT_ONCE: Final = 64


class OutcomeModel(Protocol):
    """Outcome regression with the interface of scikit-learn."""

    def fit(self, rows: Floats, values: Floats, sample_weight: Floats) -> Any:
        """Fit to `rows` (n, features) with outcomes `values` (n,), weighted by `sample_weight` (n,)."""

    def predict(self, rows: Floats) -> Floats:
        """(n,) expected outcomes of `rows` (n, features)."""
        ...


def ridge() -> OutcomeModel:
    """Ridge regression on the features of issue and action, shrunk so that thirty issues suffice to fit it."""
    model: OutcomeModel = Ridge(alpha=PENALTY)
    return model


def cross_fitted(
    table: BenchTable,
    features: Floats,
    outcome: Outcome,
    group_by: GroupBy,
    make_model: Callable[[], OutcomeModel] = ridge,
) -> Floats:
    """Cross-fitted predictions of the outcome for every cell that some case could draw.

    `features` (N, D) describe the cases.

    Returns: (N, 240), clipped to the range of the outcome; 0 for cells that no case could draw.
    Raises: `UnsupportedError` where a fold leaves no outcome to train on.
    """
    expected = np.zeros((len(table.cases), N_CELLS))
    cells = np.flatnonzero((table.chances > 0).any(axis=0))
    means = table.arm_means(outcome.values)
    observed_arm = table.run_arm[np.isfinite(outcome.values)]
    replicates = np.bincount(observed_arm, minlength=len(means)).astype(np.float64)
    for held_out in folds(table, features, group_by):
        learn = ~held_out[table.arm_case] & np.isfinite(means)
        if not learn.any():
            raise UnsupportedError("no outcome is left to learn from outside one fold: bench more groups")
        model = make_model()
        model.fit(
            design(features, table.arm_case[learn], table.arm_cell[learn]), means[learn], replicates[learn]
        )
        left = means[learn] - model.predict(design(features, table.arm_case[learn], table.arm_cell[learn]))
        systematic = _cell_effects(left, table.arm_cell[learn], replicates[learn])[cells]
        for cases in _batches(np.flatnonzero(held_out)):
            rows = design(features, np.repeat(cases, len(cells)), np.tile(cells, len(cases)))
            predicted = model.predict(rows).reshape(len(cases), len(cells)) + systematic
            expected[np.ix_(cases, cells)] = np.clip(predicted, outcome.low, outcome.high)
    return expected


def _cell_effects(residuals: Floats, cells: Ints, runs: Floats) -> Floats:
    """(240,) mean residual of each cell, shrunk: what an action does beyond the sum of its classes."""
    total = np.bincount(cells, weights=runs * residuals, minlength=N_CELLS)
    effects: Floats = total / (np.bincount(cells, weights=runs, minlength=N_CELLS) + PENALTY)
    return effects


def folds(table: BenchTable, features: Floats, group_by: GroupBy) -> Iterator[Bools]:
    """The folds of a grouped k-fold split, as (N,) masks of held-out cases: each case once, no group in two."""
    group = table.case_issue if group_by == "issue" else table.case_group
    groups = int(group.max(initial=-1)) + 1
    if groups < 2:
        raise UnsupportedError(f"a cross-fit needs two groups at least; by {group_by} there is {groups}")
    rank = _ranks(table, features, group)[group]
    splits = GroupKFold(min(FOLDS, groups)).split(np.zeros((len(group), 1)), groups=rank)
    for _, held_out in splits:
        yield np.isin(np.arange(len(group)), held_out)


def design(features: Floats, cases: Ints, cells: Ints) -> Floats:
    """Design matrix (rows, D + 17): the features of each row's case and action."""
    return np.hstack([features[cases], action_features()[cells]])


def _ranks(table: BenchTable, features: Floats, group: Ints) -> Ints:
    """Groups sorted by what was known before any outcome, so that the folds do not depend on names."""
    drawn = np.zeros((len(table.cases), N_CELLS), dtype=np.bool_)
    drawn[table.arm_case, table.arm_cell] = True
    known: list[list[bytes]] = [[] for _ in range(int(group.max()) + 1)]
    for case, number in enumerate(group):
        known[number].append(features[case].tobytes() + np.packbits(drawn[case]).tobytes())
    order = sorted(range(len(known)), key=lambda number: (sorted(known[number]), number))
    ranks = np.empty(len(known), dtype=np.intp)
    ranks[order] = np.arange(len(known))
    return ranks


def _batches(cases: Ints) -> Iterator[Ints]:
    for start in range(0, len(cases), _CASES_AT_ONCE):
        yield cases[start : start + _CASES_AT_ONCE]
