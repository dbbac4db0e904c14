"""Published prices of models, from the offline data of `genai-prices`.

The package and its data take a tenth of a second and 25 MB to load, so they are loaded at the first lookup.
"""

import contextlib
import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from typing import TYPE_CHECKING

from workers.prices import names
from workers.prices.max_output import max_output
from workers.prices.rate import Rate, Tier, tier

if TYPE_CHECKING:
    from genai_prices.types import MatchLogic, ModelInfo, ModelPrice, TieredPrices

_RELAYS = {"openai", "anthropic", "openrouter"}
"""Names that also stand for a dialect or a broker: a model that is not theirs has the price of its maker."""
_NOT_BY_TOKENS = ("requests_kcount", "output_reasoning_mtok")
"""Prices of what is not counted: a model that has one cannot be priced by its tokens."""


_VERSION = re.compile(r"([-@:._]|v?\d+|latest|preview|exp|beta|free|thinking|instruct|it)*")
"""What may follow a model's name without making it another model."""


def rate(model: str, provider: str | None, at: datetime | None = None) -> Rate | None:
    """The rate of a model at a moment (default: now); None where the published table does not have it."""
    info = _find(model, provider)
    if info is None:
        return None
    at = at or datetime.now(tz=UTC)
    tiers = _tiers(info.get_prices(at))
    return None if tiers is None else Rate(tiers, max_output(model), _at_other_times(info, at))


@lru_cache(maxsize=1024)
def _find(model: str, provider: str | None) -> "ModelInfo | None":
    from genai_prices.data_snapshot import find_provider_by_id, get_snapshot

    snapshot = get_snapshot()
    host = None
    for owner, name in names.published(model, provider):
        known = None if owner is None else find_provider_by_id(snapshot.providers, owner)
        if owner is not None and known is None:
            continue
        if host is not None and known is not host:
            break  # a host of others' models has prices of its own
        with contextlib.suppress(LookupError):
            info = snapshot.find_provider_model(name, known, None, None)[1]
            if _names(info.match, name):
                return info
        if known is not None and known.id not in _RELAYS:
            host = known
    return None


def _names(clause: "MatchLogic", name: str) -> bool:
    """Whether a clause that matches names this very model, or a version of it.

    Many clauses match any name that begins with a model's: that of a later model, with a price of its own, too.
    """
    from genai_prices.types import ClauseAnd, ClauseContains, ClauseOr, ClauseStartsWith

    match clause:
        case ClauseOr():
            return any(_names(each, name) for each in clause.or_)
        case ClauseAnd():
            return all(_names(each, name) for each in clause.and_)
        case ClauseStartsWith(starts_with=text) | ClauseContains(contains=text):
            return clause.is_match(name) and bool(_VERSION.fullmatch(name.rpartition(text.lower())[2]))
    return clause.is_match(name)


def _at_other_times(info: "ModelInfo", at: datetime) -> tuple[Tier, ...]:
    """The tiers of the model's other hours and of the next day; empty where its prices do not depend on the time."""
    if not isinstance(info.prices, list):
        return ()
    from genai_prices.types import TimeOfDateConstraint

    others = [info.get_prices(at + timedelta(days=1))]
    others += [each.prices for each in info.prices if isinstance(each.constraint, TimeOfDateConstraint)]
    return tuple(each for prices in others for each in _tiers(prices) or ())


def _tiers(prices: "ModelPrice") -> tuple[Tier, ...] | None:
    """The context tiers; None where the model is not priced by input and output tokens alone."""
    if any(getattr(prices, key) is not None for key in _NOT_BY_TOKENS):
        return None
    given, output = prices.input_mtok, prices.output_mtok
    if given is None or output is None:
        return None
    kinds = (given, output, prices.cache_read_mtok, prices.cache_write_mtok, prices.cache_write_1h_mtok)
    starts = {0} | {step.start for each in kinds for step in getattr(each, "tiers", ())}
    return tuple(
        tier(
            start,
            _price(given, start),
            _price(output, start),
            *(None if each is None else _price(each, start) for each in kinds[2:]),
        )
        for start in sorted(starts)
    )


def _price(value: "Decimal | TieredPrices", start: int) -> Decimal:
    """The price of a call with more than `start` input tokens, up to the next tier."""
    if isinstance(value, Decimal):
        return value
    return next((step.price for step in reversed(value.tiers) if start >= step.start), value.base)
