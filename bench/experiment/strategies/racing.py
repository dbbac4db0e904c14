"""The `racing` strategy: successive elimination among arms that all cases of a bench share.

Each action has an exact marginal inclusion probability, but all cases share a single draw: given that draw the arms
are deterministic over the issues of the bench, and only the policies that ran can be evaluated.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import lru_cache

from bench.errors import BenchError
from bench.experiment.slot_design import SlotDesign, SlotPlan
from bench.experiment.space import ArmSpace, SamplingInput, SamplingRule, Stratum
from bench.experiment.strategies.certain import certain_arms
from bench.experiment.strategies.contract import Drawn
from bench.experiment.strategies.slot_strategy import one_stratum
from bench.experiment.streams import Stream, nth_free
from planner.actions import Action


class RacingStrategy:
    """The racers are certain arms of every case, after the baseline; the last executed action is not included."""

    name = "racing"
    version = "racing.1"
    uses_k = True
    races = True

    def is_randomised(self, limited: bool) -> bool:  # noqa: ARG002  # one signature for all strategies
        return False

    def prepare(self, cases: Sequence[SamplingInput], ranks: Mapping[str, int]) -> list[SamplingInput]:  # noqa: ARG002
        if not cases:
            return []
        racers = draw_racers([case.space for case in cases], cases[0].rule)
        return [replace(case, rule=replace(case.rule, racers=racers)) for case in cases]

    def design(self, case: SamplingInput) -> SlotDesign:
        return _slot_design(case.space, case.baseline, case.rule)

    def draw(self, case: SamplingInput) -> Drawn:  # noqa: ARG002  # all arms are certain
        return Drawn([])


@lru_cache(maxsize=4096)
def _slot_design(space: ArmSpace, baseline: Action, rule: SamplingRule) -> SlotDesign:
    certain = certain_arms(space, baseline, None, rule)
    notes = certain.notes
    if set(certain.actions) & set(rule.racers):
        notes = (*notes, "the baseline is an arm of the race anyway")
    others = tuple(action for action in rule.racers if action not in certain.actions)
    arms = (*certain.actions, *others)
    strata: tuple[Stratum, ...] = (*certain.strata, *one_stratum(others))
    free = tuple(action for action in space.actions if action not in arms)
    return SlotDesign(arms, strata, free, one_stratum(free), (SlotPlan((), 0),), notes)


def draw_racers(spaces: Sequence[ArmSpace], rule: SamplingRule) -> tuple[Action, ...]:
    """Simple random sampling without replacement of K actions that every case allows; K − 1 with a baseline.

    Returns them in canonical order. Raises `BenchError` where K is below 2, or the cases share too few actions.
    """
    wanted = rule.k - rule.include_baseline
    if rule.k < 2:
        raise BenchError(f"action_sampling.K is {rule.k}; a race needs at least two arms")
    shared = [
        action for action in spaces[0].actions if all(action in space.actions for space in set(spaces[1:]))
    ]
    if wanted > len(shared):
        raise BenchError(
            f"a race tries the same {wanted} actions on every issue, and only {len(shared)} are allowed for all "
            "of them; lower K, or bench one job type at a time"
        )
    stream = Stream(rule.seed, "racers", RacingStrategy.version)
    drawn: list[int] = []
    for _ in range(wanted):
        drawn.append(nth_free(stream.below(len(shared) - len(drawn)), sorted(drawn)))
    return tuple(shared[position] for position in sorted(drawn))
