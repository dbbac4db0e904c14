"""Price file: the user's own, named by `BENCH_PRICES`, and the built-in one of the same format."""

import json
from collections.abc import Mapping
from decimal import Decimal
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, PositiveInt, ValidationError, model_validator

from workers.errors import WorkerError
from workers.prices.max_output import max_output
from workers.prices.rate import Rate, Tier, tier

OVERRIDES = Path(__file__).with_name("overrides.json")
"""What the published table lacks or has differently."""
Dollars = Annotated[Decimal, Field(ge=0, allow_inf_nan=False)]


class Prices(BaseModel):
    """US dollars per million tokens; a missing cache price is the input price, one of an hour that of the other."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    input: Dollars
    output: Dollars
    cached_input: Dollars | None = None
    cache_write: Dollars | None = None
    cache_write_1h: Dollars | None = None

    def tier(self, above: int) -> Tier:
        return tier(above, self.input, self.output, self.cached_input, self.cache_write, self.cache_write_1h)


class PricesAbove(Prices):
    """Prices of a call whose input has more than `above` tokens."""

    above: PositiveInt


class ModelPrices(Prices):
    """Prices of a model, with those of long contexts where they differ."""

    max_output: PositiveInt | None = None
    """Tokens: a limit on output that the model accepts."""
    tiers: tuple[PricesAbove, ...] = ()

    @model_validator(mode="after")
    def _ascending(self) -> Self:
        thresholds = [each.above for each in self.tiers]
        if thresholds != sorted(set(thresholds)):
            raise ValueError("the tiers' `above` must ascend")
        return self

    def rate(self, model: str) -> Rate:
        tiers = (self.tier(0), *(each.tier(each.above) for each in self.tiers))
        return Rate(tiers, self.max_output or max_output(model))


class PriceTable(BaseModel):
    """A price file: `BENCH_PRICES` names one whose models come before the built-in ones."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    as_of: str
    unit: str = "USD per million tokens"
    models: dict[str, ModelPrices]
    """Keyed by model name, with or without its provider; `provider/*` prices all of a provider's."""


def load(path: Path) -> PriceTable:
    """Read a price file. Raises `WorkerError`, with one line, where it is invalid."""
    try:
        return PriceTable.model_validate(json.loads(path.read_text("utf-8"), parse_float=Decimal))
    except OSError as error:
        raise WorkerError(f"price file {path}: {error.strerror}; correct BENCH_PRICES") from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        if first["loc"] == ("as_of",):
            raise WorkerError(
                f'price file {path}: as_of: give the date of the prices, such as "2026-01-31"'
            ) from error
        raise WorkerError(f"price file {path}: {where}: {first['msg']}") from error
    except ValueError as error:
        raise WorkerError(f"price file {path} is not JSON: {error}") from error


@lru_cache(maxsize=8)
def models_of(path: Path) -> Mapping[str, ModelPrices]:
    """The models of a price file by lower-case name; read once. Raises `WorkerError` where it is invalid."""
    return {name.lower(): prices for name, prices in load(path).models.items()}
