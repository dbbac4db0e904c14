"""The way of an execution, with real Git, real processes and real gates."""

import json
import os
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest

from tests.fixtures.executions import FIX, GATE, Orders, Repository, python
from workers.control import Control, StopReason
from workers.execution.machine import Machine
from workers.execution.run import run_execution
from workers.result import ExecutionResult
from workers.sandbox import ladder
from workers.spec import Gate, ToolchainRef, WorkOrder
from workers.testing import ScriptedToolchain, Step, file_gate, fixed_gate
from workers.toolchains.base import Finished, Report, RoundContext

FIXED = {"calc.py": "def add(a, b):\n    return a + b\n"}


def run(order: WorkOrder, machine: Machine) -> ExecutionResult:
    return run_execution(order, machine, Control())


def archived(result: ExecutionResult, name: str, candidate: int = 0) -> str:
    return (Path(result.candidates[candidate].archive or "") / name).read_text()


def scripted(machine: Machine, *steps: Step, **more: object) -> Machine:
    toolchain = ScriptedToolchain(*steps, uses_provider=bool(more.pop("uses_provider", False)))
    return Machine(machine.work_dir, machine.archives_dir, machine.mirrors_dir, lambda _: toolchain, **more)  # type: ignore[arg-type]


def test_a_fix_is_verified_recorded_and_leaves_no_directory_behind(order: Orders, machine: Machine) -> None:
    result = run(order(), machine)
    assert (result.status, result.message, result.fail_codes, result.chosen) == ("success", "", [], 0)
    assert result.gates[0].score == 1.0
    assert "+    return a + b" in archived(result, "patch.diff")
    assert result.candidates[0].diff_lines == 2
    assert json.loads(archived(result, "proof.json"))["verification"]["all_passed"] is True
    assert not list((machine.work_dir / "cells").iterdir())


def test_a_second_round_hears_what_the_gates_said_and_may_be_another_toolchain(
    order: Orders, machine: Machine
) -> None:
    second = f"""
import json, os
told = json.load(open(os.environ["BENCH_MANIFEST"]))["feedback"]
assert told[0]["gate"] == "test" and "assert -1 == 5" in told[0]["output_tail"]
assert "assert -1 == 5" in open(os.environ["BENCH_PROMPT"]).read()
{FIX}
"""
    result = run(order(python("pass"), python(second), iterations=3), machine)
    assert result.status == "success"
    assert len(result.candidates[0].rounds) == 2
    assert result.executed_plan["max_iterations_executed"] == 3


def test_rounds_end_with_the_iterations(order: Orders, machine: Machine) -> None:
    result = run(order(python("pass"), iterations=2), machine)
    assert (result.status, result.fail_codes) == ("failed", ["tests_failed"])
    assert len(result.candidates[0].rounds) == 2


def test_candidates_differ_in_seed_and_toolchain_and_the_smaller_diff_wins(
    order: Orders, machine: Machine
) -> None:
    long = FIX + "; Path('notes.md').write_text('1\\n2\\n3\\n')"
    result = run(
        order(python("pass"), python(long), python(FIX), swarm_id="speculate_vote", candidates=3), machine
    )
    assert [each.status for each in result.candidates] == ["failed", "success", "success"]
    assert (result.status, result.chosen) == ("success", 2)
    assert len({each.seed for each in result.candidates}) == 3
    assert len({each.workcell_id for each in result.candidates}) == 3
    assert result.executed_plan["max_candidates_executed"] == 3
    assert json.loads(archived(result, "manifest.json", 1))["speculate_mode"] is True


def test_fewer_slots_than_candidates_run_them_one_after_another(order: Orders, machine: Machine) -> None:
    few = scripted(machine, Step(FIXED), parallel_candidates=1)
    result = run(order(swarm_id="speculate_vote", candidates=2, gates=[file_gate("calc.py")]), few)
    assert [each.status for each in result.candidates] == ["success", "success"]
    assert result.executed_plan["fallback_applied"] is False


class OverflowingToolchain(ScriptedToolchain):
    """A toolchain whose calls fail because the context overflows, until it is stopped."""

    def report(self, context: RoundContext, finished: Finished) -> Report:
        return replace(super().report(context, finished), fail_code="context_overflow")


def test_a_context_that_overflows_until_the_budget_ends_is_a_failure_and_no_timeout(
    order: Orders, machine: Machine
) -> None:
    toolchain = OverflowingToolchain(Step(seconds=60))
    machine = replace(machine, toolchain=lambda _: toolchain)
    result = run(order(seconds_per_minute=0.5, iterations=1), machine)
    assert (result.status, result.error_class) == ("failed", None)
    assert "context_overflow" in result.fail_codes
    assert result.candidates[0].rounds[0].status == "failed"


