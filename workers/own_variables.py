"""Deny-list of environment variables: the farm's own databases, brokers and secrets. No candidate gets one by name."""

import re
from collections.abc import Iterable

_OWN = re.compile(r"BENCH_.*|PG[A-Z0-9]+|PGCONNECT_TIMEOUT", re.IGNORECASE | re.DOTALL)


def is_own(name: str) -> bool:
    """Whether a variable is one of the farm's own."""
    return _OWN.fullmatch(name) is not None


def check_passed_names(names: Iterable[str]) -> None:
    """Raises `ValueError` for a name that must not be passed on: `BENCH_*`, and libpq's `PG*`."""
    for name in names:
        if is_own(name):
            raise ValueError(
                f"{name!r:.60} is a variable of the farm itself and goes to no program; take it out (a key of a "
                "provider is given as BENCH_SECRET_<NAME> in the worker's environment)"
            )
