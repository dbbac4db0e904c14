"""README and tutorial: every command, config and program that they show, as their reader runs them."""

import pytest

from tests.documents.conftest import Reader
from tests.documents.run import pages

FIRST = [page for page in pages() if not page.startswith("docs/how-to/")]


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("page", FIRST)
def test_every_block_of_the_page_runs(page: str, read: Reader) -> None:
    read(page)
