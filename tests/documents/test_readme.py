"""The README: every command that it shows, as its reader runs them, on a machine that does nothing else."""

import pytest

from tests.documents.conftest import Reader


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_every_block_of_the_readme_runs(read: Reader) -> None:
    read("README.md")