def test_what_lies_there_at_the_budget_is_judged_but_stays_a_timeout(order: Orders, machine: Machine) -> None:
    result = run(order(minutes=1, seconds_per_minute=6.0, iterations=2), scripted(machine, Step(FIXED, 30)))
    candidate = result.candidates[0]
    assert (result.status, candidate.rounds[0].status) == ("timeout", "timeout")
    assert [gate.passed for gate in result.gates] == [True]
    assert (candidate.billed_ms, result.budget_ms) == (6000, 60_000)


def test_compute_minutes_are_priced_at_their_real_length(order: Orders, machine: Machine) -> None:
    rates = {"usd_per_minute": 0.6}
    result = run(order(minutes=1, seconds_per_minute=0.5, rates=rates), scripted(machine, Step(FIXED, 30)))
    assert (result.micro_usd, result.cost_source) == (600_000, "reported")


def test_a_round_is_killed_at_the_money_set_aside(order: Orders, machine: Machine) -> None:
    spender = scripted(machine, Step(FIXED, 30, micro_usd=20_000), uses_provider=True)
    result = run(order(rates={"max_usd_per_candidate": 0.02}), spender)
    assert (result.status, result.error_class) == ("error", "killed_by_cap")
    # It might have spent more by the time it was dead.
    assert (result.micro_usd, result.micro_usd_at_least, result.cost_source) == (None, 20_000, "unknown")
    assert result.duration_ms < 25_000


def test_a_program_that_has_told_its_result_is_not_waited_for(order: Orders, machine: Machine) -> None:
    lingerer = scripted(machine, Step(FIXED, 90, micro_usd=20_000, is_result=True), uses_provider=True)
    ref = ToolchainRef(name="scripted", linger_seconds=0.5)
    result = run(order(ref, minutes=60, rates={"max_usd_per_candidate": 2}), lingerer)
    assert (result.status, result.message) == ("success", "done")
    assert (result.micro_usd, result.cost_source) == (20_000, "reported")
    assert result.candidates[0].billed_ms < 20_000


def test_a_cost_that_nobody_told_is_unknown(order: Orders, machine: Machine) -> None:
    silent = scripted(machine, Step(FIXED, micro_usd=None), uses_provider=True)
    result = run(order(), silent)
    assert (result.status, result.micro_usd, result.cost_source) == ("success", None, "unknown")


def test_a_provider_failure_is_an_error_and_no_failure(order: Orders, machine: Machine) -> None:
    limited = scripted(machine, Step(status="error", prints="rate limit"), uses_provider=True)
    result = run(order(iterations=3), limited)
    assert (result.status, result.error_class, result.message) == ("error", "provider", "rate limit")
    assert len(result.candidates[0].rounds) == 1


def test_a_toolchain_that_failed_is_no_success_even_where_gates_pass(order: Orders, machine: Machine) -> None:
    result = run(order(), scripted(machine, Step(FIXED, status="failed", prints="gave up")))
    assert result.status == "failed"
    assert [gate.passed for gate in result.gates] == [True]


def test_a_silent_toolchain_has_failed(order: Orders, machine: Machine) -> None:
    quiet = python("import time; time.sleep(30)", no_output_seconds=0.5)
    result = run(order(quiet), machine)
    assert (result.status, result.candidates[0].rounds[0].status) == ("failed", "failed")


def test_a_stop_order_ends_all_candidates_and_keeps_what_they_spent(order: Orders, machine: Machine) -> None:
    control = Control()

    def stop_once_both_have_spoken() -> None:
        while len([one for one in machine.work_dir.glob("cells/*/logs/*.stdout") if one.stat().st_size]) < 2:
            time.sleep(0.02)
        control.stop(StopReason.CANCEL)

    threading.Thread(target=stop_once_both_have_spoken, daemon=True).start()
    slow = scripted(machine, Step(FIXED, 30, micro_usd=7), uses_provider=True)
    paid = order(swarm_id="speculate_vote", candidates=2, rates={"max_usd_per_candidate": 1})
    result = run_execution(paid, slow, control)
    assert (result.status, result.message) == ("error", "stopped by order: cancel")
    assert (result.micro_usd, result.micro_usd_at_least, result.duration_ms < 25_000) == (None, 14, True)
    proof = json.loads(archived(result, "proof.json"))
    assert [each["usd_at_least"] for each in proof["rounds"]] == [7]
    assert (proof["metadata"]["cost_usd"], proof["metadata"]["cost_usd_at_least"]) == (None, 0.000007)
    assert "return a + b" in archived(result, "patch.diff")


def test_a_patch_with_a_secret_of_the_worker_is_stored_redacted_and_marked(
    order: Orders, machine: Machine
) -> None:
    keeper = replace(machine, secrets={"TOKEN": "sesame-open"})
    told = run(order(python("open('calc.py', 'a').write('# sesame-open\\n')")), keeper)
    plain = run(order(python("open('calc.py', 'a').write('# sesame\\n')")), keeper)
    assert [each.candidates[0].patch_redacted for each in (told, plain)] == [True, False]
    assert "+# [secret]" in archived(told, "patch.diff")


