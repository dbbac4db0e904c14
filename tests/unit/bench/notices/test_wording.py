"""Subject and text of each kind of event."""

from datetime import UTC, date, datetime

import pytest

from bench.notices import wording
from bench.notices.deliver import pause_after
from bench.notices.message import notice_document
from db.repositories.notice_events import CapLevel, EndedBench, StarvingClass, SuspendedMachine
from db.repositories.notice_settings import NoticeSettings
from db.repositories.notices import ClaimedDelivery, Notice
from db.states import NoticeKind

AT = datetime(2026, 5, 1, 12, tzinfo=UTC)
DAY = date(2026, 5, 1)


def cap(**changes: object) -> CapLevel:
    event = CapLevel("k", "warning", None, DAY, "dollars", 8_000_000, 10_000_000, AT)
    return event._replace(**changes)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("event", "kind", "subject", "text"),
    [
        (
            cap(),
            "cap_warning",
            "80 % of the cap on dollars of the farm on 2026-05-01 (UTC) is used",
            "$8.00 of $10.00.",
        ),
        (
            cap(level="reached", bench_id="b-1", resource="minutes", used=90_000, most=60_000),
            "cap_reached",
            "the cap on minutes of bench b-1 is used up",
            "1.5 minutes of 1.0 minutes. Raise it with: bench resume b-1",
        ),
        (
            cap(level="reached", used=7_000_000),
            "cap_reached",
            "the cap on dollars of the farm on 2026-05-01 (UTC) is used up",
            "$7.00 of $10.00; what waits does not fit into the rest. Raise it with: bench caps --daily-usd",
        ),
        (
            cap(bench_id="b-1", resource="executions", used=1, most=1),
            "cap_warning",
            "100 % of the cap on executions of bench b-1 is used",
            "1 execution of 1 execution.",
        ),
    ],
)
def test_a_cap(event: CapLevel, kind: str, subject: str, text: str) -> None:
    assert wording.of_cap(event) == Notice("k", kind, AT, event.bench_id, subject, text)  # type: ignore[arg-type]


def test_names_of_machines_and_classes_are_escaped() -> None:
    hostile = "m\x1b[2J\nforged"
    machine = wording.of_suspended_machine(SuspendedMachine("k", hostile, AT))
    starving = wording.of_starving_class(StarvingClass("k", "s-1", hostile, 2, AT, False, True, AT))
    for notice in (machine, starving):
        assert "\x1b" not in notice.subject + notice.text
        assert "\n" not in notice.subject + notice.text


def test_a_halt_names_its_reason_and_the_command() -> None:
    event = EndedBench("k", "b-1", "stream", "halted", AT, "execution x3 spent $1.00 beyond its reservation")
    notice = wording.of_ended_bench(event, None, [])
    assert notice.subject == "stream b-1 is halted"
    assert notice.text.endswith("beyond its reservation. Nothing of it starts until: bench resume b-1")


@pytest.mark.parametrize(
    ("kind", "bench", "path"),
    [
        ("bench_finished", "b-1", "/benches/b-1"),
        ("stream_starving", "s/1", "/streams/s%2F1"),
        ("machine_suspended", None, "/machines"),
        ("cap_reached", None, "/farm"),
        ("cap_reached", "b-1", "/benches/b-1"),
        ("drift_found", None, "/"),
    ],
)
def test_a_link_leads_to_the_page_of_the_event(kind: NoticeKind, bench: str | None, path: str) -> None:
    delivery = ClaimedDelivery("msg_1", kind, AT, bench, "s", "t", "ops", 1, 0.0)
    assert notice_document(delivery, NoticeSettings())["link"] is None
    linked = notice_document(delivery, NoticeSettings(page_url="https://farm.example.org"))
    assert linked["link"] == f"https://farm.example.org{path}"


def test_the_backoff_grows_to_hours_with_jitter_and_ends_within_a_day() -> None:
    assert [pause_after(tries, lambda: 1.0) for tries in (1, 2, 3, 8, 99)] == [10, 30, 90, 14400, 14400]
    assert pause_after(1, lambda: 0.0) == 5
    tries, age = 1, 0.0
    while age < 24 * 3600:
        age += pause_after(tries, lambda: 0.5)
        tries += 1
    assert 10 < tries < 25
