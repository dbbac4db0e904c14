"""Dataset cards of label exports: `README.md` with the YAML front matter that Hugging Face `datasets` reads."""

from pathlib import Path
from typing import Any, Final

import yaml

from planner.dataset.outcome_columns import (
    OUTCOME_COLUMNS,
    OUTCOMES_FILE,
    PARTS,
    PARTS_DIRECTORY,
    column_lines,
)

CARD: Final = "README.md"
EXAMPLES_FILE: Final = "best_of_k_dataset.parquet"
_MARK: Final = "<!-- Written by bench labels. -->"
_EXAMPLE_COLUMNS: Final = ("issue_id", "run_id", "bench_id", "created_at", "input_hash", "example")
"""All of them are texts."""
Json = dict[str, Any]


def card_text(*, in_parts: bool) -> str:
    """The card of a directory: of a whole export, or `in_parts` of an incremental one."""
    front = yaml.safe_dump(_front_matter(in_parts), sort_keys=False, allow_unicode=True)
    return f"---\n{front}---\n\n{_MARK}\n\n{_body(in_parts)}"


def is_replaceable(path: Path) -> bool:
    """Whether `path` is missing or a card; any other README is left as it is."""
    try:
        return _MARK in path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return True
    except (OSError, UnicodeDecodeError):
        return False


def _front_matter(in_parts: bool) -> Json:
    outcomes: Json = {
        "config_name": "outcomes",
        "data_files": f"{PARTS_DIRECTORY}/{PARTS}" if in_parts else OUTCOMES_FILE,
        "default": True,
    }
    examples: Json = {"config_name": "examples", "data_files": EXAMPLES_FILE}
    features = [_feature(column.name, column.type) for column in OUTCOME_COLUMNS]
    info: list[Json] = [{"config_name": "outcomes", "features": features}]
    if not in_parts:
        texts = [_feature(name, "string") for name in _EXAMPLE_COLUMNS]
        info.append({"config_name": "examples", "features": texts})
    return {
        "pretty_name": "Best-of-K labels of coding agents",
        "configs": [outcomes] if in_parts else [outcomes, examples],
        "dataset_info": info,
    }


def _feature(name: str, kind: str) -> Json:
    return {"name": name, "list": "string"} if kind == "list<string>" else {"name": name, "dtype": kind}


def _body(in_parts: bool) -> str:
    examples = "" if in_parts else _EXAMPLES
    rows = "\n".join(column_lines(OUTCOME_COLUMNS))
    return f"""# Best-of-K labels

Several actions (topology and budgets of a coding agent) were executed on each issue, each with a known inclusion
probability, and judged by the issue's gates. Exported by `bench labels`.

- `outcomes`: one row an executed action, also of cases that no action solved
{examples}
Rows of several policy epochs (`epoch`), or of several versions of a toolchain (`toolchain_versions`), are not
comparable without care.

## Columns of `outcomes`

| column | type | null | meaning |
| --- | --- | --- | --- |
{rows}
"""


_EXAMPLES: Final = (
    "- `examples`: one row a case with a winner; `example` is a `cyntra.best_of_k_example.v1` document\n"
)
