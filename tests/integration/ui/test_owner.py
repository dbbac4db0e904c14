"""Only the owner changes anything from the page, and only from the page itself."""

from pathlib import Path

import pytest
import sqlalchemy as sa
from starlette.testclient import TestClient

from bench.ui.owner import COOKIE
from bench.ui.owner_actions import ACTIONS
from bench.ui.sign_in import SignIn
from bench.ui.tickets import SECONDS, Tickets
from db.repositories.benches import Benches
from db.repositories.farm_load import spend_today
from db.repositories.machines import Machines
from db.repositories.new_bench import BenchCaps
from tests.fixtures.page_client import (
    FROM_PAGE,
    embedded_sign_in,
    login_of,
    owner_client,
    page_client,
    text_of,
)
from tests.fixtures.rows import MACHINE, TOKEN, admit_all, bench_cap, make_bench, row, running_bench


def _signed_in(client: TestClient, **fields: str | None) -> bool:
    response = client.post("/owner/sign-in", data=fields, headers=FROM_PAGE)
    assert response.status_code in (303, 403)
    assert (COOKIE in response.cookies) is (response.status_code == 303)
    return response.status_code == 303


def test_a_login_that_may_change_benches_signs_in_and_no_other(engine: sa.Engine) -> None:
    with (
        page_client(engine) as client,
        login_of(engine, "bench_reader") as reader,
        login_of(engine, "bench_worker") as worker,
        login_of(engine, None) as stranger,
    ):
        client.app.state.sign_in.backoff._clock = _hours()  # type: ignore[attr-defined]
        for url in (reader, worker, stranger):
            assert not _signed_in(client, login=url.username, password=url.password)
        assert not _signed_in(client, login=engine.url.username, password="wrong")
        assert not _signed_in(client, login=engine.url.username, password="")
        assert not _signed_in(client, ticket="1.2.3")
        assert _signed_in(client, login=engine.url.username, password=str(engine.url.password))


def _hours() -> "type[float]":
    """A clock that moves an hour at each look, so that no attempt has to wait."""
    moments = iter(range(0, 10**9, 3600))
    return lambda: float(next(moments))  # type: ignore[return-value]


def test_a_refused_password_is_not_repeated(engine: sa.Engine, capfd: pytest.CaptureFixture[str]) -> None:
    with page_client(engine) as client:
        fields = {"login": engine.url.username, "password": "hunter2-hunter2"}
        response = client.post("/owner/sign-in", data=fields, headers=FROM_PAGE)
    assert "refused this login and password" in response.text
    printed = capfd.readouterr()
    assert "hunter2" not in response.text + printed.out + printed.err
    assert str(engine.url.username) not in response.text


def test_failed_sign_ins_have_to_wait(engine: sa.Engine) -> None:
    with page_client(engine) as client:
        for _ in range(3):
            assert not _signed_in(client, login=engine.url.username, password="wrong")
        right = {"login": engine.url.username, "password": str(engine.url.password)}
        response = client.post("/owner/sign-in", data=right, headers=FROM_PAGE)
    assert response.status_code == 403
    assert "too many failed sign-ins" in response.text


def test_a_link_signs_in_once(engine: sa.Engine, tmp_path: Path) -> None:
    sign_in = embedded_sign_in(engine, tmp_path)
    assert sign_in.tickets is not None
    ticket = sign_in.tickets.issue()
    with page_client(engine, sign_in) as client:
        assert ticket in client.get(f"/owner?ticket={ticket}").text, "opening the link alone uses nothing up"
        assert _signed_in(client, ticket=ticket)
        assert not _signed_in(client, ticket=ticket)
        assert not _signed_in(client, ticket=Tickets("other farm's", tmp_path / "used").issue())
        past = Tickets("farm's secret", tmp_path / "used", lambda: -SECONDS)
        assert (
            "expired" in client.post("/owner/sign-in", data={"ticket": past.issue()}, headers=FROM_PAGE).text
        )


def test_an_embedded_farm_takes_no_password(engine: sa.Engine, tmp_path: Path) -> None:
    with page_client(engine, embedded_sign_in(engine, tmp_path)) as client:
        assert not _signed_in(client, login=engine.url.username, password=str(engine.url.password))


def test_the_sessions_cookie_is_for_this_site_and_not_for_scripts(engine: sa.Engine) -> None:
    fields = {"login": engine.url.username, "password": engine.url.password}
    with page_client(engine) as client:
        over_http = client.post("/owner/sign-in", data=fields, headers=FROM_PAGE).headers["set-cookie"]
        behind_tls = client.post(
            "/owner/sign-in", data=fields, headers={"Origin": "https://localhost:8420"}
        ).headers["set-cookie"]
    assert "HttpOnly" in over_http
    assert "SameSite=strict" in over_http
    assert "Secure" not in over_http
    assert "Secure" in behind_tls


@pytest.mark.parametrize("action", ACTIONS)
def test_without_a_session_every_action_is_forbidden(engine: sa.Engine, action: str) -> None:
    bench = make_bench(engine)
    fields = {"bench": bench, "daily_usd": "0", "machine": MACHINE, "class": "q"}
    with page_client(engine) as client:
        client.cookies.set(COOKIE, "guessed")
        posted = client.post(f"/owner/actions/{action}", data=fields, headers=FROM_PAGE)
        opened = client.get(f"/owner/actions/{action}", params=fields)
    assert [posted.status_code, opened.status_code] == [403, 403]
    assert "sign in first" in posted.text
    assert Benches(engine).get(bench).state == "open"
    assert spend_today(engine).limit_micro_usd is None


