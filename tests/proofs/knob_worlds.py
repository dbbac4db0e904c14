"""Worlds in which each component of the action adds its own known effect."""

import numpy as np

from bench.statistics.table import BenchTable, Floats
from planner.actions import JobType
from planner.space.heads import HEAD_SIZES, N_CELLS, valid_cells
from tests.proofs.value_worlds import make_table

LEVELS = np.array(np.unravel_index(np.arange(N_CELLS), HEAD_SIZES)).T
VOTE = 1


def additive_effects(swarm: float, candidates: Floats, minutes: Floats, iterations: Floats) -> Floats:
    """(240,) around 0; the number of candidates acts within speculate_vote alone."""
    vote = LEVELS[:, 0] == VOTE
    found: Floats = np.where(vote, swarm, -swarm) + np.where(vote, candidates[LEVELS[:, 1]], 0.0)
    return found + minutes[LEVELS[:, 2]] + iterations[LEVELS[:, 3]]


def uniform(job_type: JobType) -> Floats:
    """(240,) the same chance for every valid action."""
    cells = valid_cells(job_type)
    chances = np.zeros(N_CELLS)
    chances[cells] = 1 / len(cells)
    return chances


def knob_table(
    effects: Floats, seed: int, *, issues: int, arms: int, job_type: JobType = "code", replicates: int = 1
) -> BenchTable:
    """`arms` valid actions an issue, without replacement; issues differ by ±0.2 and an arm by ±0.05."""
    rng = np.random.default_rng([seed, 910])
    cells = valid_cells(job_type).astype(np.intp)
    picked = cells[np.sort(rng.random((issues, len(cells))).argsort(axis=1)[:, :arms], axis=1)]
    level = 0.5 + rng.uniform(-0.2, 0.2, (issues, 1)) + rng.uniform(-0.05, 0.05, picked.shape)
    rates = level + effects[picked]
    passed = rng.random((*rates.shape, replicates)) < rates[..., None]
    chances = np.zeros((issues, N_CELLS))
    chances[:, cells] = arms / len(cells)
    return make_table(chances, picked, passed.astype(np.float64), np.arange(issues))
