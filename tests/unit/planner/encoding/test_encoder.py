"""The edges of the encoding, each by its name; what is unknown is counted and never stops anybody."""

import subprocess
import sys
from random import Random
from typing import Any

import pytest

from planner.encoding.encoder import encode
from planner.encoding.layout import LAYOUT_V2, LAYOUT_V3, N_FEATURES, feature_names
from planner.encoding.tables import TextHashes
from tests.fixtures.planner_examples import NOW_MS, history, planner_input

Json = dict[str, Any]
NAMES = feature_names(LAYOUT_V2)
DAY = 86_400_000
MINUTE = 60_000
NOW = "2026-07-31T08:00:00Z"


def document(**overrides: Any) -> Json:
    """A planner_input with one run, one hour old, and without a system_state."""
    lot = Random(5)
    drawn = planner_input(lot, job_type="code", system_state=None, universe_defaults={})
    drawn["issue"].update(dk_attempts=0, dk_tool_hint=None, tags=[])
    drawn["history"] = {"last_n_similar_runs": history(lot, "code", NOW_MS, 1)}
    return drawn | overrides


def names(document: Json, start: str) -> list[str]:
    """The labels that are 1 among the features whose names begin with `start`."""
    active = [NAMES[position] for position in encode(document).positions]
    return [name.split("=", 1)[1] for name in active if name.startswith(f"{start}=")]


def with_run(**values: Any) -> Json:
    """The document with some values of its run replaced."""
    drawn = document()
    drawn["history"]["last_n_similar_runs"][0].update(values)
    return drawn


@pytest.mark.parametrize(("attempts", "label"), [(0, "0"), (2, "2"), (3, "3+"), (10**30, "3+")])
def test_attempts(attempts: int, label: str) -> None:
    drawn = document()
    drawn["issue"]["dk_attempts"] = attempts
    assert names(drawn, "issue.dk_attempts") == [label]


@pytest.mark.parametrize(
    ("duration", "label"),
    [
        (0, "<1m"),
        (MINUTE - 1, "<1m"),
        (MINUTE, "1-5m"),
        (5 * MINUTE, "5-15m"),
        (15 * MINUTE, "15-30m"),
        (30 * MINUTE, "30-60m"),
        (60 * MINUTE, "30-60m"),
        (60 * MINUTE + 1, ">60m"),
    ],
)
def test_durations(duration: int, label: str) -> None:
    drawn = with_run(runtime={"duration_ms": duration})
    assert names(drawn, "history[0].duration_ms") == [label]


@pytest.mark.parametrize(
    ("cost", "label"),
    [
        (None, "null"),
        (0, "<$0.01"),
        (0.01, "<$0.1"),
        (0.1, "<$1"),
        (1, "<$10"),
        (10, ">=$10"),
        (1e308, ">=$10"),
    ],
)
def test_costs(cost: float | None, label: str) -> None:
    assert names(with_run(cost_usd_est=cost), "history[0].cost_usd_est") == [label]


@pytest.mark.parametrize(
    ("age", "label"), [(-DAY, "<1d"), (DAY - 1, "<1d"), (DAY, "<7d"), (7 * DAY, "<30d"), (30 * DAY, "older")]
)
def test_ages_count_from_the_moment_of_asking(age: int, label: str) -> None:
    assert names(with_run(started_ms=NOW_MS - age), "history[0].age") == [label]


@pytest.mark.parametrize(
    "moment",
    [NOW, "2026-07-31T08:00:00+00:00", "2026-07-31T08:00:00.000999Z", "2026-07-31T08:00:00.000999999Z"],
)
def test_a_moment_is_read_to_the_millisecond_in_every_allowed_form(moment: str) -> None:
    at_one_day = with_run(started_ms=NOW_MS - DAY) | {"created_at": moment}
    just_below = with_run(started_ms=NOW_MS - DAY + 1) | {"created_at": moment}
    assert (names(at_one_day, "history[0].age"), names(just_below, "history[0].age")) == (["<7d"], ["<1d"])


def test_a_millisecond_of_the_moment_counts() -> None:
    drawn = with_run(started_ms=NOW_MS - DAY + 1)
    assert names(drawn | {"created_at": "2026-07-31T08:00:00.001Z"}, "history[0].age") == ["<7d"]


