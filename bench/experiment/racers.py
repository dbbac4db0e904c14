"""The arms of a race: the same for all cases of a bench, drawn once.

Marginally each action has an exact chance of being drawn, but all cases share the one draw: over the issues of
the bench nothing was left to chance, and no policy can be judged but those that ran.
"""

from collections.abc import Sequence

from bench.errors import BenchError
from bench.experiment.space import STRATEGY_VERSION, ArmSpace, SamplingRule
from bench.experiment.streams import Stream, nth_free
from planner.actions import Action


def draw_racers(spaces: Sequence[ArmSpace], rule: SamplingRule) -> tuple[Action, ...]:
    """K actions that every case allows, K − 1 where the baseline is in, uniformly without replacement.

    In canonical order. A `BenchError` where K leaves no race, or the cases share too few actions.
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
    stream = Stream(rule.seed, "racers", STRATEGY_VERSION["racing"])
    drawn: list[int] = []
    for _ in range(wanted):
        drawn.append(nth_free(stream.below(len(shared) - len(drawn)), sorted(drawn)))
    return tuple(shared[place] for place in sorted(drawn))
