"""A gate's test patch: its tests judge, are the patch's own whatever a candidate did, and no candidate sees them."""

import subprocess
import sys
from typing import Any

import pytest

from bench.intake.beads import ImportReport
from bench.intake.formats.mapped import NO_FIELDS
from bench.intake.formats.read import read_export
from bench.intake.formats.swe_bench import SWE_BENCH
from planner.canonical import canonical_json
from tests.fixtures.executions import FIX, GATE, NO_GIT_CONFIG, Orders, Repository, python
from workers.control import Control
from workers.execution.machine import Machine
from workers.execution.run import run_execution
from workers.result import ExecutionResult
from workers.spec import Gate, ToolchainRef

MARK = "hidden_marker"
HIDDEN = f"from calc import add\n\n\ndef test_{MARK}():\n    assert add(20, 30) == 50\n"
SNOOP = """
import pathlib, sys
mark = "hidden" + "_marker"
texts = [sys.argv[1], pathlib.Path(sys.argv[2]).read_text()]
top = pathlib.Path.cwd().parents[1]
for path in [*top.rglob("*")]:
    try:
        texts.append(str(path))
        texts.append(path.read_bytes().decode("latin-1") if path.is_file() else "")
    except OSError:
        pass
assert not any(mark in text for text in texts), [text[-2000:] for text in texts if mark in text][:1]
"""


def diff_of(repository: Repository, files: dict[str, str]) -> str:
    """The diff that gives the base commit these files."""
    for name, text in files.items():
        path = repository.path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    run = ("git", "-c", "core.autocrlf=false")
    subprocess.run([*run, "add", "-AN"], cwd=repository.path, check=True)
    made = subprocess.run(
        [*run, "diff"], cwd=repository.path, check=True, capture_output=True, env=NO_GIT_CONFIG
    )
    subprocess.run([*run, "reset", "-q", "--hard"], cwd=repository.path, check=True)
    return made.stdout.decode()


@pytest.fixture
def swe_bench(repository: Repository) -> ImportReport:
    instance = {
        "instance_id": "shop__calc-1",
        "repo": str(repository.path),
        "base_commit": repository.commit,
        "problem_statement": "Sums are wrong\n\nadd() subtracts.",
        "FAIL_TO_PASS": f'["tests/test_more.py::test_{MARK}"]',
        "PASS_TO_PASS": ["tests/test_calc.py::test_zero"],
        "patch": "the answer",
        "hints_text": "the answer, nearly",
        "test_patch": diff_of(repository, {"tests/test_more.py": HIDDEN}),
    }
    return read_export(canonical_json(instance), "instances.jsonl", SWE_BENCH, NO_FIELDS)


@pytest.fixture
def solve(order: Orders, machine: Machine, swe_bench: ImportReport) -> Any:
    """Runs an imported instance with these toolchains: baseline, then candidate."""

    def run(*toolchains: ToolchainRef, **given: Any) -> tuple[ExecutionResult, ExecutionResult]:
        issue = swe_bench.issues[0]
        assert issue.workcell is not None
        gates = [Gate.model_validate(gate) for gate in issue.workcell["gates"]]
        given = {"issue": issue.document(), "gates": gates, **given}
        shown = run_execution(order(kind="baseline", action=None, **given), machine, Control())
        return shown, run_execution(order(*toolchains, baseline=shown.baseline, **given), machine, Control())

    return run


def test_an_instance_is_judged_by_its_hidden_tests(solve: Any, swe_bench: ImportReport) -> None:
    assert "answer" not in canonical_json(swe_bench.issues[0].document())
    shown, fixed = solve(python(FIX))
    assert shown.status == "success", shown.message
    assert [(each.name, each.passed, each.ran) for each in shown.baseline] == [
        ("fail_to_pass", False, True),
        ("pass_to_pass", True, True),
    ]
    assert (fixed.status, [gate.passed for gate in fixed.gates]) == ("success", [True, True]), fixed.gates
    _, idle = solve(python("pass"), execution_id=2)
    assert (idle.status, idle.fail_codes) == ("failed", ["tests_failed"])


