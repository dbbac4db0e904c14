"""The layout has the blocks and widths that models were trained for, and says so by its fingerprint."""

import json

import pytest

from planner.canonical import sha256_json
from planner.encoding.encoder import MAX_POSITIONS, encode
from planner.encoding.layout import (
    FINGERPRINT,
    LAYOUT_V1,
    LAYOUT_V2,
    LAYOUT_V3,
    LAYOUTS,
    N_FEATURES,
    EncodingLayout,
    feature_names,
    layout_document,
)
from tests.fixtures.plain_encoder import bucket
from tests.fixtures.planner_examples import planner_input

WIDTHS = {
    "issue": [4, 4, 5, 4, 11, 1024],
    "history": [3, 3, 3, 4, 6, 5, 3, 256, 16, 16, 6, 6, 4, 1],
    "action_space": [8, 8, 8, 8],
    "universe_defaults": [3, 11],
    "system_state": [5, 5, 5, 5, 4, 1],
}


def test_the_blocks_have_their_fields_in_order_and_3779_positions_in_all() -> None:
    by_name = {block.name: [len(field.labels) for field in block.fields] for block in LAYOUT_V1.blocks}
    assert by_name == WIDTHS
    totals = [block.width * block.slots for block in LAYOUT_V1.blocks]
    assert totals == [1052, 2656, 32, 14, 25]
    assert N_FEATURES == LAYOUT_V1.size == sum(totals) == 3779
    assert LAYOUT_V2.size == 4803


def test_version_2_keeps_every_position_of_version_1() -> None:
    assert feature_names(LAYOUT_V2)[:N_FEATURES] == feature_names()


def test_version_3_keeps_every_position_of_version_1_and_adds_eight_runs() -> None:
    assert feature_names(LAYOUT_V3)[:N_FEATURES] == feature_names()
    assert LAYOUT_V3.size == N_FEATURES + 8 * 332
    assert LAYOUTS == {1: LAYOUT_V1, 2: LAYOUT_V2, 3: LAYOUT_V3}


@pytest.mark.parametrize("layout", [LAYOUT_V1, LAYOUT_V2, LAYOUT_V3], ids=["v1", "v2", "v3"])
def test_every_position_has_a_name_of_its_own(layout: EncodingLayout) -> None:
    assert len(set(feature_names(layout))) == len(feature_names(layout)) == layout.size


def test_names_say_what_a_position_means() -> None:
    names = feature_names()
    shown = [names[position] for position in (0, 27, 28, 1051, 1052, 1052 + 332 * 7, 3740, 3754, 3778)]
    assert shown == [
        "issue.dk_priority=P0",
        "issue.dk_tool_hint=null",
        "issue.tags=#0",
        "issue.tags=#1023",
        "history[0].job_type=code",
        "history[7].job_type=code",
        "universe_defaults.swarm_id=serial_handoff",
        "system_state.active_workcells_bin=0",
        "system_state.present=yes",
    ]


def test_the_document_is_json_and_its_fingerprint_covers_all_of_it() -> None:
    document = layout_document()
    assert json.loads(json.dumps(document)) == document
    assert document.pop("fingerprint") == FINGERPRINT == sha256_json(document)
    assert layout_document(LAYOUT_V2)["fingerprint"] != FINGERPRINT


def test_the_fingerprint_is_the_one_that_bundles_were_made_with() -> None:
    # Another fingerprint is another encoding: give it a new version, and make the golden files anew.
    assert FINGERPRINT == "7c7e2b42a32e94b869ca288c3ab12b105a13c1c1e6d036c3549b539cfa8f98e6"


def test_a_document_can_set_as_many_positions_as_buffers_are_made_for() -> None:
    names = [f"name {number}" for number in range(400)]
    hint = next(name for name in (str(number) for number in range(20_000)) if _has_all_bits(name))
    document = planner_input(job_type="code")
    document["issue"].update(tags=_apart(names, 1024, 8), dk_tool_hint=hint)
    document["universe_defaults"] = {"swarm_id": None, "objective_id": hint}
    document["system_state"] = {"available_toolchains": ["codex", "claude", "opencode", "crush"]}
    run = _fullest_run(names)
    document["history"] = {"last_n_similar_runs": [{**run, "run_id": f"r{number}"} for number in range(9)]}
    assert len(encode(document).positions) == MAX_POSITIONS == 443


def _has_all_bits(name: str) -> bool:
    return bucket(name, 1024) == 1023


def _apart(names: list[str], buckets: int, count: int) -> list[str]:
    """The first `count` names that fall into different buckets."""
    by_name = {bucket(name, buckets): name for name in reversed(names)}
    return list(by_name.values())[:count]


def _fullest_run(names: list[str]) -> dict[str, object]:
    return {
        "started_ms": 0,
        "job_type": "code",
        "domain": "code",
        "action_executed": dict.fromkeys(("swarm_id", "max_candidates", "max_minutes", "max_iterations")),
        "outcome": {
            "status": "success",
            "fail_codes": _apart(names, 256, 5),
            "gates": [{"name": name, "passed": True} for name in _apart(names, 16, 16)],
        },
        "runtime": {"duration_ms": 1},
    }
