"""Screenshots of every page of a running `bench ui`, in light and dark, narrow and wide, to be looked at.

python -m tests.browser.screenshots http://127.0.0.1:8420 DIRECTORY
"""

import os
import re
import sys
from pathlib import Path
from typing import Final, Literal

from playwright.sync_api import sync_playwright

from tests.browser.crawl import Crawler

_SCHEMES: Final[tuple[Literal["light", "dark"], ...]] = ("light", "dark")
_WIDTHS: Final = (360, 1280, 2560)
_SETTLE_MS: Final = 500


def main(address: str, directory: Path) -> None:
    """Write one PNG for each shape of page, scheme and width. `address` of the page may have its token."""
    base = address.partition("?")[0].rstrip("/")
    directory.mkdir(parents=True, exist_ok=True)
    options = ["--no-sandbox"] if os.getuid() == 0 else []
    program = os.environ.get("BENCH_TEST_CHROMIUM", "/usr/bin/chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=options)
        finder = browser.new_page()
        finder.goto(address)
        paths = {visit.shape: visit.path for visit in Crawler(finder, base).walk()}
        for scheme in _SCHEMES:
            for width in _WIDTHS:
                page = browser.new_page(color_scheme=scheme, viewport={"width": width, "height": 900})
                page.goto(address)
                for shape, path in paths.items():
                    page.goto(base + path)
                    page.wait_for_timeout(_SETTLE_MS)
                    name = re.sub(r"[^a-z]+", "-", shape.replace("*", "one")).strip("-") or "home"
                    page.screenshot(path=directory / f"{name}-{scheme}-{width}.png", full_page=True)
                page.close()
        browser.close()
    print(f"{len(paths)} pages in {directory}")


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