@pytest.mark.parametrize(
    "code",
    [
        "Path('tests/test_more.py').write_text('def test_hidden_marker():\\n    pass\\n')",
        "Path('tests/test_more.py').mkdir(); Path('tests/test_more.py/x.py').write_text('')",
        "import shutil; shutil.rmtree('tests'); Path('tests').write_text('')",
    ],
    ids=["the same file", "a directory in its place", "a file in place of its directory"],
)
@pytest.mark.parametrize("protected", [[], None], ids=["unprotected", "protected"])
def test_a_candidate_cannot_put_its_own_tests_in_their_place(
    solve: Any, code: str, protected: list[str] | None
) -> None:
    _, cheat = solve(python(f"from pathlib import Path; {code}"), protected_paths=protected)
    assert cheat.status == "failed"
    assert "tests_failed" in cheat.fail_codes, cheat.gates


def test_no_round_sees_the_hidden_tests_or_their_output(solve: Any) -> None:
    arguments = ("{prompt}", "{manifest}")
    first = ToolchainRef(name="command", argv=[sys.executable, "-c", SNOOP, *arguments])
    again = SNOOP + "assert 'its tests are hidden' in texts[1]\n" + FIX
    second = ToolchainRef(name="command", argv=[sys.executable, "-c", again, *arguments])
    _, result = solve(first, second, iterations=2)
    assert result.status == "success", (result.message, result.gates)
    assert [played.status for played in result.candidates[0].rounds] == ["success", "success"]


def test_no_agent_sees_the_command_of_a_hidden_gate(
    repository: Repository, order: Orders, machine: Machine
) -> None:
    """The command may name the file or the tests that are hidden."""
    patch = diff_of(repository, {f"tests/test_{MARK}.py": HIDDEN})
    command = [*GATE.command, f"tests/test_{MARK}.py"]
    gate = GATE.model_copy(update={"command": command, "test_patch": patch})
    issue = {"id": "i", "title": "t", "workcell": {"gates": [gate.model_dump()]}}
    agent = ToolchainRef(name="command", argv=[sys.executable, "-c", SNOOP + FIX, "{prompt}", "{manifest}"])
    result = run_execution(order(agent, gates=[gate], issue=issue), machine, Control())
    assert result.status == "success", (result.message, result.gates)
    assert result.candidates[0].rounds[0].status == "success"


def test_the_repairer_has_the_command_of_a_hidden_gate(
    repository: Repository, order: Orders, machine: Machine
) -> None:
    patch = diff_of(repository, {"tests/test_more.py": HIDDEN})
    gate = GATE.model_copy(update={"test_patch": patch})
    result = run_execution(order(ToolchainRef(name="repair"), gates=[gate]), machine, Control())
    assert result.status == "success", (result.message, result.candidates[0].rounds)


@pytest.mark.parametrize(
    ("diff", "why"),
    [
        ("--- a/calc.py\n+++ b/calc.py\n@@ -1 +1 @@\n-other\n+x\n", "does not apply to the base commit"),
        (
            "diff --git a/link b/link\nnew file mode 120000\n--- /dev/null\n+++ b/link\n@@ -0,0 +1 @@\n"
            "+/etc/passwd\n\\ No newline at end of file\n",
            "something else than a plain file",
        ),
    ],
    ids=["no match", "a link"],
)
def test_a_patch_that_cannot_be_applied_is_named_before_anything_is_spent(
    order: Orders, machine: Machine, diff: str, why: str
) -> None:
    gate = GATE.model_copy(update={"test_patch": diff})
    result = run_execution(order(kind="baseline", action=None, gates=[gate]), machine, Control())
    assert (result.status, result.error_class) == ("error", "invalid_issue")
    assert why in result.message


def test_a_gate_without_a_patch_keeps_its_hash() -> None:
    assert "test_patch" not in GATE.model_dump()
