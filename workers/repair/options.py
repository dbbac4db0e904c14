"""Filter of a gate's arguments for pytest: those that select and configure tests are kept, others are dropped."""

from __future__ import annotations

import importlib.util
import os
import tempfile
from collections.abc import Sequence

_DROPPED_WITH_VALUE = {"--junitxml", "--junit-xml", "-n", "--numprocesses", "--maxfail", "--color"}
_DROPPED = {
    *("-x", "--exitfirst", "-s", "-v", "-vv", "-q", "-qq", "--lf", "--ff", "--nf", "--sw", "--last-failed"),
    *("--failed-first", "--new-first", "--stepwise"),
}


def kept(args: Sequence[str]) -> list[str]:
    """The arguments without those that report, order or stop."""
    kept_args: list[str] = []
    rest = iter(args)
    for arg in rest:
        if arg in _DROPPED_WITH_VALUE:
            next(rest, None)
        elif arg not in _DROPPED and arg.partition("=")[0] not in _DROPPED_WITH_VALUE:
            kept_args.append(arg)
    return kept_args


def quiet_flags() -> list[str]:
    """Switches that keep installed plugins from interfering with the tracer and the forks, and caches out of the
    check-out."""
    flags = ["-o", f"cache_dir={os.path.join(tempfile.gettempdir(), 'pytest-cache')}"]  # noqa: PTH118
    if importlib.util.find_spec("pytest_cov") is not None:
        flags.append("--no-cov")
    if importlib.util.find_spec("xdist") is not None:
        flags.append("-n0")
    return flags
