"""Numbers on the command line, which have an end: `nan` passes every comparison and `inf` is no limit."""

import math
from typing import Any

import click


class FiniteRange(click.FloatRange):
    """click's range of floats without `nan` and `inf`."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        number = float(super().convert(value, param, ctx))
        if not math.isfinite(number):
            self.fail(f"{value!r} is no finite number", param, ctx)
        return number


class FiniteFloat(FiniteRange):
    """Any finite float."""

    name = "float"
