"""Texts of issues, machines and agents stay text in a browser: no script runs, and no other site is asked."""

import pytest
import sqlalchemy as sa
from playwright.sync_api import Browser

from tests.browser.conftest import Serve
from tests.browser.crawl import Crawler
from tests.security.hostile_rows import HTML, write_hostile_farm


@pytest.mark.slow
def test_no_text_of_others_is_markup(engine: sa.Engine, serve: Serve, browser: Browser) -> None:
    write_hostile_farm(engine)
    base = serve(engine)
    page = browser.new_page()
    texts = ""
    for visit in Crawler(page, base).walk():
        assert visit.status == 200, visit
        assert visit.problems == [], visit
        assert page.evaluate("window.stolen") is None, visit
        assert (
            page.locator("main img, main iframe, main object, main script, main a[href^='http']").count() == 0
        )
        texts += page.inner_text("main")
    page.close()
    assert HTML.split()[0] in texts, "the pages show the hostile texts"
