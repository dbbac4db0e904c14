"""Walks the links of the page in a real browser, and keeps one address of each shape."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import urlsplit

from playwright.sync_api import Dialog, Page, Request, Response

_ID: Final = re.compile(r"^(\d+|[bs]-.*|.*-\d+.*)$")
_MOST_OF_A_SHAPE: Final = 3


@dataclass
class Visit:
    """A page as the browser received it, with everything that went wrong."""

    path: str
    shape: str
    status: int
    problems: list[str] = field(default_factory=list)


class Crawler:
    """Visits pages of one origin. Nothing else is asked of the network, or it is a problem."""

    def __init__(self, page: Page, base: str) -> None:
        self._page, self._base = page, base
        self._problems: list[str] = []
        page.on("console", lambda message: self._note(message.type in ("error", "warning"), message.text))
        page.on("pageerror", lambda error: self._problems.append(f"script: {error}"))
        page.on("dialog", self._dismiss)
        page.on("request", self._check_request)
        page.on("response", self._check_response)

    def visit(self, path: str) -> Visit:
        """Open one page, and wait until its scripts have run."""
        self._problems = []
        response = self._page.goto(self._base + path)
        self._page.wait_for_function("window.htmx !== undefined")
        assert response is not None
        return Visit(path, shape(path), response.status, self._problems)

    def walk(self, start: str = "/") -> Iterator[Visit]:
        """Every shape of page that can be reached, at most three of each."""
        seen: set[str] = {start}
        counts: dict[str, int] = {}
        waiting = [start]
        while waiting:
            path = waiting.pop(0)
            counts[shape(path)] = counts.get(shape(path), 0) + 1
            if counts[shape(path)] > _MOST_OF_A_SHAPE:
                continue
            yield self.visit(path)
            for link in self._links():
                if link not in seen:
                    seen.add(link)
                    waiting.append(link)

    def _links(self) -> list[str]:
        script = "[...document.querySelectorAll('a[href]:not([download])')].map(a => a.getAttribute('href'))"
        hrefs: list[str] = self._page.evaluate(script)
        return [
            href.partition("#")[0]
            for href in hrefs
            if href.startswith("/") and "/files/" not in href and not href.endswith((".json", ".txt"))
        ]

    def _note(self, is_problem: bool, text: str) -> None:
        if is_problem:
            self._problems.append(f"console: {text}")

    def _dismiss(self, dialog: Dialog) -> None:
        self._problems.append(f"dialog: {dialog.message}")
        dialog.dismiss()

    def _check_request(self, request: Request) -> None:
        if not request.url.startswith((self._base, "data:", "blob:")):
            self._problems.append(f"request to another site: {request.url}")

    def _check_response(self, response: Response) -> None:
        if response.status >= 400:
            self._problems.append(f"{response.status}: {response.url}")


def shape(path: str) -> str:
    """The path without its ids, and the names of its parameters."""
    parts = urlsplit(path)
    names = sorted({pair.partition("=")[0] for pair in parts.query.split("&") if pair})
    words = ["*" if _ID.match(word) else word for word in parts.path.split("/")]
    return "/".join(words) + ("?" + "&".join(names) if names else "")
