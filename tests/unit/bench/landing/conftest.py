"""Real repositories for landing."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from bench.config.author import Person
from bench.landing.scratch import CommitFacts
from tests.fixtures.landing_world import make_repository

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
FACTS = CommitFacts("a: mend it\n\nBench-Issue: a\n", Person("Bench", "bench@example.org"), NOW)


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    return make_repository(tmp_path / "shop", {"a.txt": "".join(f"line {n}\n" for n in range(20))})
