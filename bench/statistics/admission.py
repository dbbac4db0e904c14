"""With which probability the caps let a case in: a part of every inclusion probability."""

from typing import Final, NamedTuple

import numpy as np

from bench.errors import BenchError
from bench.statistics.table import Bools, Floats

REDRAWS: Final = 10_000


class Admission(NamedTuple):
    """`probabilities` (N,) of being admitted; `exact` or estimated by `redraws` of the order."""

    probabilities: Floats
    exact: bool
    redraws: int


def admission_probabilities(
    reserved: Floats, spent: Floats, caps: Floats, *, seed: int, redraws: int = REDRAWS
) -> Admission:
    """Cases come all or none in a random order; one is skipped where what was spent and it exceed a cap.

    `reserved` and `spent` (N, U) are what a case needs to be let in and what it then really takes, `caps`
    (U,) the limits, in as many units (dollars, minutes, executions) as have one. For a case that did not run,
    `spent` is what it would have taken: its reservation where nothing better is known. Exact where no cap
    binds or all cases are alike; else estimated, cases that are alike taken together (Rao–Blackwell).
    """
    if redraws < REDRAWS:
        raise BenchError(f"{redraws} redraws are too few for admission probabilities; take {REDRAWS} or more")
    if reserved.shape != spent.shape or reserved.shape[1:] != caps.shape:
        raise BenchError(
            "reservations, spending and caps of the admission do not cover the same cases and units"
        )
    size = len(reserved)
    most = np.maximum(reserved, spent)
    if (most.sum(axis=0) <= caps).all():
        return Admission(np.ones(size), exact=True, redraws=0)
    kinds, kind = np.unique(np.hstack([reserved, spent]), axis=0, return_inverse=True)
    if len(kinds) == 1:
        let_in = _admitted(reserved, spent, caps, np.arange(size)[None])
        return Admission(np.full(size, let_in.mean()), exact=True, redraws=0)
    orders = np.random.default_rng([seed, size]).random((redraws, size)).argsort(axis=1)
    share = _admitted(reserved, spent, caps, orders).mean(axis=0)
    together = np.bincount(kind, weights=share) / np.bincount(kind)
    return Admission(together[kind], exact=False, redraws=redraws)


def _admitted(reserved: Floats, spent: Floats, caps: Floats, orders: np.typing.NDArray[np.intp]) -> Bools:
    """(redraws, N) which cases each of the `orders` (redraws, N) lets in."""
    rows = np.arange(len(orders))
    used = np.zeros((len(orders), len(caps)))
    found = np.zeros(orders.shape, dtype=np.bool_)
    for case in orders.T:
        fits = (used + reserved[case] <= caps).all(axis=1)
        used += np.where(fits[:, None], spent[case], 0.0)
        found[rows, case] = fits
    return found
