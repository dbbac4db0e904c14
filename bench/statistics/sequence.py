"""Asymptotic confidence sequences of averages over issues."""

from typing import Final

import numpy as np

from bench.statistics.estimators import Terms, value
from bench.statistics.intervals import Interval, standard_error
from bench.statistics.looks import ALPHA
from bench.statistics.table import Floats

ALWAYS_VALID: Final = "95 % confidence sequence"


def sequence_width(issues: Floats | int, expected: int, alpha: float = ALPHA) -> Floats:
    """Half-width of the asymptotic confidence sequence after `issues`, in standard deviations:
    √(2(tρ²+1)/(t²ρ²) · ln(√(tρ²+1)/α)), with ρ that makes it narrowest near `expected` issues.

    Source: Waudby-Smith, Arbour, Sinha, Kennedy, Ramdas (2024), "Time-uniform central limit theory and
    asymptotic confidence sequences", theorem 2.2 and appendix on ρ.
    """
    t = np.asarray(issues, dtype=np.float64)
    rho2 = (-2 * np.log(alpha) + np.log(1 - 2 * np.log(alpha))) / expected
    inside = t * rho2 + 1
    width: Floats = np.sqrt(2 * inside / (t**2 * rho2) * np.log(np.sqrt(inside) / alpha))
    return width


def sequence(of: Terms, expected: int) -> Interval:
    """The asymptotic confidence sequence of an estimate, for thirty issues or more; the diagnostics refuse fewer.

    Where an outcome model is refitted at each look, this holds as it does for a fixed one (same
    source, section 3).
    """
    issues = of.top.shape[1]
    half = float(sequence_width(issues, expected)) * standard_error(of) * np.sqrt(issues)
    return Interval(value(of) - half, value(of) + half)
