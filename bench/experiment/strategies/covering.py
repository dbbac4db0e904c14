"""The `covering` strategy: the rows of randomised pair-covering sets, dealt over the cases of a bench."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import lru_cache

from bench.experiment.covering import Covering, Part, cards_of, window_at
from bench.experiment.space import ArmSpace, SamplingInput, SamplingRule
from bench.experiment.strategies.certain import Certain, certain_arms
from bench.experiment.strategies.contract import Drawn
from bench.experiment.strategies.layouts import one_stratum
from planner.actions import Action


class CoveringStrategy:
    """Cases take consecutive rows in the order of admission, so that a bench cut short by its caps has covered what
    it could.
    """

    name = "covering"
    version = "covering.1"
    uses_k = True
    races = False

    def is_randomised(self, limited: bool) -> bool:  # noqa: ARG002  # one signature for all strategies
        return True

    def prepare(self, cases: Sequence[SamplingInput], ranks: Mapping[str, int]) -> list[SamplingInput]:
        prepared = list(cases)
        dealt: dict[tuple[Action, ...], int] = {}
        for number in sorted(range(len(cases)), key=lambda number: ranks[cases[number].issue_id]):
            case = cases[number]
            offset = dealt.get(case.space.actions, 0)
            prepared[number] = replace(case, dealt=offset)
            dealt[case.space.actions] = offset + slots_to_deal(case)
        return prepared

    def design(self, case: SamplingInput) -> Covering:
        sizes = tuple(part.size for part in _window(case))
        return _covering(case.space, case.baseline, case.executed, case.rule, sizes)

    def draw(self, case: SamplingInput) -> Drawn:
        positions = self.design(case).dealt(case.rule.seed, _window(case))
        lacking = slots_to_deal(case) - len(positions)
        return Drawn(positions, (f"{lacking} dealt rows are arms of the case anyway",) if lacking else ())


@lru_cache(maxsize=4096)
def _covering(
    space: ArmSpace, baseline: Action, executed: Action | None, rule: SamplingRule, sizes: tuple[int, ...]
) -> Covering:
    certain = certain_arms(space, baseline, executed, rule)
    free = tuple(action for action in space.actions if action not in certain.actions)
    return Covering(
        space.actions, certain.actions, certain.strata, free, one_stratum(free), certain.notes, sizes
    )


def slots_to_deal(case: SamplingInput) -> int:
    """How many rows of the covering decks `case` takes."""
    return case.rule.k - len(_certain(case).actions)


def _certain(case: SamplingInput) -> Certain:
    return certain_arms(case.space, case.baseline, case.executed, case.rule)


def _window(case: SamplingInput) -> tuple[Part, ...]:
    return window_at(case.dealt, slots_to_deal(case), len(cards_of(case.space.actions).rows))
