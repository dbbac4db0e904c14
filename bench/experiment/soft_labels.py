"""Soft labels: weights of the winner and of the arms that are not significantly different from it.

An arm is compared with the winner by two exact two-sided tests: Fisher's exact test on successes among scored
replicates, and a rank-sum permutation test on the objective of the successful replicates. Its p-value is the
smaller of the two. At p ≤ 0.05 the arm differs significantly and has weight 0; the others share the label in
proportion to their p-values (the winner has 1, and so has an arm with the same results). Where both arms have a
single scored replicate no test has power, and the values are compared: an equal arm has p-value 1, any other 0.
"""

from collections.abc import Callable, Sequence
from math import comb
from typing import Final

from bench.experiment.estimates import ArmOutcome, scored_replicates, successes
from planner.actions import Action

ALPHA: Final = 0.05
Key = tuple[int | float, ...]


def soft_weights(
    winner: ArmOutcome, contenders: Sequence[ArmOutcome], values_of: Callable[[ArmOutcome], Sequence[Key]]
) -> tuple[tuple[Action, float], ...]:
    """The soft label of a case.

    `contenders` includes the winner; `values_of` returns the objective of each successful replicate, lower is
    better.

    Returns (action, weight) of the winner and of the contenders that do not differ significantly, in the order
    given; the weights sum to 1.
    """
    shares = [(arm.action, 1.0 if arm is winner else _share(arm, winner, values_of)) for arm in contenders]
    total = sum(share for _, share in shares)
    return tuple((action, share / total) for action, share in shares if share > 0)


def _share(arm: ArmOutcome, winner: ArmOutcome, values_of: Callable[[ArmOutcome], Sequence[Key]]) -> float:
    scored, best_scored = len(scored_replicates(arm)), len(scored_replicates(winner))
    if scored == best_scored == 1:
        return 1.0 if values_of(arm) == values_of(winner) else 0.0
    passes = fisher_p(len(successes(arm)), scored, len(successes(winner)), best_scored)
    p = min(passes, rank_sum_p(values_of(arm), values_of(winner)))
    return p if p > ALPHA else 0.0


def fisher_p(passed_a: int, scored_a: int, passed_b: int, scored_b: int) -> float:
    """Two-sided p-value of Fisher's exact test: the probability of all tables no likelier than this one."""
    passed = passed_a + passed_b
    low, high = max(0, passed - scored_b), min(passed, scored_a)
    ways = {x: comb(scored_a, x) * comb(scored_b, passed - x) for x in range(low, high + 1)}
    return sum(way for way in ways.values() if way <= ways[passed_a]) / sum(ways.values())


def rank_sum_p(a: Sequence[Key], b: Sequence[Key]) -> float:
    """Two-sided exact permutation p-value of the rank sum, ties by mid-ranks; 1 where a sample is empty."""
    if not a or not b:
        return 1.0
    pooled = sorted([*a, *b])
    # Twice the mid-rank, so that every rank is an integer.
    doubled = {value: 2 * pooled.index(value) + pooled.count(value) + 1 for value in set(pooled)}
    observed = sum(doubled[value] for value in a)
    expected = len(a) * (len(pooled) + 1)
    sums = _subset_sums([doubled[value] for value in pooled], len(a))
    extreme = sum(ways for total, ways in sums.items() if abs(total - expected) >= abs(observed - expected))
    return extreme / sum(sums.values())


def _subset_sums(values: Sequence[int], size: int) -> dict[int, int]:
    """How many subsets of `size` values have each sum."""
    by_size: list[dict[int, int]] = [{0: 1}, *({} for _ in range(size))]
    for value in values:
        for taken in range(size, 0, -1):
            for total, ways in by_size[taken - 1].items():
                by_size[taken][total + value] = by_size[taken].get(total + value, 0) + ways
    return by_size[size]