def test_secrets_go_to_the_toolchain_that_names_them_and_into_no_log(
    order: Orders, machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BENCH_SECRET_TOKEN", "sesame-open")
    monkeypatch.setenv("PLAIN", "handed-over")
    tell = python("import os; print(dict(os.environ), open('/proc/self/environ').read())", env=["PLAIN"])
    keeper = Machine(**{**machine.__dict__, "secrets": {"TOKEN": "sesame-open", "PLAIN2": "handed-over"}})
    result = run(order(tell), keeper)
    said = archived(result, "logs/round-1.stdout")
    assert "PLAIN" in said
    assert "TOKEN" not in said
    assert "handed-over" not in said
    assert "[secret]" in said
    names = set(eval(said[: said.index("}") + 1].replace("[secret]", "")))
    assert not names & set(os.environ) - {
        "PATH",
        "HOME",
        "LANG",
        "LC_ALL",
        "PLAIN",
        "TERM",
        "PWD",
        "TMPDIR",
        "LC_CTYPE",
        "NO_COLOR",
    }


def test_a_candidate_sees_one_commit_and_no_remote(
    order: Orders, machine: Machine, repository: Repository
) -> None:
    base = repository.commit
    repository.add(FIXED)
    look = python(
        "import subprocess as s\n"
        "def run(*a): print(s.run(['git', *a], capture_output=True, text=True).stdout)\n"
        "run('log', '--oneline', '--all', 'HEAD'); run('remote', '-v'); run('reflog')\n"
        "run('status', '--short')\n"
        "run('for-each-ref'); import os; print(sorted(os.listdir('.git')))"
    )
    result = run(order(look, base=base), machine)
    lines = archived(result, "logs/round-1.stdout").split()
    assert lines[:2] == [base[:7], "change"]
    assert lines[2:] == [
        "['HEAD',",
        "'config',",
        "'index',",
        "'info',",
        "'objects',",
        "'refs',",
        "'shallow']",
    ]


def test_a_flaky_gate_may_be_run_again_and_both_results_are_kept(
    order: Orders, machine: Machine, tmp_path: Path
) -> None:
    tries = tmp_path / "tries"
    tries.mkdir()
    code = f"""
import os, sys
n = len(os.listdir({str(tries)!r}))
open(os.path.join({str(tries)!r}, str(n)), "w").close()
sys.exit(n == 0)
"""
    flaky = Gate(name="flaky", command=["python", "-c", code])
    result = run(order(gates=[flaky], flaky_reruns=2, sandbox="none"), machine)
    assert (result.status, result.gates[0].passed, result.gates[0].reruns) == ("success", True, [True])


def test_an_optional_gate_does_not_block(order: Orders, machine: Machine) -> None:
    gates = [GATE, fixed_gate("style", passes=False, required=False)]
    result = run(order(gates=gates), machine)
    assert (result.status, [gate.passed for gate in result.gates]) == ("success", [True, False])


def test_set_up_runs_once_and_its_programs_come_first(
    order: Orders, machine: Machine, tmp_path: Path
) -> None:
    code = (
        "import os, sys, pathlib; place = pathlib.Path(sys.argv[1])\n"
        "assert str(place) == os.environ['BENCH_SETUP_DIR']\n"
        "assert pathlib.Path('calc.py').exists(); (place / 'bin').mkdir(); tool = place / 'bin' / 'python';"
        "tool.write_text('#!/bin/sh\\nexit 0\\n'); tool.chmod(0o755); (place / str(os.getpid())).touch()"
    )
    setup = ["python", "-c", code, "{setup_dir}"]
    gates = [Gate(name="own", command=["python", "-c", "raise SystemExit(1)"])]
    results = [run(order(setup=setup, gates=gates, attempt=attempt), machine) for attempt in (1, 2)]
    assert [each.status for each in results] == ["success", "success"]
    assert len(list((machine.work_dir / "setups").glob("*.done"))) == 1


@pytest.mark.parametrize("sandbox", ["auto", "none"])
def test_the_sandbox_that_was_used_is_recorded(order: Orders, machine: Machine, sandbox: str) -> None:
    result = run(order(sandbox=sandbox, gates=[file_gate("calc.py")]), machine)
    assert result.candidates[0].sandbox == ladder.choose(sandbox).name  # type: ignore[arg-type]
    assert result.status == "success"


def test_the_built_in_repairer_solves_it_in_the_sandbox(order: Orders, machine: Machine) -> None:
    result = run(order(ToolchainRef(name="repair"), minutes=120), machine)
    assert (result.status, result.cost_source, result.micro_usd) == ("success", "reported", 0)
