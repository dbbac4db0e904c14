"""`bench notices`: targets are checked before they are stored, tests are sent at once, and deliveries are shown."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy as sa

from bench.cli.main import main
from bench.notices.deliver import Courier
from db.repositories.notices import Notices
from tests.fixtures.notices import SECRET, an_event
from tests.fixtures.receiver import Receiver

Output = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def _farm(database_url: str, engine: sa.Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BENCH_DATABASE_URL", database_url)
    monkeypatch.setenv("FARM_HOOK_SECRET", SECRET)


def test_a_target_is_added_tested_and_removed(hook: Receiver, engine: sa.Engine, capsys: Output) -> None:
    assert main(["notices", "add", "ops", hook.url, "--secret-env", "FARM_HOOK_SECRET"]) == 0
    notes = capsys.readouterr().err
    assert "bench notices test ops" in notes
    assert "start the coordinator with FARM_HOOK_SECRET in its environment" in notes
    assert main(["notices", "test", "ops"]) == 0
    assert capsys.readouterr().err == "ops: 200 OK: ok\n"
    (request,) = hook.requests
    assert (request.document["kind"], request.document["id"]) == ("test", request.headers["webhook-id"])
    hook.answer(401, b"wrong signature")
    assert main(["notices", "test", "ops"]) == 1
    assert capsys.readouterr().err == "bench: ops: 401 Unauthorized: wrong signature\n"
    with engine.connect() as connection:
        rows = [
            str(row) for row in connection.execute(sa.text("SELECT to_jsonb(t) FROM farm.notice_targets t"))
        ]
    assert len(rows) == 1
    assert SECRET not in rows[0]
    assert main(["notices", "remove", "ops"]) == 0
    assert main(["notices", "test", "ops"]) == 2


def test_a_secret_may_be_in_a_file_that_is_private(hook: Receiver, tmp_path: Path, capsys: Output) -> None:
    secret = tmp_path / "secret"
    secret.write_text(f"{SECRET}\n")
    secret.chmod(0o644)
    assert main(["notices", "add", "ops", hook.url, "--secret-file", str(secret)]) == 0
    assert main(["notices", "test", "ops"]) == 2
    assert f"other accounts can read the secret's file {secret}; chmod 600" in capsys.readouterr().err
    secret.chmod(0o600)
    assert main(["notices", "test", "ops"]) == 0
    assert len(hook.requests) == 1


def test_the_address_may_be_in_a_variable(
    hook: Receiver, monkeypatch: pytest.MonkeyPatch, capsys: Output
) -> None:
    add = ["notices", "add", "ops", "--url-env", "FARM_HOOK_URL", "--secret-env", "FARM_HOOK_SECRET"]
    assert main(add) == 0
    assert main(["notices", "test", "ops"]) == 2
    assert "the variable FARM_HOOK_URL is not set where notices are sent" in capsys.readouterr().err
    monkeypatch.setenv("FARM_HOOK_URL", f"{hook.url}?token=hidden")
    assert main(["notices", "test", "ops"]) == 0
    assert [request.path for request in hook.requests] == ["/hook?token=hidden"]
    monkeypatch.setenv("FARM_HOOK_URL", "ftp://hidden")
    assert main(["notices", "test", "ops"]) == 2
    assert "hidden" not in capsys.readouterr().err


_SIGNED = ["--secret-env", "FARM_HOOK_SECRET"]


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["ops", *_SIGNED], "give the address of the target, or --url-env NAME"),
        (
            ["ops", "https://h/", "--url-env", "X", *_SIGNED],
            "give the address of the target, or --url-env NAME",
        ),
        (["ops", "https://h/"], "messages are signed: give --secret-env NAME or --secret-file PATH"),
        (["ops", "file:///etc/passwd", *_SIGNED], "the address is not an address of http or https"),
        (["ops", "https://h:99999/", *_SIGNED], "the address is not an address"),
        (["ops", "https://me:pass@h/", *_SIGNED], "the address holds a login"),
        (["o p s", "https://h/", *_SIGNED], "is not a name"),
        (
            ["ops", "https://h/", "--secret-env", "BENCH_DATABASE_URL"],
            "BENCH_DATABASE_URL has another purpose",
        ),
        (["ops", "https://h/", "--secret-env", "OPENAI_API_KEY"], "OPENAI_API_KEY has another purpose"),
        (["ops", "https://h/", "--secret-env", "a=b"], "'a=b' is not the name of a variable"),
        (["ops", "json://h", "--apprise"], "an apprise URL holds secrets, and is not stored"),
        (["ops", "--apprise", "--url-env", "X", *_SIGNED], "apprise signs nothing"),
    ],
)
def test_a_target_that_cannot_work_is_refused_in_one_line(
    notices: Notices, capsys: Output, arguments: list[str], line: str
) -> None:
    assert main(["notices", "add", *arguments]) == 2
    error = capsys.readouterr().err
    assert line in error
    assert error.count("\n") == 1
    assert notices.targets() == []


def test_a_name_is_used_once(hook: Receiver, capsys: Output) -> None:
    assert main(["notices", "add", "ops", hook.url, *_SIGNED]) == 0
    assert main(["notices", "add", "ops", "https://elsewhere/", *_SIGNED]) == 2
    assert "remove it first: bench notices remove ops" in capsys.readouterr().err


def test_what_failed_is_shown(
    hook: Receiver, notices: Notices, add_target: Callable[..., None], courier: Courier, capsys: Output
) -> None:
    add_target(hook.url)
    notices.store([an_event("1"), an_event("2")])
    hook.answer(410, b"no longer here")
    while courier.deliver_next():
        pass
    assert main(["notices", "list", "--failed", "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert [row["answer"] for row in shown["deliveries"]] == ["410 Gone: no longer here"]
    assert [row["name"] for row in shown["targets"]] == ["ops"]
    assert main(["notices", "list"]) == 0
    table = capsys.readouterr().out
    assert "410 Gone" in table
    assert "sent" in table


def test_settings_are_kept_and_checked(capsys: Output) -> None:
    assert main(["notices", "set", "--cap-percent", "90", "--page-url", "https://farm.example.org"]) == 0
    capsys.readouterr()
    assert main(["notices", "set", "--starving-minutes", "5", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)["settings"]
    assert {row["setting"]: row["value"] for row in rows} == {
        "cap_percent": 90,
        "starving_minutes": 5,
        "page_url": "https://farm.example.org",
    }
    assert main(["notices", "set", "--page-url", "none", "-o", "csv"]) == 0
    assert main(["notices", "set", "--page-url", "javascript:1"]) == 2
    assert main(["notices", "set", "--cap-percent", "100"]) == 2