def test_without_a_session_no_form_is_shown(engine: sa.Engine) -> None:
    Machines(engine).register(MACHINE, TOKEN, [], 1)
    with engine.begin() as connection:
        connection.exec_driver_sql("UPDATE farm.machines SET suspended = true, infra_failures = 3")
    with owner_client(engine) as (client, _):
        shown = [client.get(page).text for page in ("/farm", "/machines", "/machines/now")]
        assert all("<button" in text for text in shown)
        client.cookies.clear()
        hidden = [client.get(page).text for page in ("/farm", "/machines", "/machines/now")]
    assert not any("<form" in text or "<button" in text for text in hidden)


@pytest.mark.parametrize(
    ("headers", "token"),
    [
        ({}, None),
        ({"Origin": "http://evil.example"}, None),
        ({"Origin": "null"}, None),
        ({"Origin": "http://localhost:9999"}, None),
        (FROM_PAGE, "guessed"),
        (FROM_PAGE, ""),
    ],
)
def test_a_form_of_another_site_changes_nothing(
    engine: sa.Engine, headers: dict[str, str], token: str | None
) -> None:
    bench = make_bench(engine)
    with owner_client(engine) as (client, session):
        fields = {"bench": bench, "form_token": session.form_token if token is None else token}
        response = client.post("/owner/actions/cancel", data=fields, headers=headers)
    assert response.status_code == 403
    assert Benches(engine).get(bench).state == "open"


def test_opening_a_confirmation_changes_nothing_and_confirming_cancels(engine: sa.Engine) -> None:
    bench, _ = running_bench(engine)
    with owner_client(engine) as (client, session):
        page = client.get("/owner/actions/cancel", params={"bench": bench})
        assert "1 running execution will stop" in page.text
        assert Benches(engine).get(bench).state == "open"
        fields = {"bench": bench, "form_token": session.form_token}
        done = client.post("/owner/actions/cancel", data=fields, headers=FROM_PAGE)
        assert (done.status_code, done.headers["location"]) == (303, f"/benches/{bench}")
        assert "is cancelled; 1 running execution will stop" in client.get("/farm").text
        assert "is cancelled" not in client.get("/farm").text, "it is shown once"
        again = client.post("/owner/actions/cancel", data=fields, headers=FROM_PAGE)
    assert again.status_code == 409
    assert Benches(engine).get(bench).state == "cancelled"
    assert row(engine, "SELECT state FROM farm.executions")["state"] in ("running", "cancelled")


def test_a_raised_cap_continues_a_bench(engine: sa.Engine) -> None:
    bench = make_bench(engine, cases=2, limits=BenchCaps(micro_usd=99))
    admit_all(engine, bench)
    caps = {"max_usd": "25", "max_minutes": "", "max_executions": ""}
    with owner_client(engine) as (client, session):
        assert "→ $25.00" in client.get("/owner/actions/resume", params={"bench": bench, **caps}).text
        fields = {"bench": bench, **caps, "form_token": session.form_token}
        assert client.post("/owner/actions/resume", data=fields, headers=FROM_PAGE).status_code == 303
        assert "2 cases wait again" in client.get("/farm").text
        for wrong in ("many", "-1", "nan", "1e99"):
            fields["max_usd"] = wrong
            assert client.post("/owner/actions/resume", data=fields, headers=FROM_PAGE).status_code == 409
    assert bench_cap(engine, bench)["usd_limit"] == 25_000_000


def test_a_cap_below_what_is_spent_is_refused(engine: sa.Engine) -> None:
    bench = running_bench(engine, cases=2)[0]
    with owner_client(engine) as (client, _):
        fields = {"bench": bench, "max_usd": "0.000001", "max_minutes": "", "max_executions": ""}
        refused = client.get("/owner/actions/resume", params=fields)
    assert (refused.status_code, "give a higher one" in refused.text) == (409, True)


def test_the_daily_cap_is_set_and_lifted(engine: sa.Engine) -> None:
    with owner_client(engine) as (client, session):
        for amount, limit in (("12.5", 12_500_000), ("none", None)):
            fields = {"daily_usd": amount, "form_token": session.form_token}
            done = client.post("/owner/actions/daily-cap", data=fields, headers=FROM_PAGE)
            assert done.headers["location"] == "/farm"
            assert spend_today(engine).limit_micro_usd == limit


def test_a_suspended_machine_is_trusted_again(engine: sa.Engine) -> None:
    Machines(engine).register(MACHINE, TOKEN, [], 1)
    with engine.begin() as connection:
        connection.exec_driver_sql("UPDATE farm.machines SET suspended = true, infra_failures = 3")
    with owner_client(engine) as (client, session):
        assert "is suspended after 3 failures" in client.get("/machines").text
        fields = {"machine": MACHINE, "form_token": session.form_token}
        assert client.post("/owner/actions/trust", data=fields, headers=FROM_PAGE).status_code == 303
        unknown = client.post("/owner/actions/trust", data={**fields, "machine": "<b>"}, headers=FROM_PAGE)
    assert unknown.status_code == 409
    assert "&lt;b&gt;" in unknown.text
    assert not Machines(engine).list_all()[0].suspended


def test_signing_out_ends_the_session(engine: sa.Engine) -> None:
    with owner_client(engine) as (client, session):
        name = client.cookies[COOKIE]
        fields = {"form_token": session.form_token}
        assert client.post("/owner/sign-out", data=fields, headers=FROM_PAGE).status_code == 303
        client.cookies.set(COOKIE, name)
        assert client.get("/owner/actions/cancel").status_code == 403


def test_a_fleet_takes_no_link(engine: sa.Engine) -> None:
    assert SignIn(text_of(engine.url)).tickets is None
    with page_client(engine) as client:
        response = client.post("/owner/sign-in", data={"ticket": "1.2.3"}, headers=FROM_PAGE)
    assert "this farm has no sign-in links" in response.text
