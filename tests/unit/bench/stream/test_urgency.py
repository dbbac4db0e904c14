"""Scheduling by urgency, with aging against starvation."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from bench.intake.issue import PRIORITIES, Issue
from bench.stream.urgency import AgingPolicy, urgency_order

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def _order(
    issues: list[Issue], waited_hours: dict[str, float], chains: dict[str, float] | None = None
) -> list[str]:
    since = {issue_id: NOW - timedelta(hours=hours) for issue_id, hours in waited_hours.items()}
    return [entry.issue_id for entry in urgency_order(issues, since, chains or {}, NOW)]


def test_priority_decides_then_the_chain_behind_it_then_who_waits_longest_then_the_id() -> None:
    issues = [
        Issue(id=name, dk_priority=priority)
        for name, priority in zip("edcba", ["P2", "P1", "P2", "P2", "P2"], strict=True)
    ]
    assert _order(issues, {"e": 1, "c": 2}, {"e": 9}) == ["d", "e", "c", "a", "b"]


def test_waiting_raises_the_priority_a_step_at_a_time() -> None:
    patient, urgent = Issue(id="patient", dk_priority="P3"), Issue(id="urgent", dk_priority="P1")
    assert _order([patient, urgent], {"patient": 15.9}) == ["urgent", "patient"]
    entries = urgency_order([patient], {"patient": NOW - timedelta(hours=16)}, {}, NOW)
    assert entries[0].priority == "P1"
    assert not entries[0].starving


def test_after_a_day_an_issue_is_p0_and_ahead_of_every_fresh_p0_whatever_hangs_on_that() -> None:
    old, fresh = Issue(id="old", dk_priority="P3"), Issue(id="fresh", dk_priority="P0")
    assert _order([fresh, old], {"old": 24}, {"fresh": 500}) == ["old", "fresh"]


@given(
    st.lists(
        st.tuples(st.sampled_from(PRIORITIES), st.integers(0, 60), st.integers(0, 100)),
        min_size=1,
        max_size=20,
    )
)
def test_of_two_starving_issues_the_one_that_waits_longer_is_first(drawn: list[tuple[str, int, int]]) -> None:
    issues = [Issue(id=f"i{n}", dk_priority=priority) for n, (priority, _, _) in enumerate(drawn)]
    since = {f"i{n}": NOW - timedelta(hours=hours) for n, (_, hours, _) in enumerate(drawn)}
    entries = urgency_order(issues, since, {f"i{n}": chain for n, (_, _, chain) in enumerate(drawn)}, NOW)
    starving = [entry for entry in entries if entry.starving]
    assert entries[: len(starving)] == starving
    assert [entry.waiting_since for entry in starving] == sorted(entry.waiting_since for entry in starving)
    assert {entry.issue_id for entry in starving} == {
        issue_id for issue_id, moment in since.items() if NOW - moment >= AgingPolicy().starving
    }
