"""Pages over real rows, read as bench_reader: what they show, how large they are, and what they refuse."""

import re
import time
from collections.abc import Iterator

import pytest
import sqlalchemy as sa
from starlette.testclient import TestClient

from bench.ui.app import PageSettings, make_app
from bench.ui.owner import OwnerSessions
from bench.ui.sign_in import SignIn
from tests.fixtures.known_benches import write_known_bench
from tests.fixtures.logins import logged_in

BASE = "http://127.0.0.1"


@pytest.fixture
def reader(engine: sa.Engine) -> Iterator[sa.Engine]:
    with logged_in(engine, "bench_reader") as opened:
        yield opened


def _client(reader: sa.Engine, token: str | None = None) -> TestClient:
    settings = PageSettings(reader, OwnerSessions(), ["127.0.0.1"], SignIn(""), token)
    return TestClient(make_app(settings), BASE, raise_server_exceptions=False, follow_redirects=False)


def test_a_bench_is_shown_with_its_answer_matrix_and_report(engine: sa.Engine, reader: sa.Engine) -> None:
    bench, _ = write_known_bench(engine, 60, replicates=2, K=4)
    client = _client(reader)
    page = client.get(f"/benches/{bench}")
    deadline = time.monotonic() + 60
    while "is being computed" in page.text and time.monotonic() < deadline:
        time.sleep(0.1)
        page = client.get(f"/benches/{bench}")
    assert page.status_code == 200
    assert "of passes" in page.text
    assert "Cases 1 to 50 of 60" in page.text
    assert page.text.count('<th scope="row">') == 50
    assert client.get(f"/benches/{bench}?cases=2").text.count('<th scope="row">') == 10
    assert len(page.content) < 100_000
    times, dollars, caps = client.get(f"/benches/{bench}/spend.json").json()
    assert len(times) == len(dollars) == len(caps) > 0
    assert dollars == sorted(dollars)


def test_every_section_of_a_bench_is_in_its_contents(engine: sa.Engine, reader: sa.Engine) -> None:
    bench, _ = write_known_bench(engine, 30, replicates=2, K=4)
    client = _client(reader)
    page = client.get(f"/benches/{bench}").text
    deadline = time.monotonic() + 60
    while "is being computed" in page and time.monotonic() < deadline:
        time.sleep(0.1)
        page = client.get(f"/benches/{bench}").text
    contents = re.search(r'<nav class="contents".*?</nav>', page, re.DOTALL)
    assert contents is not None
    links = re.findall(r'href="([^"]+)"', contents[0])
    assert {"#spend", "#matrix", "#frontier", "#winners"} <= set(links)
    for link in links:
        path, _, anchor = link.partition("#")
        assert f'id="{anchor}"' in client.get(f"/benches/{bench}{path}").text, link
    # Each table names the command that shows its rows.
    assert (
        f"""bench psql -c &#34;SELECT * FROM report.winners WHERE bench_id = &#39;{bench}&#39;&#34;""" in page
    )
    assert "Spend as a table" in page


def test_what_is_not_there_is_one_line(reader: sa.Engine) -> None:
    client = _client(reader)
    for path in (
        "/nope",
        "/benches/b-1",
        "/cases/99",
        "/executions/99",
        "/executions/x",
        "/streams/s",
        "/live/x/1",
    ):
        page = client.get(path)
        assert page.status_code == 404, path
        assert "Traceback" not in page.text


def test_every_response_has_a_policy_without_inline_code(reader: sa.Engine) -> None:
    client = _client(reader)
    for path in ("/", "/nope", "/static/page.css"):
        policy = client.get(path).headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
    assert " style=" not in client.get("/").text


def test_another_host_name_reaches_nothing(reader: sa.Engine) -> None:
    assert _client(reader).get("/", headers={"host": "evil.example"}).status_code == 421


def test_a_token_is_asked_for_and_leaves_the_address(reader: sa.Engine) -> None:
    client = _client(reader, token="t0ken")
    assert client.get("/").status_code == 401
    assert client.get("/?token=wrong").status_code == 401
    answer = client.get("/benches?state=open&token=t0ken")
    assert (answer.status_code, answer.headers["location"]) == (303, "/benches?state=open")
    assert client.get("/benches").status_code == 200
    assert (
        _client(reader, token="t0ken").get("/", headers={"authorization": "Bearer t0ken"}).status_code == 200
    )
