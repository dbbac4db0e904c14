"""Generator of the JSON Schema file of every document model.

`python -m planner.documents.schema_files` writes them; `--check` lists those that are out of date (exit code 1).
"""

import json
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from planner.documents.base import Closed, schema_version_of
from planner.documents.bench import BestOfKExample, PlannerBenchSummary
from planner.documents.planner_input import PlannerInput, RunSummary
from planner.documents.plans import ExecutedPlan, PlannerActionDocument, PlannerPolicyTrace

DOCUMENTS: Final[tuple[type[Closed], ...]] = (
    PlannerInput,
    PlannerActionDocument,
    ExecutedPlan,
    RunSummary,
    PlannerPolicyTrace,
    BestOfKExample,
    PlannerBenchSummary,
)
SCHEMA_DIRECTORY: Final = Path(__file__).parents[1] / "schemas"
_MODEL_NAME: Final = re.compile(r"\b(Issue|PlannerAction|WinnerSelection)Document\b")
"""Models whose class name differs from the name that readers of the schemas know."""


def schema_files() -> dict[str, str]:
    """Generate the text of each schema file, by its name `<schema_version>.json`."""
    files = {}
    for model in DOCUMENTS:
        schema = {
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            **_published_names(model.model_json_schema(by_alias=True)),
        }
        # A run of a history may leave its version out; a document that stands alone may not.
        schema["required"] = [
            name for name in schema["properties"] if name in {"schema_version", *schema["required"]}
        ]
        text = json.dumps(schema, indent=2, sort_keys=True, ensure_ascii=False)
        files[f"{schema_version_of(model)}.json"] = text + "\n"
    return files


def _published_names(schema: dict[str, Any]) -> dict[str, Any]:
    """`schema` with the published name of each model: `IssueDocument` is `Issue` there."""
    published: dict[str, Any] = json.loads(_MODEL_NAME.sub(r"\1", json.dumps(schema)))
    return published


def outdated(directory: Path = SCHEMA_DIRECTORY) -> list[str]:
    """Names of stale files: missing, different from the model, or without a model."""
    wanted = schema_files()
    present = {path.name: path.read_text(encoding="utf-8") for path in directory.glob("*.json")}
    return sorted(name for name in wanted.keys() | present.keys() if wanted.get(name) != present.get(name))


def main(arguments: Sequence[str]) -> int:
    """Write the files, or compare them. Returns 0 on success, 1 for stale files, 2 for a wrong argument."""
    if list(arguments) == ["--check"]:
        stale = outdated()
        if stale:
            sys.stdout.write(
                f"out of date: {', '.join(stale)}; run python -m planner.documents.schema_files\n"
            )
        return 1 if stale else 0
    if arguments:
        sys.stdout.write(f"unknown argument {arguments[0]}; known: --check\n")
        return 2
    SCHEMA_DIRECTORY.mkdir(exist_ok=True)
    wanted = schema_files()
    for path in SCHEMA_DIRECTORY.glob("*.json"):
        if path.name not in wanted:
            path.unlink()
    for name, text in wanted.items():
        (SCHEMA_DIRECTORY / name).write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
