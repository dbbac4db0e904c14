"""What a candidate and an execution cost: compute minutes plus the provider's money, in micro-dollars."""

from collections.abc import Sequence
from dataclasses import dataclass

from workers.result import CandidateResult, CostSource, RoundResult
from workers.spec import Workcell


@dataclass(frozen=True)
class Cost:
    """`micro_usd` is None, never 0, where a provider's part is unknown; only then is there a lower bound."""

    micro_usd: int | None
    source: CostSource
    at_least: int | None = None


def compute_micro_usd(billed_ms: int, workcell: Workcell) -> int:
    """The price of worker time; a minute has `seconds_per_minute` seconds."""
    minutes = billed_ms / 1000 / workcell.seconds_per_minute
    return round(minutes * workcell.rates.usd_per_minute * 1_000_000)


def planned_ms(billed_ms: int, workcell: Workcell) -> int:
    """Worker time in milliseconds of planned minutes: 60,000 are one minute of the action."""
    return round(billed_ms * 60 / workcell.seconds_per_minute)


def round_money(played: RoundResult) -> int | None:
    """What one round spent at its provider: metered, else reported, else priced, else unknown."""
    if played.usd_metered is not None:
        return played.usd_metered
    return played.usd_reported if played.usd_reported is not None else played.usd_priced


def round_money_at_least(played: RoundResult) -> int:
    """What one round spent at its provider, or a lower bound of it."""
    money = round_money(played)
    return (played.usd_at_least or 0) if money is None else money


def candidate_cost(rounds: Sequence[RoundResult], billed_ms: int, workcell: Workcell) -> Cost:
    """Compute and provider money together. A round that never could spend has `usd_reported` 0."""
    money = sum(map(round_money_at_least, rounds)) + compute_micro_usd(billed_ms, workcell)
    if any(round_money(each) is None for each in rounds):
        return Cost(None, "unknown", money)
    return Cost(money, _source({_source_of(each) for each in rounds}))


def execution_cost(candidates: Sequence[CandidateResult]) -> Cost:
    """The sum over candidates; unknown where one of them is."""
    known = [each.micro_usd for each in candidates if each.micro_usd is not None]
    if len(known) < len(candidates):
        unknown = sum(each.micro_usd_at_least or 0 for each in candidates if each.micro_usd is None)
        return Cost(None, "unknown", sum(known) + unknown)
    return Cost(sum(known), _source({each.cost_source for each in candidates}))


def _source_of(played: RoundResult) -> CostSource:
    if played.usd_metered is not None:
        return "metered"
    return "priced" if played.usd_reported is None else "reported"


def _source(sources: set[CostSource]) -> CostSource:
    """The least certain of several sources."""
    order: tuple[CostSource, ...] = ("unknown", "priced", "reported", "metered")
    return next((each for each in order if each in sources), "reported")
