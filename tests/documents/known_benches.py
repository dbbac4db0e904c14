"""Writes finished benches with known outcomes into the farm of the working directory, for pages about numbers.

The names of the benches are the arguments: `known` gives b-known-3.
"""

import sys
from typing import Any, Final

from bench.cli.session import open_farm
from tests.fixtures.known_benches import write_known_bench

_BENCHES: Final[dict[str, dict[str, Any]]] = {
    "known": {"issues": 40, "seed": 3, "K": 8, "replicates": 5},
    "single": {"issues": 12, "seed": 1},
    "minutes": {"issues": 40, "seed": 3, "K": 8, "replicates": 5},
    "parts": {"issues": 200, "seed": 9, "K": 6, "replicates": 2},
}


def main(names: list[str]) -> None:
    """Write the benches with these names."""
    with open_farm(create=True) as farm:
        for name in names:
            write_known_bench(farm.engine, name=name, **_BENCHES[name])


if __name__ == "__main__":
    main(sys.argv[1:])
