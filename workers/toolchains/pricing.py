"""Price tables: the cost of tokens where a program reports tokens but no cost."""

import json
import math
import os
import re
from collections.abc import Mapping
from dataclasses import astuple, dataclass
from functools import lru_cache
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from workers.errors import WorkerError

_BUILT_IN = Path(__file__).with_name("prices.json")
_DATED = re.compile(r"[-@](\d{8}|\d{4}-\d{2}-\d{2}|latest)$")
Dollars = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class Price(BaseModel):
    """US dollars per million tokens; a missing cache price is the input price."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    input: Dollars
    output: Dollars
    cached_input: Dollars | None = None
    cache_write: Dollars | None = None


class PriceTable(BaseModel):
    """A price file: `BENCH_PRICES` names one whose models come before the built-in ones."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    as_of: str
    unit: str = "USD per million tokens"
    models: dict[str, Price]
    """Keyed by model name, with or without its provider; `provider/*` prices all of a provider's."""


@dataclass(frozen=True)
class Tokens:
    """Token counts that do not overlap: `input` holds neither cached nor cache-write tokens."""

    input: int = 0
    cached: int = 0
    cache_write: int = 0
    output: int = 0

    @property
    def total_in(self) -> int:
        return self.input + self.cached + self.cache_write

    def __bool__(self) -> bool:
        """Whether there are any."""
        return self.total_in + self.output > 0

    def __add__(self, other: "Tokens") -> "Tokens":
        return Tokens(
            self.input + other.input,
            self.cached + other.cached,
            self.cache_write + other.cache_write,
            self.output + other.output,
        )


def highest(first: Tokens | None, second: Tokens | None) -> Tokens | None:
    """The higher value of each count: the high-water mark of a running total, also where it was reset."""
    if first is None or second is None:
        return second if first is None else first
    return Tokens(*map(max, astuple(first), astuple(second)))


def load(path: Path) -> PriceTable:
    """Read a price file. Raises `WorkerError`, with one line, where it is invalid."""
    try:
        return PriceTable.model_validate(json.loads(path.read_text("utf-8")))
    except OSError as error:
        raise WorkerError(f"price file {path}: {error.strerror}; correct BENCH_PRICES") from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise WorkerError(f"price file {path}: {where}: {first['msg']}") from error
    except ValueError as error:
        raise WorkerError(f"price file {path} is not JSON: {error}") from error


@lru_cache(maxsize=8)
def _models(override: str | None) -> Mapping[str, Price]:
    tables = [load(_BUILT_IN)] + ([load(Path(override))] if override else [])
    return {name.lower(): price for table in tables for name, price in table.models.items()}


def check_prices() -> None:
    """Check the `BENCH_PRICES` file before anything runs. Raises `WorkerError` where it is missing or invalid."""
    _models(os.environ.get("BENCH_PRICES"))


def _names(model: str) -> list[str]:
    """The names to look a model up by, most particular first."""
    name = model.strip().lower()
    bare = name.rsplit("/", 1)[-1]
    names = [name, _DATED.sub("", name), bare, _DATED.sub("", bare)]
    return [*names, f"{name.split('/', 1)[0]}/*"] if "/" in name else names


def price_of(model: str | None) -> Price | None:
    """The price of a model, or None where the tables do not know it."""
    if model is None:
        return None
    try:
        models = _models(os.environ.get("BENCH_PRICES"))
    except WorkerError:
        return None  # refused by `check_prices` before; what has run by now must still be recorded
    return next((models[name] for name in _names(model) if name in models), None)


def price(model: str | None, tokens: Tokens) -> int | None:
    """Micro-dollars for `tokens`, rounded up; None where the model's price is not known.

    Dollars per million tokens times tokens are micro-dollars.
    """
    rate = price_of(model)
    if rate is None:
        return None
    cached = rate.input if rate.cached_input is None else rate.cached_input
    written = rate.input if rate.cache_write is None else rate.cache_write
    amount = (
        tokens.input * rate.input
        + tokens.cached * cached
        + tokens.cache_write * written
        + tokens.output * rate.output
    )
    return math.ceil(round(amount, 3))
