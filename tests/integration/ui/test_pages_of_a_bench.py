"""Pages over real rows, read as bench_reader: what they show, how large they are, and what they refuse."""

import re
import time
from collections.abc import Iterator

import pytest
import sqlalchemy as sa
from starlette.testclient import TestClient

from bench.ui.app import PageSettings, make_app
from bench.ui.owner import COOKIE, OwnerSessions, SignIn
from bench.ui.tickets import Tickets, make_ticket
from db.repositories.benches import Benches
from tests.fixtures.known_benches import write_known_bench
from tests.fixtures.logins import logged_in
from tests.fixtures.rows import running_bench

BASE = "http://127.0.0.1"
SECRET = "of the farm"


@pytest.fixture
def reader(engine: sa.Engine) -> Iterator[sa.Engine]:
    with logged_in(engine, "bench_reader") as opened:
        yield opened


def _client(reader: sa.Engine, owner: OwnerSessions | None = None, token: str | None = None) -> TestClient:
    settings = PageSettings(reader, owner or OwnerSessions(), ["127.0.0.1"], token=token)
    return TestClient(make_app(settings), BASE, raise_server_exceptions=False, follow_redirects=False)


@pytest.fixture
def owner(engine: sa.Engine) -> Iterator[OwnerSessions]:
    url = engine.url.render_as_string(hide_password=False)
    sessions = OwnerSessions(SignIn(url, Tickets(SECRET)))
    yield sessions
    sessions.close_all()


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


def _signed_in(reader: sa.Engine, owner: OwnerSessions) -> tuple[TestClient, str]:
    client = _client(reader, owner)
    answer = client.get(f"/sign-in?ticket={make_ticket(SECRET, time.time())}")
    assert answer.status_code == 303
    session = owner._sessions[client.cookies[COOKIE]]
    return client, session.form_token


def test_the_owner_cancels_a_bench(engine: sa.Engine, reader: sa.Engine, owner: OwnerSessions) -> None:
    bench = running_bench(engine, cases=2)[0]
    client, form_token = _signed_in(reader, owner)
    assert "dropped" in client.get(f"/owner/cancel/{bench}").text
    answer = client.post(f"/owner/cancel/{bench}", data={"form_token": form_token})
    assert (answer.status_code, answer.headers["location"]) == (303, f"/benches/{bench}")
    assert Benches(engine).get(bench).state == "cancelled"


def test_nobody_else_changes_anything(engine: sa.Engine, reader: sa.Engine, owner: OwnerSessions) -> None:
    bench = running_bench(engine, cases=2)[0]
    signed_in, form_token = _signed_in(reader, owner)
    stranger = _client(reader, owner)
    path, form = f"/owner/cancel/{bench}", {"form_token": form_token}
    assert stranger.get(path).headers["location"] == "/sign-in"
    assert stranger.post(path, data=form).status_code == 403
    assert signed_in.post(path, data={}).status_code == 403, "without the token of the form"
    assert signed_in.post(path, data=form, headers={"origin": "http://evil.example"}).status_code == 403
    assert signed_in.get("/sign-in?ticket=rubbish").status_code == 403
    assert Benches(engine).get(bench).state == "open"


def test_a_cap_below_what_is_spent_is_refused(
    engine: sa.Engine, reader: sa.Engine, owner: OwnerSessions
) -> None:
    bench = running_bench(engine, cases=2)[0]
    client, form_token = _signed_in(reader, owner)
    answer = client.post(f"/owner/resume/{bench}", data={"form_token": form_token, "value": "0.000001"})
    assert answer.status_code == 400
    assert "give a higher one" in answer.text
    answer = client.post(f"/owner/resume/{bench}", data={"form_token": form_token, "value": "$9000"})
    assert answer.status_code == 303
    assert Benches(engine).get(bench).usd_limit == 9_000_000_000


def test_a_login_of_the_database_signs_in_only_where_it_may_change_benches(
    engine: sa.Engine, reader: sa.Engine
) -> None:
    url = engine.url
    sessions = OwnerSessions(
        SignIn(url.render_as_string(hide_password=False)), clock=iter(range(0, 1000, 10)).__next__
    )
    client = _client(reader, sessions)
    for login, password in (
        (reader.url.username, reader.url.password),
        (url.username, "wrong"),
        ("nobody", "x"),
    ):
        assert client.post("/sign-in", data={"login": login, "password": password}).status_code == 403
    answer = client.post("/sign-in", data={"login": url.username, "password": url.password or ""})
    assert answer.status_code == 303
    assert "httponly" in answer.headers["set-cookie"].lower()
    sessions.close_all()


def test_failed_sign_ins_have_to_wait(engine: sa.Engine, reader: sa.Engine) -> None:
    sessions = OwnerSessions(SignIn(engine.url.render_as_string(hide_password=False)), clock=lambda: 5.0)
    client = _client(reader, sessions)
    statuses = [client.post("/sign-in", data={"login": "x", "password": "y"}).status_code for _ in range(2)]
    assert statuses == [403, 429]