@pytest.mark.parametrize(
    ("field", "number", "label"),
    [
        ("max_candidates", 0, "1"),
        ("max_candidates", 9, "3"),
        ("max_minutes", 22, "15"),
        ("max_minutes", 23, "30"),
        ("max_minutes", 90, "60"),
        ("max_minutes", 91, "120"),
        ("max_minutes", 10**30, "120"),
        ("max_iterations", 4, "3"),
        ("max_iterations", None, "NA"),
    ],
)
def test_numbers_go_to_their_nearest_bin_and_the_lower_on_a_tie(
    field: str, number: int | None, label: str
) -> None:
    drawn = document()
    drawn["history"]["last_n_similar_runs"][0]["action_executed"][field] = number
    assert names(drawn, f"history[0].{field}") == [label]


@pytest.mark.parametrize(
    ("key", "value", "label", "unknown"),
    [
        ("active_workcells_bin", "3-5", "3-5", 0),
        ("active_workcells_bin", 2, "1-2", 0),
        ("active_workcells_bin", -1, "0", 0),
        ("active_workcells_bin", "7", "null", 1),
        ("queue_depth_bin", 20, "6-20", 0),
        ("queue_depth_bin", 21, "20+", 0),
        ("hour_bucket", None, "null", 0),
        ("hour_bucket", "noon", "null", 1),
        # As kernels in the field write them.
        ("active_workcells_bin", "1_2", "1-2", 0),
        ("queue_depth_bin", "20_plus", "20+", 0),
        ("queue_depth_bin", 7.0, "6-20", 0),
        ("hour_bucket", 0, "night", 0),
        ("hour_bucket", 13, "afternoon", 0),
        ("hour_bucket", 24, "null", 1),
        ("budget_remaining_bin", "null", "null", 1),
        ("budget_remaining_bin", "unlimited", "unlimited", 0),
    ],
)
def test_the_state_of_the_farm(key: str, value: Any, label: str, unknown: int) -> None:
    drawn = document(system_state={key: value})
    assert names(drawn, f"system_state.{key}") == [label]
    assert names(drawn, "system_state.present") == ["yes"]
    assert encode(drawn).unknown == unknown


def test_without_a_state_of_the_farm_its_block_is_empty() -> None:
    assert max(encode(document()).positions) < N_FEATURES - 25


def test_an_empty_slot_is_empty() -> None:
    drawn = document(history={"last_n_similar_runs": []})
    assert not [position for position in encode(drawn).positions if 1052 <= position < 1052 + 2656]


def test_the_eight_newest_runs_fill_the_slots_newest_first() -> None:
    runs = history(Random(1), "code", NOW_MS, 12)
    for number, run in enumerate(runs):
        run["outcome"]["fail_codes"] = [f"run {number}"]
    shuffled = Random(2).sample(runs, len(runs))
    expected = encode(document(history={"last_n_similar_runs": runs[:8]}))
    assert encode(document(history={"last_n_similar_runs": shuffled})) == expected
    slots = [
        names(document(history={"last_n_similar_runs": runs}), f"history[{slot}].fail_codes")
        for slot in range(8)
    ]
    assert slots == [[f"#{TextHashes()[f'run {number}'] % 256}"] for number in range(8)]


def test_only_the_first_tags_and_fail_codes_count() -> None:
    drawn = document()
    drawn["issue"]["tags"] = [f"tag {number}" for number in range(9)]
    drawn["history"]["last_n_similar_runs"][0]["outcome"]["fail_codes"] = list("abcdefg")
    assert set(names(drawn, "issue.tags")) == {
        f"#{TextHashes()[f'tag {number}'] % 1024}" for number in range(8)
    }
    codes = set(names(drawn, "history[0].fail_codes"))
    assert codes == {f"#{TextHashes()[code] % 256}" for code in "abcde"}


def test_a_gate_that_shares_its_bucket_with_a_failed_one_does_not_hide_it() -> None:
    bucket = TextHashes()["test"] % 16
    twin = next(name for name in map(str, range(1000)) if TextHashes()[name] % 16 == bucket)
    gates = [{"name": twin, "passed": True}, {"name": "test", "passed": False}]
    drawn = with_run(outcome={"status": "failed", "fail_codes": [], "gates": gates})
    assert names(drawn, "history[0].gates_present") == [f"#{bucket}"]
    assert names(drawn, "history[0].gates_passed") == []


