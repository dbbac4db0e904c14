"""Input files of a toolchain: `prompt.md` for a language model, `manifest.json` for a program."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from workers.gates.protection import default_patterns
from workers.patterns import only_adding
from workers.result import GateResult, RoundResult
from workers.spec import Gate, Workcell, WorkOrder

_MOST_SIGNS: Final = 65_536
"""The longest text of an issue in a prompt, in characters: some 16,000 tokens."""


_SECRET_KEYS: Final = frozenset(
    {"command", "test_patch", "fail_to_pass", "pass_to_pass", "FAIL_TO_PASS", "PASS_TO_PASS"}
)
_HIDDEN_OUTPUT: Final = "its tests are hidden, and so is their output"


def feedback(
    played: RoundResult, results: Sequence[GateResult], gates: Sequence[Gate]
) -> list[dict[str, Any]]:
    """Feedback of a round to the next one: the toolchain's own failure, and every failing gate.

    The output of a gate with hidden tests would show them.
    """
    hidden = {gate.name for gate in gates if gate.is_hidden}
    failures: list[dict[str, Any]] = []
    if played.status not in ("success", "partial"):
        failures.append({"toolchain": played.toolchain, "status": played.status, "message": played.message})
    for gate in results:
        if not gate.passed:
            output = _HIDDEN_OUTPUT if gate.name in hidden else gate.output_tail
            failures.append({"gate": gate.name, "fail_codes": gate.fail_codes, "output_tail": output})
    return failures


def manifest(
    order: WorkOrder, number: int, seed: int, budget_seconds: float, feedback: Sequence[dict[str, Any]]
) -> dict[str, Any]:
    """The content of `manifest.json`; commands are argument lists. A gate with hidden tests has none."""
    return {
        "issue": _without_answers(order.issue),
        "gates": [_shown_gate(gate.model_dump()) for gate in order.workcell.gates],
        "protected_paths": protected_paths(order),
        "round": number,
        "feedback": list(feedback),
        "seed": seed,
        "budget_seconds": budget_seconds,
    }


def hidden_commands(gates: Sequence[Gate]) -> dict[str, tuple[str, ...]]:
    """By gate, the commands that `manifest.json` does not show."""
    return {gate.name: tuple(gate.command) for gate in gates if gate.is_hidden}


def _without_answers(issue: dict[str, Any]) -> dict[str, Any]:
    """The issue without hidden tests, and without the commit that holds the fix, which a candidate could fetch."""
    workcell = issue.get("workcell")
    if not isinstance(workcell, dict):
        return issue
    shown = {key: value for key, value in workcell.items() if key != "known_good"}
    if isinstance(gates := shown.get("gates"), list):
        shown["gates"] = [_shown_gate(gate) if isinstance(gate, dict) else gate for gate in gates]
    return {**issue, "workcell": shown}


def _shown_gate(gate: dict[str, Any]) -> dict[str, Any]:
    """A gate as candidates see it: of hidden tests neither the files nor the names, which its command may have, too."""
    if not gate.get("test_patch"):
        return gate
    return {key: value for key, value in gate.items() if key not in _SECRET_KEYS}


def protected_paths(order: WorkOrder) -> list[str]:
    """The config's protected paths, or the repository's own, and the issue's forbidden ones, as patterns of .gitignore.

    A `!` of the config allows a path; an issue can only add protection.
    """
    cell = order.workcell
    paths = default_patterns(cell.gates, ()) if cell.protected_paths is None else cell.protected_paths
    forbidden = order.issue.get("forbidden_paths") or []
    added = (only_adding(path) for path in forbidden if isinstance(path, str))
    return [*paths, *cell.further_protected_paths, *added]


def prompt(order: WorkOrder, number: int, feedback: Sequence[dict[str, Any]]) -> str:
    """The text of `prompt.md`."""
    issue = order.issue
    parts = [f"# {issue.get('title') or issue.get('id') or 'Issue'}", _bounded(issue.get("description"))]
    for title, name in (("Design", "design"), ("Notes", "notes")):
        text = _bounded(issue.get(name))
        parts += [f"## {title}", text] if text else []
    parts += _listed("Acceptance criteria", issue.get("acceptance_criteria"))
    parts += _listed("Files to look at first", issue.get("context_files"))
    parts += _listed("Do not change", protected_paths(order))
    parts += ["## How it is checked", *(_gate(gate) for gate in order.workcell.gates)]
    if number > 1:
        parts.append(f"## What the checks said of round {number - 1}")
        parts += [_feedback_text(each) for each in feedback]
    return "\n\n".join(part.strip() for part in parts if part.strip()) + "\n"


def rendered_sample() -> str:
    """Prompt and feedback of a fixed order, with every section: equal as long as agents are asked in the same words.

    For digests of the prompt, which must not change with a comment in this file.
    """
    gates = [
        Gate(name="tests", command=["pytest", "-q"]),
        Gate(name="lint", command=["lint"], required=False),
    ]
    issue = {
        "id": "issue-1",
        "title": "Title",
        "description": "Description",
        "design": "Design",
        "notes": "Notes",
        "acceptance_criteria": ["criterion"],
        "context_files": ["a.py"],
        "forbidden_paths": ["b.py"],
    }
    order = WorkOrder(
        execution_id=0,
        attempt=0,
        lease_token="",
        lease_seconds=0,
        kind="arm",
        bench_id="",
        issue=issue,
        job_type="code",
        workcell=Workcell(repo="/repository", base="0" * 40, gates=gates),
    )
    failed_gate = {"gate": "tests", "fail_codes": ["test_failed"], "output_tail": "output"}
    failed_tool = {"toolchain": "tool", "status": "timeout", "message": "message"}
    return prompt(order, 1, []) + prompt(order, 2, [failed_tool, failed_gate])


def _bounded(text: object) -> str:
    """A text of the issue, cut at `_MOST_SIGNS` characters."""
    whole = str(text or "").strip()
    if len(whole) <= _MOST_SIGNS:
        return whole
    return f"{whole[:_MOST_SIGNS]}\n\n[cut here: {len(whole)} characters; manifest.json has all of them]"


def write(directory: Path, text: str, document: dict[str, Any]) -> tuple[Path, Path]:
    """Both files in the round's fresh directory; returns their paths."""
    prompt_file, manifest_file = directory / "prompt.md", directory / "manifest.json"
    prompt_file.write_text(text, encoding="utf-8", errors="replace")
    manifest_file.write_text(json.dumps(document, ensure_ascii=True, indent=1), encoding="ascii")
    return prompt_file, manifest_file


def _listed(title: str, values: object) -> list[str]:
    if isinstance(values, str) and values.strip():
        return [f"## {title}", values]
    if not isinstance(values, list) or not values:
        return []
    return [f"## {title}", "\n".join(f"- {value}" for value in values)]


def _gate(gate: Gate) -> str:
    needed = "required" if gate.required else "optional"
    if gate.is_hidden:
        return f"- hidden tests ({gate.name}, {needed})"
    return f"- `{' '.join(gate.command)}` ({gate.name}, {needed})"


def _feedback_text(each: dict[str, Any]) -> str:
    if "gate" in each:
        codes = ", ".join(each["fail_codes"])
        tail = each["output_tail"].replace("```", "'''")
        return f"Gate {each['gate']} failed ({codes}):\n\n```\n{tail}\n```"
    return f"The previous round ended as {each['status']}: {each['message']}"
