"""One builder of planner_input: whatever asks a policy is given a document of the same form."""

import ast
from pathlib import Path

from planner.actions import action_space_document
from planner.encoding.build_input import SCHEMA_VERSION, build_planner_input, planner_input_document
from planner.training.exporting.cases import planner_inputs

ROOT = Path(__file__).resolve().parents[4]


def test_the_parts_of_a_document_stand_in_the_order_of_the_contract() -> None:
    document = planner_input_document(
        created_at="2026-01-01T00:00:00Z",
        universe_id="u",
        job_type="code",
        universe_defaults={},
        issue={"issue_id": "a"},
        history=({"run_id": "r"},),
        system_state=None,
    )
    assert list(document.items()) == [
        ("schema_version", SCHEMA_VERSION),
        ("created_at", "2026-01-01T00:00:00Z"),
        ("universe_id", "u"),
        ("job_type", "code"),
        ("universe_defaults", {}),
        ("issue", {"issue_id": "a"}),
        ("history", {"last_n_similar_runs": [{"run_id": "r"}]}),
        ("action_space", action_space_document()),
        ("system_state", None),
    ]


def test_made_up_cases_and_hosts_have_the_same_keys() -> None:
    keys = list(build_planner_input({"id": "a"}))
    assert all(list(document) == keys for document in planner_inputs(6))


def test_no_other_file_of_the_product_builds_one_by_hand() -> None:
    builders = []
    for floor in ("planner", "db", "workers", "bench"):
        for path in (ROOT / floor).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Dict) and any(
                    isinstance(key, ast.Constant) and key.value == "last_n_similar_runs" for key in node.keys
                ):
                    builders.append(path.relative_to(ROOT).as_posix())
    # The other one shortens the history of a document for an ablation.
    assert sorted(builders) == ["planner/encoding/build_input.py", "planner/training/ablation/run.py"]
