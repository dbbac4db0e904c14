"""Every page passes axe-core without a serious finding, in light and dark, and fits a narrow screen."""

from typing import Literal

import pytest
import sqlalchemy as sa
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser

from tests.browser.conftest import Serve
from tests.browser.crawl import Crawler
from tests.fixtures.known_benches import write_known_bench

_SERIOUS = ("serious", "critical")


@pytest.mark.slow
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 2560])
def test_no_page_has_a_serious_finding(
    engine: sa.Engine, serve: Serve, browser: Browser, scheme: Literal["light", "dark"], width: int
) -> None:
    write_known_bench(engine, 12, replicates=2, K=4)
    context = browser.new_context(color_scheme=scheme, viewport={"width": width, "height": 900})
    page = context.new_page()
    shapes = set()
    for visit in Crawler(page, serve(engine)).walk():
        assert visit.problems == [], visit
        if visit.shape in shapes:
            continue
        shapes.add(visit.shape)
        violations = Axe().run(page).response["violations"]
        serious = [
            f"{each['id']}: {node['html'][:200]}"
            for each in violations
            if each["impact"] in _SERIOUS
            for node in each["nodes"]
        ]
        assert serious == [], visit.path
        overflow = page.evaluate(
            "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        )
        assert overflow <= 0, f"{visit.path} scrolls sideways at {width} px"
    context.close()
    assert len(shapes) > 1
