"""The `racing` strategy: the same arms for all cases of a bench, drawn once; arms that lose are dropped while it runs.

Marginally each action has an exact chance of being drawn, but all cases share the one draw: over the issues of
the bench nothing was left to chance, and no policy can be judged but those that ran.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import lru_cache

from bench.errors import BenchError
from bench.experiment.layout import Layout, Plan
from bench.experiment.space import ArmSpace, SamplingInput, SamplingRule, Stratum
from bench.experiment.strategies.certain import certain_arms
from bench.experiment.strategies.contract import Drawn
from bench.experiment.strategies.layouts import one_stratum
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

    def design(self, case: SamplingInput) -> Layout:
        return _layout(case.space, case.baseline, case.rule)

    def draw(self, case: SamplingInput) -> Drawn:  # noqa: ARG002  # all arms are certain
        return Drawn([])


@lru_cache(maxsize=4096)
def _layout(space: ArmSpace, baseline: Action, rule: SamplingRule) -> Layout:
    certain = certain_arms(space, baseline, None, rule)
    notes = certain.notes
    if set(certain.actions) & set(rule.racers):
        notes = (*notes, "the baseline is an arm of the race anyway")
    others = tuple(action for action in rule.racers if action not in certain.actions)
    arms = (*certain.actions, *others)
    strata: tuple[Stratum, ...] = (*certain.strata, *one_stratum(others))
    free = tuple(action for action in space.actions if action not in arms)
    return Layout(arms, strata, free, one_stratum(free), (Plan((), 0),), notes)


def draw_racers(spaces: Sequence[ArmSpace], rule: SamplingRule) -> tuple[Action, ...]:
    """K actions that every case allows, K − 1 where the baseline is in, uniformly without replacement.

    In canonical order. Raises `BenchError` where K leaves no race, or the cases share too few actions.
    """
    wanted = rule.k - rule.include_baseline
    if rule.k < 2:
        raise BenchError(f"action_sampling.K is {rule.k}; a race needs two arms at least")
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
