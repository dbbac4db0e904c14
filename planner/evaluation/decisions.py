"""Decisions of a policy on a split: the chosen action and its probabilities, one row an example."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import NDArray

from planner.policies.base import Distribution, Observation, Policy
from planner.policies.uniform import Uniform
from planner.space.heads import HEADS, N_CELLS, incidence, valid_cells

_AT_ONCE = 512


@dataclass(frozen=True, slots=True)
class Decisions:
    """Decisions of one policy on N examples.

    A policy takes its most probable action, the first in canonical order on a tie. The uniform policy samples instead:
    its metrics are expectations over its draws.
    """

    policy_id: str
    cells: NDArray[np.int16]
    """(N,) canonical rank of the action taken."""
    probability: NDArray[np.float64]
    """(N,) probability of that action."""
    head_probabilities: NDArray[np.float64]
    """(N, 4) marginal probability of its class in each head."""
    drawn: NDArray[np.float64] | None = None
    """(N, 240) probability of every cell, where actions are sampled."""

    def __len__(self) -> int:
        return len(self.cells)

    @property
    def confidence(self) -> NDArray[np.float64]:
        """(N,) confidence for abstention: the geometric mean of the probability over the heads."""
        return np.asarray(self.probability ** (1 / len(HEADS)))

    def weight(self, examples: NDArray[np.integer], cells: NDArray[np.integer]) -> NDArray[np.float64]:
        """Probability that example `examples[i]` gets action `cells[i]`: 0 or 1 unless actions are sampled."""
        taken = self.cells[examples] == cells if self.drawn is None else self.drawn[examples, cells]
        return np.asarray(taken, dtype=np.float64)

    def shares(self) -> NDArray[np.float64]:
        """(240,) share of examples that get each action."""
        if self.drawn is not None:
            return np.asarray(self.drawn.mean(axis=0))
        return np.bincount(self.cells, minlength=N_CELLS) / max(len(self), 1)

    def take(self, chosen: NDArray[Any]) -> "Decisions":
        """Select examples by index or mask."""
        drawn = None if self.drawn is None else self.drawn[chosen]
        return Decisions(
            self.policy_id,
            self.cells[chosen],
            self.probability[chosen],
            self.head_probabilities[chosen],
            drawn,
        )


def decide(policies: Sequence[Policy], inputs: Iterable[Mapping[str, Any]]) -> list[Decisions]:
    """Decide with every policy on every planner_input, in one pass. Returns one entry a policy, in order."""
    ledgers = [_DecisionRecorder(policy) for policy in policies]
    stream = iter(inputs)
    while batch := [Observation(document) for document in islice(stream, _AT_ONCE)]:
        for ledger in ledgers:
            ledger.ask(batch)
    return [ledger.decisions() for ledger in ledgers]


def joined(parts: Sequence[Decisions]) -> Decisions:
    """Concatenate one policy's decisions on several cross-validation folds."""
    drawn = [part.drawn for part in parts if part.drawn is not None]
    return Decisions(
        parts[0].policy_id,
        np.concatenate([part.cells for part in parts]),
        np.concatenate([part.probability for part in parts]),
        np.concatenate([part.head_probabilities for part in parts]),
        np.concatenate(drawn) if drawn else None,
    )


def with_fallback(decisions: Decisions, fallback: Decisions, threshold: float) -> Decisions:
    """Decisions with abstention: the fallback's action wherever the confidence is below `threshold`."""
    unsure = decisions.confidence < threshold
    return Decisions(
        f"{decisions.policy_id} or {fallback.policy_id}",
        np.where(unsure, fallback.cells, decisions.cells),
        np.where(unsure, fallback.probability, decisions.probability),
        np.where(unsure[:, None], fallback.head_probabilities, decisions.head_probabilities),
    )


class _DecisionRecorder:
    """Accumulates one policy's decisions."""

    def __init__(self, policy: Policy) -> None:
        self._policy = policy
        self._draws = isinstance(policy, Uniform)
        self._cells: list[int] = []
        self._rows: list[tuple[float, ...]] = []
        self._drawn: list[NDArray[np.float64]] = []

    def ask(self, batch: Sequence[Observation]) -> None:
        for observation, distribution in zip(batch, self._policy.distributions(batch), strict=True):
            self._add(observation, distribution)

    def _add(self, observation: Observation, distribution: Distribution) -> None:
        best = int(distribution.argmax())
        cells = valid_cells(observation.job_type)
        used = incidence(observation.job_type)
        marginals = (distribution @ used)[used[best] > 0]
        self._cells.append(int(cells[best]))
        self._rows.append((float(distribution[best]), *marginals.tolist()))
        if self._draws:
            row = np.zeros(N_CELLS)
            row[cells] = distribution
            self._drawn.append(row)

    def decisions(self) -> Decisions:
        rows = np.array(self._rows, dtype=np.float64).reshape(-1, 1 + len(HEADS))
        return Decisions(
            self._policy.policy_id,
            np.array(self._cells, dtype=np.int16),
            np.minimum(rows[:, 0], 1.0),
            np.minimum(rows[:, 1:], 1.0),
            np.array(self._drawn).reshape(-1, N_CELLS) if self._draws else None,
        )
