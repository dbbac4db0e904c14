"""Apprise, an extra, delivers notices: here with its json:// scheme, to a server on this machine."""

import sys
from urllib.parse import urlsplit

import pytest
import sqlalchemy as sa

from bench.cli.main import main
from bench.notices import apprise_target
from bench.notices.deliver import Courier
from bench.notices.errors import NoticeError
from db.repositories.notices import Notices
from tests.fixtures.notices import an_event
from tests.fixtures.receiver import Receiver, receiver

# Of a module of Python's that apprise imports.
pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")


@pytest.fixture
def apprise_url(hook: Receiver) -> str:
    return f"json://{urlsplit(hook.url).netloc}/hook"


def test_a_notice_goes_through_apprise(
    engine: sa.Engine,
    database_url: str,
    hook: Receiver,
    apprise_url: str,
    notices: Notices,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("BENCH_DATABASE_URL", database_url)
    monkeypatch.setenv("FARM_CHAT_URL", apprise_url)
    assert main(["notices", "add", "chat", "--apprise", "--url-env", "FARM_CHAT_URL"]) == 0
    assert main(["notices", "set", "--page-url", "https://farm.example.org"]) == 0
    capsys.readouterr()
    assert main(["notices", "test", "chat"]) == 0
    assert capsys.readouterr().err == "chat: accepted by apprise\n"
    notices.store([an_event()])
    assert Courier(engine, {"FARM_CHAT_URL": apprise_url}).deliver_next()
    test, sent = hook.documents()
    assert test["title"] == "a test notice of the farm"
    assert (sent["title"], sent["message"]) == (
        "bench b-1 is finished",
        "1 of 2 cases solved.\nhttps://farm.example.org/benches/b-1",
    )
    assert [row.state for row in notices.recent(9)] == ["sent"]


def test_what_the_service_refuses_is_a_failure(hook: Receiver, apprise_url: str) -> None:
    hook.answer(500)
    reply = apprise_target.notify(apprise_url, "X", "s", "t")
    assert (reply.is_accepted, reply.line) == (
        False,
        "apprise could not deliver it; see the log of the process that sends",
    )


def test_a_redirect_is_not_followed(hook: Receiver, apprise_url: str) -> None:
    with receiver() as elsewhere:
        hook.answer(307, Location=elsewhere.url)
        assert not apprise_target.notify(apprise_url, "X", "s", "t").is_accepted
        assert elsewhere.requests == []


def test_a_service_that_does_not_reply_is_given_up(hook: Receiver, apprise_url: str) -> None:
    hook.may_reply.clear()
    reply = apprise_target.notify(apprise_url, "X", "s", "t", seconds=0.2)
    hook.wait_for(1)
    assert reply.line == "apprise did not end within 0.2 s"


def test_an_address_that_apprise_does_not_know_is_not_shown() -> None:
    with pytest.raises(NoticeError, match=r"^the variable X is no address that apprise knows"):
        apprise_target.notify("nosuch://token@host", "the variable X", "s", "t")


def test_without_the_extra_the_line_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "apprise", None)
    with pytest.raises(NoticeError, match=r"pip install 'bench-farm\[apprise\]'"):
        apprise_target.notify("json://localhost", "X", "s", "t")
