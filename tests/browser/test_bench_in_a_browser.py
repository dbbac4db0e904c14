"""A user's way through the page of an embedded farm: submit, live matrix, execution, diff, cancel."""

import os
import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from bench.demo.corpus import build_corpus
from tests.fixtures.small_farm import BENCH, SmallFarm

_PASSED = "a[title='passed']"
_PATIENCE_MS = 120_000


@pytest.fixture
def farm(tmp_path: Path) -> Iterator[SmallFarm]:
    build_corpus(tmp_path)
    farm = SmallFarm(tmp_path)
    farm.bench("issues", "import")
    yield farm
    farm.bench("down")


@contextmanager
def page_of(farm: SmallFarm) -> Iterator[str]:
    """The address of `bench ui` as a process."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("BENCH_")}
    clean["BENCH_EMBEDDED_HOME"] = os.environ["BENCH_EMBEDDED_HOME"]
    process = subprocess.Popen(
        [BENCH, "ui", "--port", "0"], cwd=farm.directory, env=clean, stderr=subprocess.PIPE, text=True
    )
    assert process.stderr is not None
    try:
        for line in process.stderr:
            if found := re.search(r"the page: (http://\S+)/", line):
                yield found[1]
                break
        else:
            raise AssertionError("the page did not start")
    finally:
        process.terminate()
        assert process.wait(30) == 0
        process.stderr.close()


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_from_submit_to_cancel(farm: SmallFarm, browser: Browser) -> None:
    farm.bench("submit", "--issues", "dep-101,dep-102,dep-108,dep-113,dep-114", "--k", "6", "--max-usd", "50")
    page = browser.new_page()
    with page_of(farm) as base:
        page.goto(base)
        page.get_by_role("link", name=re.compile("^b-")).click()
        expect(page.locator("h1 .state")).to_have_text("open")
        matrix = page.locator("table.matrix")
        waiting = matrix.locator("a[title^='waits']").count()
        assert waiting > 0, "the bench has only begun"
        # Nothing loads the page again: the matrix fills by events alone.
        expect(matrix.locator(_PASSED).first).to_be_visible(timeout=_PATIENCE_MS)
        bench = page.url

        matrix.locator(_PASSED).first.click()
        expect(page.get_by_role("region", name="Outcome")).to_contain_text("passed in")
        parts = page.get_by_role("navigation", name="Parts of the execution")
        parts.get_by_role("link", name="diff").click()
        expect(page.locator("main")).to_contain_text("@@")
        parts.get_by_role("link", name="logs").click()
        expect(page.locator("pre").first).to_be_visible()

        page.goto(bench)
        assert page.get_by_role("button", name="Cancel this bench").count() == 0, "only the owner may"
        link = farm.bench_notes("ui", "--owner", "--port", base.rpartition(":")[2])
        ticket = re.search(r"http://\S+", link)
        assert ticket is not None
        page.goto(ticket[0])
        page.get_by_role("button", name="Sign in as the owner").click()
        expect(page.get_by_role("status")).to_contain_text("signed in")
        page.goto(bench)
        page.get_by_role("button", name="Cancel this bench").click()
        page.get_by_role("button", name="Cancel the bench").click()
        expect(page.locator("h1 .state")).to_have_text("cancelled", timeout=_PATIENCE_MS)
        page.get_by_role("link", name="Owner").click()
        page.get_by_role("button", name="Sign out").click()
        page.goto(ticket[0])
        page.get_by_role("button", name="Sign in as the owner").click()
        expect(page.get_by_role("alert")).to_contain_text("used already")
    page.close()
    assert "cancelled" in farm.bench("status")
