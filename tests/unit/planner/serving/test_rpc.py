"""JSON-RPC 2.0, as its specification says, and the sidecar's methods."""

import json
import random
import threading
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from planner.errors import PlannerError
from planner.host.config import InferenceConfig, PlannerConfig
from planner.inference import PlannerInference
from planner.serving import rpc
from planner.serving.service import Service
from tests.fixtures.planner_examples import planner_input
from tests.fixtures.stand_in_models import SURE, HeadsModel, Latch, planner_with

ASKED = planner_input(random.Random(2))


def _fail(_params: Any) -> Any:
    raise KeyError("secret")


KEYS = st.sampled_from(["jsonrpc", "id", "method", "params", "planner_input", "x"])
METHODS = {"echo": lambda params: params, "fail": _fail}


def _ask(text: Any) -> Any:
    raw = text if isinstance(text, bytes) else (text if isinstance(text, str) else json.dumps(text)).encode()
    answered = rpc.answer(raw, METHODS)
    return None if answered is None else json.loads(answered)


def _request(**parts: Any) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": 1, "method": "echo", **parts}


def test_a_request_gets_its_result_under_its_id() -> None:
    for request_id in (1, "a", None, 2.5, "\ud800"):
        response = _ask(_request(id=request_id, params={"x": 1}))
        assert response == {"jsonrpc": "2.0", "id": request_id, "result": {"x": 1}}
    assert _ask(_request())["result"] == {}


@pytest.mark.parametrize(
    ("text", "code", "request_id"),
    [
        ('{"jsonrpc": "2.0", "method": "foobar, "params": "bar", "baz]', rpc.PARSE_ERROR, None),
        ("", rpc.PARSE_ERROR, None),
        (b"\xff\xfe", rpc.PARSE_ERROR, None),
        ("[" * 100_000, rpc.PARSE_ERROR, None),
        ('{"jsonrpc": "2.0", "id": NaN, "method": "echo"}', rpc.PARSE_ERROR, None),
        ("[]", rpc.INVALID_REQUEST, None),
        ("1", rpc.INVALID_REQUEST, None),
        (_request(id=True), rpc.INVALID_REQUEST, None),
        (_request(id={}), rpc.INVALID_REQUEST, None),
        ('{"jsonrpc": "2.0", "id": 1e999, "method": "echo"}', rpc.INVALID_REQUEST, None),
        (_request(method=1), rpc.INVALID_REQUEST, 1),
        (_request(jsonrpc="1.0"), rpc.INVALID_REQUEST, 1),
        (_request(params="bar"), rpc.INVALID_REQUEST, 1),
        (_request(params=None), rpc.INVALID_REQUEST, 1),
        (_request(method="other"), rpc.METHOD_NOT_FOUND, 1),
        (_request(params=[1]), rpc.INVALID_PARAMS, 1),
        (_request(method="fail"), rpc.INTERNAL_ERROR, 1),
        ([_request()] * 101, rpc.INVALID_REQUEST, None),
    ],
)
def test_what_is_wrong_is_told_by_the_code_of_the_protocol(text: Any, code: int, request_id: Any) -> None:
    response = _ask(text)
    assert (response["error"]["code"], response["id"]) == (code, request_id)
    assert "\n" not in response["error"]["message"]
    assert "secret" not in response["error"]["message"]


def test_a_notification_has_no_answer_even_where_it_fails() -> None:
    for method in ("echo", "fail", "other"):
        assert _ask({"jsonrpc": "2.0", "method": method}) is None
    assert _ask([{"jsonrpc": "2.0", "method": "echo"}] * 2) is None


def test_a_batch_answers_each_request_and_leaves_out_notifications() -> None:
    batch = [_request(id=1), {"jsonrpc": "2.0", "method": "echo"}, 7, _request(id="b", method="other")]
    answered = _ask(batch)
    assert [response["id"] for response in answered] == [1, None, "b"]
    assert [response.get("error", {}).get("code") for response in answered] == [
        None,
        rpc.INVALID_REQUEST,
        rpc.METHOD_NOT_FOUND,
    ]


ANYTHING = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.sampled_from(["2.0", "predict", "health", ""]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner),
    max_leaves=10,
)


