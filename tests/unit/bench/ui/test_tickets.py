"""A sign-in link is valid for one sign-in, for five minutes, and for one farm."""

from pathlib import Path

from bench.ui.tickets import SECONDS, Tickets


class _Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_a_ticket_is_redeemed_once_by_any_process_of_the_farm(tmp_path: Path) -> None:
    printed, page, other_page = (Tickets("s", tmp_path / "used") for _ in range(3))
    ticket = printed.issue()
    assert page.redeem(ticket) is None
    assert page.redeem(ticket) == "this sign-in link was used already"
    assert other_page.redeem(ticket) == "this sign-in link was used already"
    assert other_page.redeem(printed.issue()) is None


def test_a_ticket_expires(tmp_path: Path) -> None:
    clock = _Clock()
    tickets = Tickets("s", tmp_path / "used", clock)
    in_time, late = tickets.issue(), tickets.issue()
    clock.now += SECONDS
    assert tickets.redeem(in_time) is None
    clock.now += 1
    assert tickets.redeem(late) == "this sign-in link has expired"


def test_a_ticket_of_another_secret_or_a_changed_one_is_refused(tmp_path: Path) -> None:
    clock = _Clock()
    tickets = Tickets("s", tmp_path / "used", clock)
    expiry, nonce, seal = tickets.issue().split(".")
    forged = [
        *(Tickets("t", tmp_path / "used", clock).issue(), "", ".", "..", "a.b.c", "é.b.ü"),
        f"{int(expiry) + 1}.{nonce}.{seal}",
        f"{expiry}.{nonce[1:]}0.{seal}",
        f"{expiry}.{nonce}.{seal[:-1]}",
    ]
    assert {tickets.redeem(ticket) for ticket in forged} == {"this is no sign-in link of this farm"}
    assert not (tmp_path / "used").exists()


def test_files_of_expired_tickets_are_removed(tmp_path: Path) -> None:
    clock = _Clock()
    tickets = Tickets("s", tmp_path / "used", clock)
    tickets.redeem(tickets.issue())
    clock.now += SECONDS + 1
    tickets.redeem(tickets.issue())
    assert len(list((tmp_path / "used").iterdir())) == 1
