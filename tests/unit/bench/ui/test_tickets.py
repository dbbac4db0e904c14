"""Tickets sign in once, within five minutes, and only with the farm's secret."""

import pytest

from bench.ui.tickets import LIFETIME_SECONDS, Tickets, make_ticket

NOW = 1_000_000.0


def test_a_ticket_is_accepted_once() -> None:
    tickets = Tickets("secret", lambda: NOW + 1)
    ticket = make_ticket("secret", NOW)
    assert tickets.redeem(ticket)
    assert not tickets.redeem(ticket)
    assert tickets.redeem(make_ticket("secret", NOW))


def test_an_expired_ticket_is_refused() -> None:
    ticket = make_ticket("secret", NOW)
    assert not Tickets("secret", lambda: NOW + LIFETIME_SECONDS).redeem(ticket)
    assert Tickets("secret", lambda: NOW + LIFETIME_SECONDS - 1).redeem(ticket)


@pytest.mark.parametrize("change", ["later", "nonce", "signature", "empty", "rubbish"])
def test_a_forged_ticket_is_refused(change: str) -> None:
    until, nonce, signature = make_ticket("secret", NOW).split(".")
    forged = {
        "later": f"{int(until) + 1}.{nonce}.{signature}",
        "nonce": f"{until}.{nonce[:-1]}x.{signature}",
        "signature": make_ticket("another", NOW),
        "empty": "",
        "rubbish": "é..\x00",
    }
    assert not Tickets("secret", lambda: NOW).redeem(forged[change])