@given(st.binary(max_size=40) | ANYTHING.map(lambda value: json.dumps(value).encode()))
def test_any_bytes_get_an_answer_of_one_line(raw: bytes) -> None:
    answered = SERVICE.answer(raw)
    if answered is not None:
        assert b"\n" not in answered
        responses = json.loads(answered)
        for response in responses if isinstance(responses, list) else [responses]:
            assert response["jsonrpc"] == "2.0"
            assert ("result" in response) != ("error" in response)


SERVICE = Service(lambda: planner_with(HeadsModel(SURE)))


def _call(service: Service, method: str, **params: Any) -> Any:
    answered = service.answer(json.dumps(_request(method=method, params=params)).encode())
    assert answered is not None
    return json.loads(answered)


def test_predict_takes_a_planner_input_or_its_parts_and_gives_a_planner_action() -> None:
    whole = _call(SERVICE, "predict", planner_input=ASKED)["result"]
    assert whole["schema_version"] == "cyntra.planner_action.v1"
    assert whole["input_hash"] == planner_with(HeadsModel(SURE)).decide(ASKED).input_hash
    parts = _call(
        SERVICE, "predict", issue={"id": "a"}, history=[], universe_defaults=None, system_state=None
    )
    assert parts["result"]["swarm_id"] == "speculate_vote"


@pytest.mark.parametrize(
    "params",
    [
        {},
        {"history": []},
        {"planner_input": 3},
        {"planner_input": ASKED, "issue": {}},
        {"issue": "a"},
        {"issue": None},
        {"issue": {}, "history": {}},
        {"issue": {}, "more": 1},
    ],
)
def test_wrong_params_are_refused(params: dict[str, Any]) -> None:
    assert _call(SERVICE, "predict", **params)["error"]["code"] == rpc.INVALID_PARAMS


def test_an_input_that_no_policy_can_read_gets_the_baseline_as_it_does_inside_a_kernel() -> None:
    result = _call(SERVICE, "predict", planner_input={"job_type": 3})["result"]
    assert result["abstain_to_default"]
    assert result["reason"].startswith("inference_error_")


def test_more_predictions_than_allowed_are_told_that_the_server_is_busy_and_health_still_answers() -> None:
    latch = Latch()
    config = PlannerConfig(inference=InferenceConfig(timeout_ms=60_000))
    service = Service(lambda: planner_with(HeadsModel(SURE, before=latch), config), queue=3)
    answered: list[Any] = []
    threads = [
        threading.Thread(target=lambda: answered.append(_call(service, "predict", planner_input=ASKED)))
        for _ in range(3)
    ]
    for thread in threads:
        thread.start()
    for _ in threads:
        latch.entered.acquire()
    refused = _call(service, "predict", planner_input=ASKED)
    assert (refused["id"], refused["error"]["code"]) == (1, rpc.SERVER_BUSY)
    assert refused["error"]["message"].startswith("server busy")
    health = _call(service, "health")["result"]
    assert (health["status"], health["busy"], health["predicted"]) == ("ok", 1, 3)
    latch.opened.set()
    for thread in threads:
        thread.join()
    assert all("result" in response for response in answered)
    assert "result" in _call(service, "predict", planner_input=ASKED)


def test_a_reload_that_fails_leaves_the_old_model_deciding() -> None:
    made: list[PlannerInference] = []

    def make() -> PlannerInference:
        made.append(planner_with(HeadsModel(SURE)))
        if len(made) == 2:
            made[-1] = PlannerInference(PlannerConfig(), load=_broken)
        return made[-1]

    service = Service(make)
    refused = _call(service, "reload")
    assert refused["error"] == {
        "code": rpc.RELOAD_REFUSED,
        "message": "the old model stays: bundle: truncated",
    }
    assert not _call(service, "predict", planner_input=ASKED)["result"]["abstain_to_default"]
    assert _call(service, "reload")["result"]["model"]["checkpoint_id"] == "stand-in"
    assert _call(service, "health")["result"]["reloads"] == 1
    assert _call(service, "reload", path="/tmp")["error"]["code"] == rpc.INVALID_PARAMS


def _broken(_config: PlannerConfig, _epoch: str | None) -> Any:
    raise PlannerError("bundle: truncated")
