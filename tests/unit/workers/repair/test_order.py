"""The order of a round: read from the environment, refused in one line where it is broken."""

import json
from pathlib import Path

import pytest

from workers.repair.errors import RepairError
from workers.repair.order import read_order, write_result


@pytest.fixture
def env(tmp_path: Path) -> dict[str, str]:
    gates = [
        {"name": "lint", "command": ["ruff", "check"], "required": True},
        {"name": "test", "command": ["python", "-m", "pytest", "-q", "tests"], "required": True},
        {"name": "extra", "command": ["pytest", "slow"], "required": False},
    ]
    manifest = tmp_path / "manifest.json"
    manifest.write_text(json.dumps({"gates": gates, "protected_paths": ["tests/**"], "round": 1}))
    return {
        "BENCH_WORKDIR": str(tmp_path),
        "BENCH_MANIFEST": str(manifest),
        "BENCH_RESULT": str(tmp_path / "result.json"),
        "BENCH_SEED": "7",
        "BENCH_ROUND": "2",
        "BENCH_BUDGET_SECONDS": "2.5",
    }


def test_an_order_has_the_required_gates_and_ends_before_the_budget(env: dict[str, str]) -> None:
    order = read_order(env, started=100.0)
    assert order.gates == (("ruff", "check"), ("python", "-m", "pytest", "-q", "tests"))
    assert order.protected == ("tests/**",)
    assert (order.seed, order.round) == (7, 2)
    assert 102.0 < order.deadline < 102.5


def test_the_command_of_a_hidden_gate_is_in_the_environment_alone(env: dict[str, str]) -> None:
    gates = [{"name": "hidden", "required": True}, {"name": "lint", "command": ["ruff"], "required": True}]
    Path(env["BENCH_MANIFEST"]).write_text(json.dumps({"gates": gates}))
    assert read_order(env, started=0.0).gates == (("ruff",),)
    given = {**env, "BENCH_HIDDEN_COMMANDS": json.dumps({"hidden": ["pytest", "-q"]})}
    assert read_order(given, started=0.0).gates == (("pytest", "-q"), ("ruff",))


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("BENCH_WORKDIR", "/no/such/place", "not a directory"),
        ("BENCH_SEED", "seven", "not a number"),
        ("BENCH_RESULT", "", "is not set"),
        ("BENCH_MANIFEST", "/no/such/file", "cannot be read"),
        ("BENCH_HIDDEN_COMMANDS", "[]", "not a JSON object"),
    ],
)
def test_a_broken_order_is_refused_by_name(env: dict[str, str], name: str, value: str, message: str) -> None:
    with pytest.raises(RepairError, match=message) as caught:
        read_order({**env, name: value}, started=0.0)
    assert name in str(caught.value)
    assert "\n" not in str(caught.value)


def test_the_result_has_the_contract_s_fields(tmp_path: Path) -> None:
    write_result(tmp_path / "result.json", "partial", "reported")
    assert json.loads((tmp_path / "result.json").read_text()) == {
        "status": "partial",
        "cost_usd": None,
        "tokens_in": 0,
        "tokens_out": 0,
        "message": "reported",
    }
    assert [path.name for path in tmp_path.iterdir()] == ["result.json"]
