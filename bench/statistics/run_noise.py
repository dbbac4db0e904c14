"""Prior of the noise between runs of one arm, where a bench cannot identify it: borrowed, or assumed.

In the beta-binomial model (`pass_model`) an arm's rate is Beta(φm, φ(1−m)) around the mean m of its issue and action.
With one run in every arm the likelihood does not depend on φ: a run may be all luck (φ → ∞, all arms of an issue
alike) or no luck at all (φ → 0). An earlier bench with replicates identifies φ, and its fit is the prior here.

Without one, `ASSUMED` is used: the median φ of e, and 95 % between 0.14 and 51. Benchmarks of agents lie between 1 and
10: on most issues an arm passes nearly always or nearly never. Averaged over worlds of this range a P(best) from a
single run is right as often as it claims to be; in a world at an end of the range it is not.
"""

from typing import Final, NamedTuple

import numpy as np

from bench.statistics.arms import arms_of
from bench.statistics.components import SINGLE_RUNS
from bench.statistics.errors import NotIdentifiedError
from bench.statistics.pass_model import RunPrior, fit_pass_model
from bench.statistics.table import BenchTable

MOST_SURE: Final = 0.98
"""A borrowed probability that all arms are alike lies between 1 − this and this."""


class RunNoise(NamedTuple):
    """A prior of the noise with its source."""

    prior: RunPrior
    bench: str | None
    """The earlier bench that it was estimated from; None where it is assumed."""


ASSUMED: Final = RunNoise(RunPrior(log_precision=1.0, spread=1.5, alike=0.1), None)


def noise_of(table: BenchTable, bench: str) -> RunNoise:
    """The noise of `bench`, estimated from its pass rates in `table`, as a prior for another bench.

    Raises: `NotIdentifiedError` where no arm of it was run twice.
    """
    arms = arms_of(table, table.passed)
    if not arms.replicated:
        raise NotIdentifiedError(SINGLE_RUNS)
    model = fit_pass_model(arms)
    parameters, covariance, _ = model.different
    alike = float(np.clip(model.chance_alike, 1 - MOST_SURE, MOST_SURE))
    return RunNoise(RunPrior(float(parameters[2]), float(np.sqrt(covariance[2, 2])), alike), bench)
