"""How large a proof is: a thin cut with every test run, the full size where BENCH_PROOFS=full asks for it."""

import os
from dataclasses import dataclass

import pytest


@dataclass(frozen=True)
class Size:
    """Which of two sizes this run takes."""

    full: bool

    def worlds(self, thin: int, full: int) -> int:
        """How many worlds, draws or runs to simulate."""
        return full if self.full else thin


@pytest.fixture(scope="session")
def size() -> Size:
    return Size(full=os.environ.get("BENCH_PROOFS") == "full")
