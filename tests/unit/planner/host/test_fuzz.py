"""Arbitrary JSON at the door: a valid action, or a refusal that names what is wrong."""

import json
import random
import re
from collections.abc import Mapping
from contextlib import redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from planner.actions import JOB_TYPES, JobType, is_valid
from planner.cli.main import main
from planner.documents.base import parse_document
from planner.documents.plans import PlannerActionDocument
from planner.encoding.encoder import encode
from planner.host.answer import PlannerAction as Answer
from planner.host.models import Bounded
from planner.inference import PlannerInference
from planner.space.decode import Decoded, decode_heads
from tests.fixtures.planner_examples import planner_input
from tests.fixtures.stand_in_models import SURE, HeadsModel, planner_with

TEXT = st.text(max_size=8) | st.sampled_from(
    ["code", "high", "XL", "asset:world", "\ud800", "NA", "2026-01-01T00:00:00Z"]
)
LEAF = st.none() | st.booleans() | st.integers() | st.floats() | TEXT
JSON = st.recursive(
    LEAF, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4), max_leaves=12
)


class EncodingModel(HeadsModel):
    """Looks at the whole input before it decides, as a bundle does."""

    def decide(self, planner_input: Mapping[str, Any], bounded: Bounded) -> Decoded:
        return decode_heads(bounded(lambda _: SURE, encode(planner_input)), planner_input["job_type"])


@pytest.fixture(scope="module")
def planner() -> PlannerInference:
    return planner_with(EncodingModel(SURE))


@st.composite
def broken_inputs(draw: st.DrawFn) -> Any:
    """A real planner_input with a few of its values replaced by anything, or removed."""
    document = planner_input(random.Random(draw(st.integers(0, 50))))
    for _ in range(draw(st.integers(0, 3))):
        node: Any = document
        while True:
            keys = list(node) if isinstance(node, dict) else list(range(len(node)))
            if not keys:
                break
            key = draw(st.sampled_from(keys))
            inner = node[key]
            if isinstance(inner, dict | list) and inner and draw(st.booleans()):
                node = inner
                continue
            if draw(st.booleans()):
                node[key] = draw(JSON)
            else:
                del node[key]
            break
    return document


def _check(answer: Answer, job_type: Any) -> None:
    valid_for: list[JobType] = [known for known in JOB_TYPES if known == job_type] or list(JOB_TYPES)
    assert all(is_valid(answer.action, known) for known in valid_for)
    document = json.loads(json.dumps(answer.document()))
    parse_document(PlannerActionDocument, document)
    assert answer.reason is None or answer.abstain_to_default


@settings(max_examples=250)
@given(st.one_of(broken_inputs(), JSON))
def test_any_document_gets_a_valid_action(planner: PlannerInference, document: Any) -> None:
    _check(planner.decide(document), document.get("job_type") if isinstance(document, dict) else None)


@settings(max_examples=250)
@given(st.data())
def test_any_issue_with_any_surroundings_gets_a_valid_action_and_a_plan(
    planner: PlannerInference, data: st.DataObject
) -> None:
    issue: Any = data.draw(JSON | broken_inputs().map(lambda document: document.get("issue")))
    parts: list[Any] = [data.draw(JSON) for _ in range(3)]
    _check(planner.predict(issue, *parts), None if not isinstance(issue, dict) else _job_type(issue))
    plan = planner.plan(issue, *parts)
    assert any(is_valid(plan.execution.action, job_type) for job_type in JOB_TYPES)


def _job_type(issue: dict[str, Any]) -> str | None:
    """None where the tags are such that nobody can say."""
    tags = issue.get("tags")
    if not isinstance(tags, list) or not all(isinstance(tag, str) for tag in tags):
        return None
    return (
        "fab-world"
        if "asset:world" in tags
        else "fab-asset"
        if any(t.startswith("asset:") for t in tags)
        else "code"
    )


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.one_of(broken_inputs(), JSON).map(json.dumps) | st.text(max_size=20))
def test_the_command_decides_or_refuses_in_one_line(tmp_path: Path, text: str) -> None:
    source = tmp_path / "input.json"
    source.write_bytes(text.encode("utf-8", "surrogatepass"))
    with redirect_stdout(StringIO()) as out, redirect_stderr(StringIO()) as err:
        code = main(["predict", "--bundle", "/nowhere", "--input", str(source)])
    if code == 0:
        assert parse_document(PlannerActionDocument, json.loads(out.getvalue())).reason == "model_unavailable"
        return
    assert (code, out.getvalue()) == (2, "")
    assert re.fullmatch(r"planner: .*input\.json: .+\n", err.getvalue())
