"""A real browser, and the page of a farm in front of it."""

import os
import secrets
import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

import pytest
import sqlalchemy as sa
import uvicorn
from playwright.sync_api import Browser, sync_playwright

from bench.ui.app import PageSettings, make_app
from bench.ui.owner import OwnerSessions
from bench.ui.serve import bind
from db.engine import open_engine
from db.logins import ensure_login

CHROMIUM = os.environ.get("BENCH_TEST_CHROMIUM", "/usr/bin/chromium")
Serve = Callable[[sa.Engine], str]


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Headless Chromium of this machine, without which the tests are skipped; root has no sandbox for it."""
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
    name, password = f"login_{secrets.token_hex(4)}", secrets.token_hex(8)
    ensure_login(engine, name, "bench_reader", password)
    url = engine.url.set(username=name, password=password).render_as_string(hide_password=False)
    reader = open_engine(url, "bench ui")
    listener = bind("127.0.0.1", 0)
    app = make_app(PageSettings(reader, OwnerSessions(), ["127.0.0.1"]))
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
        reader.dispose()
        with engine.begin() as connection:
            connection.exec_driver_sql(f"DROP ROLE {name}")


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Serves the page of a database; returns its address."""
    with ExitStack() as stack:
        yield lambda engine: stack.enter_context(page_of(engine))
