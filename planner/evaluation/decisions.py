"""What a policy decides on a split, kept small: a chosen action and its probabilities an example."""

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
    """The decisions of one policy on N examples.

    A policy takes its most probable action, the first in canonical order on a tie. Uniform is the one that
    draws instead: its figures are expectations over its draws.
    """

    policy_id: str
    cells: NDArray[np.int16]
    """(N,) the action taken."""
    probability: NDArray[np.float64]
    """(N,) of that action."""
    head_probabilities: NDArray[np.float64]
    """(N, 4): the marginal probability of each of its classes."""
    drawn: NDArray[np.float64] | None = None
    """(N, 240): the probability of every cell, where actions are drawn."""

    def __len__(self) -> int:
        return len(self.cells)

    @property
    def confidence(self) -> NDArray[np.float64]:
        """(N,) what a confidence threshold is compared with: the geometric mean over the heads."""
        return np.asarray(self.probability ** (1 / len(HEADS)))

    def weight(self, examples: NDArray[np.integer], cells: NDArray[np.integer]) -> NDArray[np.float64]:
        """How likely it is that example `examples[i]` is given `cells[i]`: 0 or 1 unless actions are drawn."""
        taken = self.cells[examples] == cells if self.drawn is None else self.drawn[examples, cells]
        return np.asarray(taken, dtype=np.float64)

    def shares(self) -> NDArray[np.float64]:
        """(240,): how often each action is taken."""
        if self.drawn is not None:
            return np.asarray(self.drawn.mean(axis=0))
        return np.bincount(self.cells, minlength=N_CELLS) / max(len(self), 1)

    def take(self, chosen: NDArray[Any]) -> "Decisions":
        """The decisions on the chosen examples, by index or mask."""
        drawn = None if self.drawn is None else self.drawn[chosen]
        return Decisions(
            self.policy_id,
            self.cells[chosen],
            self.probability[chosen],
            self.head_probabilities[chosen],
            drawn,
        )


def decide(policies: Sequence[Policy], inputs: Iterable[Mapping[str, Any]]) -> list[Decisions]:
    """Ask every policy about every planner_input, in one pass; in the order of `policies`."""
    ledgers = [_DecisionRecorder(policy) for policy in policies]
    stream = iter(inputs)
    while batch := [Observation(document) for document in islice(stream, _AT_ONCE)]:
        for ledger in ledgers:
            ledger.ask(batch)
    return [ledger.decisions() for ledger in ledgers]


def joined(parts: Sequence[Decisions]) -> Decisions:
    """One policy's decisions on several folds, one after the other."""
    drawn = [part.drawn for part in parts if part.drawn is not None]
    return Decisions(
        parts[0].policy_id,
        np.concatenate([part.cells for part in parts]),
        np.concatenate([part.probability for part in parts]),
        np.concatenate([part.head_probabilities for part in parts]),
        np.concatenate(drawn) if drawn else None,
    )


def with_fallback(decisions: Decisions, fallback: Decisions, threshold: float) -> Decisions:
    """What a kernel would do: the fallback's action wherever confidence is below `threshold`."""
    unsure = decisions.confidence < threshold
    return Decisions(
        f"{decisions.policy_id} or {fallback.policy_id}",
        np.where(unsure, fallback.cells, decisions.cells),
        np.where(unsure, fallback.probability, decisions.probability),
        np.where(unsure[:, None], fallback.head_probabilities, decisions.head_probabilities),
    )


class _DecisionRecorder:
    """Collects one policy's answers."""

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
