"""A real browser, and the page of a farm in front of it."""

import os
import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

import pytest
import sqlalchemy as sa
import uvicorn
from playwright.sync_api import Browser, sync_playwright

from bench.ui.app import PageSettings, make_app
from bench.ui.listen import bind
from bench.ui.owner import OwnerSessions
from bench.ui.sign_in import SignIn
from tests.fixtures.logins import logged_in

CHROMIUM = os.environ.get("BENCH_TEST_CHROMIUM", "/usr/bin/chromium")
Serve = Callable[[sa.Engine], str]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Headless Chromium of this machine, without which the tests are skipped; root has no sandbox for it.

    For one module: while it is open, its thread has a running event loop, in which other tests cannot run theirs.
    """
    if shutil.which(CHROMIUM) is None:
        pytest.skip(f"there is no {CHROMIUM}; BENCH_TEST_CHROMIUM names another program")
    options = ["--no-sandbox"] if os.getuid() == 0 else []
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=options)
        yield chromium
        chromium.close()


@contextmanager
def page_of(engine: sa.Engine) -> Iterator[str]:
    """The address of a page that reads this database as a fresh login of bench_reader."""
    with logged_in(engine, "bench_reader") as reader:
        listener = bind("127.0.0.1", 0)
        app = make_app(PageSettings(reader, OwnerSessions(), ["127.0.0.1"], SignIn("")))
        server = uvicorn.Server(
            uvicorn.Config(app, log_level="warning", lifespan="off", timeout_graceful_shutdown=1)
        )
        thread = threading.Thread(target=server.run, args=([listener],))
        thread.start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join(30)


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Serves the page of a database; returns its address."""
    with ExitStack() as stack:
        yield lambda engine: stack.enter_context(page_of(engine))
