"""Admission probability of a case under the caps: a factor of every inclusion probability."""

from typing import Final, NamedTuple

import numpy as np

from bench.errors import BenchError
from bench.statistics.table import Bools, Floats

REDRAWS: Final = 10_000


class Admission(NamedTuple):
    """Admission `probabilities` (N,): `exact`, or a Monte-Carlo estimate from `redraws` of the order."""

    probabilities: Floats
    exact: bool
    redraws: int


def admission_probabilities(
    reserved: Floats, spent: Floats, caps: Floats, *, seed: int, redraws: int = REDRAWS
) -> Admission:
    """Probability that each case is admitted, over the random order of admission.

    Cases are admitted whole, in a random order; a case is skipped where its reservation and what is already spent
    exceed a cap. `reserved` and `spent` (N, U) are the reservation and the actual spending of each case, `caps`
    (U,) the limits, one for each unit that has a cap (dollars, minutes, executions). For a case that did not run,
    `spent` is what it would have spent: its reservation where nothing better is known.

    Returns: exact probabilities where no cap binds or all cases are alike; else Monte-Carlo estimates, averaged
    over cases that are alike (Rao–Blackwell).
    Raises: `BenchError` for too few redraws, or for shapes that do not match.
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
    """(redraws, N) the cases admitted in each of the `orders` (redraws, N)."""
    rows = np.arange(len(orders))
    used = np.zeros((len(orders), len(caps)))
    admitted = np.zeros(orders.shape, dtype=np.bool_)
    for case in orders.T:
        fits = (used + reserved[case] <= caps).all(axis=1)
        used += np.where(fits[:, None], spent[case], 0.0)
        admitted[rows, case] = fits
    return admitted
