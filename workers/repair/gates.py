"""From a gate's argument vector to the arguments of pytest's own entry point."""

import importlib.util
from collections.abc import Sequence
from dataclasses import dataclass

from workers.gates.program import pytest_position


@dataclass(frozen=True)
class Suite:
    """The tests of one gate."""

    args: tuple[str, ...]
    module_path: bool
    """Whether the gate says `-m pytest`, which puts the working directory on the import path."""


_DROPPED_WITH_VALUE = {"--junitxml", "--junit-xml", "-n", "--numprocesses", "--maxfail", "--color"}
_DROPPED = {"-x", "--exitfirst", "-s", "-v", "-vv", "-q", "-qq", "--lf", "--ff", "--sw"}


def suite_of(argv: Sequence[str]) -> Suite:
    """The suite of a pytest command: what selects and configures tests is kept, what reports is not."""
    position = pytest_position(tuple(argv))
    assert position is not None
    kept: list[str] = []
    rest = iter(argv[position + 1 :])
    for arg in rest:
        if arg in _DROPPED_WITH_VALUE:
            next(rest, None)
        elif arg not in _DROPPED and arg.partition("=")[0] not in _DROPPED_WITH_VALUE:
            kept.append(arg)
    return Suite(tuple(kept), position > 0 and argv[position - 1] == "-m")


def quiet_flags() -> tuple[str, ...]:
    """Switches that keep installed plugins from interfering with the tracer and the forks."""
    flags = []
    if importlib.util.find_spec("pytest_cov") is not None:
        flags.append("--no-cov")
    if importlib.util.find_spec("xdist") is not None:
        flags.append("-n0")
    return tuple(flags)
