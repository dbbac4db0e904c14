"""Finite numbers as command-line parameters: `nan` passes every comparison and `inf` is no limit."""

import math
from typing import Any

import click
from click.types import FloatParamType


class FiniteFloat(FloatParamType):
    """click's float without `nan` and `inf`."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        return _finite(super().convert(value, param, ctx), param, ctx)


class FiniteRange(click.FloatRange):
    """click's range of floats without `nan` and `inf`."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        return _finite(super().convert(value, param, ctx), param, ctx)


def _finite(number: float, param: click.Parameter | None, ctx: click.Context | None) -> float:
    if not math.isfinite(number):
        raise click.BadParameter(f"{number} is not a finite number.", ctx=ctx, param=param)
    return number
