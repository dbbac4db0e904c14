"""Price lookup: the user's file, then the built-in overrides, then the published table."""

import os
from pathlib import Path

from workers.errors import WorkerError
from workers.prices import names, published
from workers.prices.file import OVERRIDES, models_of
from workers.prices.rate import Rate
from workers.prices.tokens import Tokens


def check_prices() -> None:
    """Check the `BENCH_PRICES` file before anything runs.

    Raises: `WorkerError` where it is missing, invalid or named by a relative path.
    """
    _files()


def _files() -> list[Path]:
    """The price files, the user's first. Raises as `check_prices`."""
    own = os.environ.get("BENCH_PRICES")
    if own and not Path(own).is_absolute():  # each process of a farm has a working directory of its own
        raise WorkerError("BENCH_PRICES is not an absolute path; give the whole path of the price file")
    files = [Path(own), OVERRIDES] if own else [OVERRIDES]
    for each in files:
        models_of(each)
    return files


def price_of(model: str | None, provider: str | None = None) -> Rate | None:
    """The rate of a model, or None where no table has it.

    `provider` is the one that is charged, such as `anthropic`; without it the model's name implies one.
    """
    if model is None or not model.strip():
        return None
    try:
        files = _files()
    except WorkerError:
        return None  # refused by `check_prices` before; what has run by now must still be recorded
    for path in files:
        models, forms = models_of(path), names.exact if path == OVERRIDES else names.in_files
        for name in forms(model, provider):
            if name in models:
                return models[name].rate(model)
    return published.rate(model, provider)


def price(model: str | None, tokens: Tokens, provider: str | None = None) -> int | None:
    """Micro-dollars of one call, rounded up; None where the model's price is not known."""
    rate = price_of(model, provider)
    return None if rate is None else rate.cost(tokens)


def price_sum(model: str | None, tokens: Tokens, provider: str | None = None) -> int | None:
    """Micro-dollars of many calls together at the base tier, rounded up; None where the price is not known.

    The sum does not show how long each call's context was, so that calls at a dearer tier are underpriced.
    """
    rate = price_of(model, provider)
    return None if rate is None else rate.tiers[0].cost(tokens)
