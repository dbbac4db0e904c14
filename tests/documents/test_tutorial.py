"""The tutorial: every command, config and program that it shows, as its reader runs them."""

import pytest

from tests.documents.conftest import Reader


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_every_block_of_the_tutorial_runs(read: Reader) -> None:
    read("docs/tutorial.md")
