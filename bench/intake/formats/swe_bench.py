"""SWE-bench instances, JSON lines: each is an issue with a workcell of its own.

Repository and base commit are the instance's. FAIL_TO_PASS and PASS_TO_PASS become a required gate each, which applies
the instance's test patch. The reference patch, hints and later commits hold the answer and are not stored.
"""

import json
import re
from typing import Any, Final

from bench.intake.formats.base import Converted, Format, Json, NoIssueError, Warn, only_given, text_at
from workers.addresses import is_path
from workers.spec import Workcell

_LISTS: Final = (("FAIL_TO_PASS", "fail_to_pass"), ("PASS_TO_PASS", "pass_to_pass"))
_IMAGES: Final = ("image", "image_name", "docker_image")
_KEPT: Final = ("version", "difficulty", "language", "repo_language")
_GITHUB_NAME: Final = re.compile(r"[\w.-]+/[\w.-]+")
_PATCHED_FILE: Final = re.compile(r"^\+\+\+ b/(.+?)\t?$", re.MULTILINE)
_BARE_TEST: Final = re.compile(r"[A-Za-z_]\w*(?:\[.*\])?", re.DOTALL)
_GATE_SECONDS: Final = 1800
_LONGEST_TITLE: Final = 120


def _fits(record: Json) -> bool:
    return "instance_id" in record and "problem_statement" in record


def _convert(record: Json, warn: Warn) -> Converted:
    issue_id = text_at(record, "instance_id")
    if not issue_id:
        raise NoIssueError("no instance_id, which is the id")
    repo, base = text_at(record, "repo"), text_at(record, "base_commit")
    if not repo or not base:
        raise NoIssueError(f"{issue_id:.80}: no {'base_commit' if repo else 'repo'}")
    address, origin = _repository(repo)

    def note(text: str) -> None:
        warn(f"{issue_id}: {text}")

    workcell = {"repo": address, "base": base, "gates": _gates(record, note)}
    image = text_at(record, *_IMAGES)
    takes_image = "image" in Workcell.model_fields
    if image and takes_image:
        workcell["image"] = image
    elif image:
        note(f"image {image:.100}: workcells take no image; the config's set-up makes the environment")
    statement = text_at(record, "problem_statement") or ""
    return Converted(
        only_given(
            {
                "id": issue_id,
                "title": next((line.strip() for line in statement.splitlines() if line.strip()), issue_id)[
                    :_LONGEST_TITLE
                ],
                "description": statement,
                "created_at": record.get("created_at"),
                "workcell": only_given(workcell),
                "image": None if takes_image else image,
                **{key: record.get(key) for key in _KEPT},
            }
        ),
        origin,
    )


def _repository(repo: str) -> tuple[str, str | None]:
    """The address of a repository, and what it is called; `owner/name` is one of GitHub."""
    if _GITHUB_NAME.fullmatch(repo) and not repo.startswith("."):
        return f"https://github.com/{repo}", f"github.com/{repo}"
    return repo, None if is_path(repo) else repo


def _gates(record: Json, note: Warn) -> list[Json]:
    """One gate a list of tests."""
    patch = text_at(record, "test_patch") or ""
    gates = []
    for key, name in _LISTS:
        tests = _tests(record.get(key, record.get(name)), key, note)
        identified = _with_files(tests, patch)
        if identified is None:
            note(
                f"{key}: {_unknown(tests)!r:.80} is no test id of pytest, so no gate is made of it; "
                "set workcell.gates in the config"
            )
        elif identified:
            files = list(dict.fromkeys(test.partition("::")[0] for test in identified))
            gate = {
                "name": name,
                "command": ["python", "-m", "pytest", "-q", *files],
                "required": True,
                "timeout_seconds": _GATE_SECONDS,
                name: identified,
            }
            gates.append({**gate, "test_patch": patch} if patch.strip() else gate)
    if not gates:
        note("no gate from FAIL_TO_PASS or PASS_TO_PASS; the config's gates judge it")
    return gates


def _tests(value: Any, key: str, note: Warn) -> list[str]:
    """A list of ids, or the JSON text of one."""
    if isinstance(value, str):
        try:
            value = json.loads(value) if value.strip() else []
        except (ValueError, RecursionError):
            note(f"{key}: not a JSON list; left out")
            return []
    if value is None:
        return []
    if not isinstance(value, list):
        note(f"{key}: not a list; left out")
        return []
    tests = [entry for entry in value if isinstance(entry, str) and entry.strip()]
    if len(tests) < len(value):
        note(f"{key}: {len(value) - len(tests)} entries are not text; left out")
    return list(dict.fromkeys(tests))


def _with_files(tests: list[str], patch: str) -> list[str] | None:
    """The ids, each with its file; None where one is no id of pytest.

    The bare name of a function is one of the only test file that the patch has.
    """
    files = [name for name in dict.fromkeys(_PATCHED_FILE.findall(patch)) if name.endswith(".py")]
    identified = []
    for test in tests:
        if _is_identified(test):
            identified.append(test)
        elif len(files) == 1 and _BARE_TEST.fullmatch(test):
            identified.append(f"{files[0]}::{test}")
        else:
            return None
    return identified


def _is_identified(test: str) -> bool:
    file, colons, _ = test.partition("::")
    return bool(colons) and file.endswith(".py") and not file.startswith(("-", "/"))


def _unknown(tests: list[str]) -> str:
    return next((test for test in tests if not _is_identified(test)), "")


SWE_BENCH: Final = Format("swe-bench", "SWE-bench instances", _convert, _fits)