def test_what_is_unknown_is_counted_value_by_value() -> None:
    drawn = with_run(
        domain="music", job_type="opera", outcome={"status": "sung", "fail_codes": [], "gates": []}
    )
    drawn["issue"].update(dk_priority="P9", dk_risk=None, dk_size="XXL")
    drawn["history"]["last_n_similar_runs"][0]["action_executed"]["swarm_id"] = "reserved2"
    drawn["universe_defaults"] = {"swarm_id": "chorus"}
    drawn["action_space"]["swarm_ids"] = ["serial_handoff", "reserved2", "reserved2", "null"]
    drawn["action_space"]["max_minutes_bins"] = [15, 17]
    drawn["system_state"] = {"hour_bucket": "noon", "available_toolchains": ["repair", "codex"]}
    assert encode(drawn).unknown == 3 + 3 + 1 + 1 + 3 + 1 + 2
    assert names(drawn, "history[0].swarm_id") == names(drawn, "universe_defaults.swarm_id") == ["null"]
    assert names(drawn, "history[0].domain") == []
    assert names(drawn, "action_space.swarm_ids") == ["serial_handoff"]


def test_a_code_is_the_bucket_of_the_text_in_binary() -> None:
    # SHA-256("codex") begins with 57de4cf4, and 0x57de4cf4 % 1024 is 0b11110100.
    drawn = document()
    drawn["issue"]["dk_tool_hint"] = "codex"
    assert names(drawn, "issue.dk_tool_hint") == ["bit2", "bit4", "bit5", "bit6", "bit7"]


def test_keywords_of_version_2_are_those_given_or_else_those_of_the_text() -> None:
    drawn = document()
    drawn["issue"].update(title="Parser parser", description=None, keywords=None)

    def buckets() -> list[str]:
        positions = encode(drawn, LAYOUT_V2).positions
        return [NAMES[position] for position in positions if position >= N_FEATURES]

    assert buckets() == [f"keywords.keywords=#{TextHashes()['parser'] % 1024}"]
    drawn["issue"]["keywords"] = ["lexer"]
    assert buckets() == [f"keywords.keywords=#{TextHashes()['lexer'] % 1024}"]
    drawn["issue"]["keywords"] = []
    assert buckets() == []


def test_version_3_holds_the_ninth_to_sixteenth_run_as_the_others() -> None:
    drawn = document()
    runs = history(Random(3), "code", NOW_MS, 20)
    drawn["history"] = {"last_n_similar_runs": runs}
    longer = feature_names(LAYOUT_V3)
    shown = [longer[position] for position in encode(drawn, LAYOUT_V3).positions]

    def of_slot(active: list[str], slot: str) -> list[str]:
        return [name.removeprefix(slot) for name in active if name.startswith(f"{slot}.")]

    for slot in (0, 7):
        moved = {**drawn, "history": {"last_n_similar_runs": runs[8 + slot :]}}
        expected = [NAMES[position] for position in encode(moved).positions]
        assert of_slot(shown, f"older_history[{slot}]") == of_slot(expected, "history[0]")
    assert sum("older_history" in name and name.endswith("filled=yes") for name in shown) == 8


def test_remembered_hashes_stay_few_whatever_comes() -> None:
    hashes = TextHashes()
    long = "x" * 10_000
    assert hashes[long] == hashes[long]
    assert not hashes
    for number in range(20_000):
        hashes[str(number)]
    assert 0 < len(hashes) <= 16_384
    assert hashes["19999"] == TextHashes()["19999"]


def test_encoding_needs_neither_numpy_nor_pydantic() -> None:
    heavy = {"numpy", "pydantic", "onnxruntime", "torch"}
    code = f"import sys, planner.encoding.encoder; print(sorted({heavy} & set(sys.modules)))"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "[]"


def test_an_absent_system_state_is_a_null_one() -> None:
    drawn = document()
    expected = encode(drawn)
    del drawn["system_state"]
    assert encode(drawn) == expected
