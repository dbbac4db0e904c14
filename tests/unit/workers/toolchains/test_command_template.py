"""`command`: what a template may say, and what becomes of it."""

import json
from pathlib import Path

import pytest

from tests.fixtures.round_contexts import round_context
from workers.errors import WorkerError
from workers.spec import ToolchainRef
from workers.toolchains.base import Finished, RoundContext
from workers.toolchains.command import PLACEHOLDERS, Command, fill
from workers.toolchains.registry import check_ref, get_toolchain, known_toolchains, missing_executable
from workers.toolchains.repair import Repair


def context(tmp_path: Path, max_micro_usd: int = 0, **ref: object) -> RoundContext:
    return round_context(
        tmp_path,
        ToolchainRef(**{"name": "command", **ref}),
        seed=42,
        number=2,
        budget_seconds=90.5,
        max_micro_usd=max_micro_usd,
    )


def test_every_placeholder_is_filled_in_element_by_element(tmp_path: Path) -> None:
    argv = ["tool", *(f"--{name}={{{name}}}" for name in PLACEHOLDERS), "{{literal}}", "a b; $(c)"]
    filled = fill(context(tmp_path, argv=argv, model="m {seed}"))
    assert filled == (
        "tool",
        f"--workdir={tmp_path}/checkout",
        f"--prompt={tmp_path}/prompt.md",
        f"--manifest={tmp_path}/manifest.json",
        f"--result={tmp_path}/out/result.json",
        f"--out={tmp_path}/out",
        f"--home={tmp_path}/home",
        "--seed=42",
        "--round=2",
        "--budget_seconds=90.5",
        "--model=m {seed}",
        "{literal}",
        "a b; $(c)",
    )


@pytest.mark.parametrize(
    "bad", ["{secret}", "{prompt.name}", "{prompt!r}", "{0}", "{}", "{", "x}", "{ prompt }"]
)
def test_any_other_placeholder_is_refused_with_one_line(bad: str) -> None:
    with pytest.raises(WorkerError) as refused:
        check_ref(ToolchainRef(name="command", argv=["tool", bad]))
    assert "\n" not in str(refused.value)
    assert "{prompt}" in str(refused.value)


@pytest.mark.parametrize(
    ("ref", "word"),
    [
        ({"name": "command"}, "argv"),
        ({"name": "command", "argv": ["tool", "{model}"]}, "model"),
        ({"name": "claude", "argv": ["claude"]}, "argv"),
        ({"name": "devin"}, "command, repair, claude"),
    ],
)
def test_a_reference_that_makes_no_sense_is_refused(ref: dict[str, object], word: str) -> None:
    with pytest.raises(WorkerError, match=word):
        check_ref(ToolchainRef(**ref))


def test_every_known_toolchain_is_found_under_its_name() -> None:
    assert known_toolchains()[:2] == ("command", "repair")
    assert [get_toolchain(name).name for name in known_toolchains()] == list(known_toolchains())


def test_the_round_is_told_by_variables(tmp_path: Path) -> None:
    env = Command().invocation(context(tmp_path, argv=["tool"])).env
    assert {name: value for name, value in env.items() if name.startswith("BENCH_")} == {
        "BENCH_WORKDIR": f"{tmp_path}/checkout",
        "BENCH_PROMPT": f"{tmp_path}/prompt.md",
        "BENCH_MANIFEST": f"{tmp_path}/manifest.json",
        "BENCH_RESULT": f"{tmp_path}/out/result.json",
        "BENCH_SEED": "42",
        "BENCH_ROUND": "2",
        "BENCH_BUDGET_SECONDS": "90.5",
    }


@pytest.mark.parametrize(
    ("result", "code", "status", "message"),
    [
        (None, 0, "success", ""),
        (None, 1, "failed", "ended with exit code 1"),
        (None, None, "failed", "ended with a signal"),
        ({}, 0, "success", ""),
        ({"status": "success"}, 1, "failed", "reported success, but ended with exit code 1"),
        ({"status": "partial", "message": "half\nway"}, 1, "partial", "half way"),
        ({"status": "failed"}, 0, "failed", ""),
        ({"status": "error", "message": "no quota"}, 0, "error", "no quota"),
        ({"status": "great"}, 0, "error", "great"),
        ({"status": 1}, 0, "error", "status is not one of"),
        (["success"], 0, "error", "not a JSON object"),
        ("x" * 70_000, 0, "error", "not a JSON object"),
    ],
)
def test_the_result_file_and_the_exit_code_are_read_together(
    tmp_path: Path, result: object, code: int | None, status: str, message: str
) -> None:
    round_ = context(tmp_path, argv=["tool"])
    if result is not None:
        (round_.out / "result.json").write_text(json.dumps(result))
    report = Command().report(round_, Finished(code, tmp_path / "o", tmp_path / "e", "exit", 1))
    assert report.status == status
    assert message in report.message
    assert (report.error_class == "provider") == (status == "error")


@pytest.mark.parametrize(("network", "money", "cost"), [(None, 0, 0), (True, 0, None), (None, 5, None)])
def test_a_cost_nobody_told_is_zero_only_where_none_can_have_arisen(
    tmp_path: Path, network: bool | None, money: int, cost: int | None
) -> None:
    round_ = context(tmp_path, max_micro_usd=money, argv=["tool"], network=network)
    report = Command().report(round_, Finished(0, tmp_path / "o", tmp_path / "e", "exit", 1))
    assert report.micro_usd == cost


def test_a_half_written_result_tells_nothing_yet(tmp_path: Path) -> None:
    round_ = context(tmp_path, argv=["tool"])
    (round_.out / "result.json").write_text('{"cost_usd": 1.5')
    assert Command().spent(round_, tmp_path / "o") is None
    (round_.out / "result.json").write_text('{"cost_usd": 1.5}')
    assert Command().spent(round_, tmp_path / "o") == 1_500_000


def test_the_repairer_is_not_taken_from_the_checkout(tmp_path: Path) -> None:
    invocation = Repair().invocation(context(tmp_path, name="repair"))
    assert invocation.argv[1:] == ("-P", "-m", "workers.repair")
    assert not invocation.network
    assert Repair().version(ToolchainRef(name="repair"))


def test_a_program_inside_the_checkout_cannot_be_looked_for_ahead() -> None:
    assert missing_executable(ToolchainRef(name="command", argv=["./tools/agent"])) is None
    assert missing_executable(ToolchainRef(name="command", argv=["{workdir}/agent"])) is None
    assert missing_executable(ToolchainRef(name="command", argv=["/no/such/agent"])) is not None
    assert missing_executable(ToolchainRef(name="repair")) is None
