"""The `covering` strategy: the rows of a randomised covering array, dealt over the cases of a bench."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import lru_cache

from bench.experiment.covering import CoveringDesign, DeckSlice, covering_array, window_at
from bench.experiment.space import ArmSpace, SamplingInput, SamplingRule
from bench.experiment.strategies.certain import Certain, certain_arms
from bench.experiment.strategies.contract import Drawn
from bench.experiment.strategies.slot_strategy import one_stratum
from planner.actions import Action


class CoveringStrategy:
    """Pairwise coverage: cases take consecutive rows in the order of admission.

    A bench that is stopped by its caps has then covered as many pairs as its admitted cases allow.
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

    def design(self, case: SamplingInput) -> CoveringDesign:
        sizes = tuple(part.size for part in _window(case))
        return _covering(case.space, case.baseline, case.executed, case.rule, sizes)

    def draw(self, case: SamplingInput) -> Drawn:
        positions = self.design(case).dealt(case.rule.seed, _window(case))
        lacking = slots_to_deal(case) - len(positions)
        return Drawn(positions, (f"{lacking} dealt rows are arms of the case anyway",) if lacking else ())


@lru_cache(maxsize=4096)
def _covering(
    space: ArmSpace, baseline: Action, executed: Action | None, rule: SamplingRule, sizes: tuple[int, ...]
) -> CoveringDesign:
    certain = certain_arms(space, baseline, executed, rule)
    free = tuple(action for action in space.actions if action not in certain.actions)
    return CoveringDesign(
        space.actions, certain.actions, certain.strata, free, one_stratum(free), certain.notes, sizes
    )


def slots_to_deal(case: SamplingInput) -> int:
    """How many rows of the covering array `case` takes."""
    return case.rule.k - len(_certain(case).actions)


def _certain(case: SamplingInput) -> Certain:
    return certain_arms(case.space, case.baseline, case.executed, case.rule)


def _window(case: SamplingInput) -> tuple[DeckSlice, ...]:
    return window_at(case.dealt, slots_to_deal(case), len(covering_array(case.space.actions).rows))
