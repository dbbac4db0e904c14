"""The column schema of exported outcomes: one row an execution of an arm of a closed case."""

from collections.abc import Iterable
from typing import Final, Literal, NamedTuple

ColumnType = Literal["string", "bool", "int32", "int64", "float64", "timestamp[us, tz=UTC]", "list<string>"]
OUTCOMES_FILE: Final = "outcomes.parquet"
PARTS_DIRECTORY: Final = "outcomes"
PARTS: Final = "part-*.parquet"
DEFAULT_TOOLSET: Final = "default"


LATER_COLUMNS: Final = frozenset({"repo"})
"""Columns that files of earlier versions do not have."""


class OutcomeColumn(NamedTuple):
    """A column of the Parquet files."""

    name: str
    type: ColumnType
    nullable: bool
    about: str


def _column(name: str, kind: str, about: str) -> OutcomeColumn:
    """A column; a `?` after its type is for values that may be null."""
    known: dict[str, ColumnType] = {
        "string": "string",
        "bool": "bool",
        "int32": "int32",
        "int64": "int64",
        "float64": "float64",
        "time": "timestamp[us, tz=UTC]",
        "strings": "list<string>",
    }
    return OutcomeColumn(name, known[kind.removesuffix("?")], kind.endswith("?"), about)


OUTCOME_COLUMNS: Final = (
    _column("bench_id", "string", "Bench."),
    _column("case_id", "int64", "Case: one issue in one bench. The rows of a case are consecutive."),
    _column(
        "case_state", "string", "`finished`, or `cancelled`: then some arms may not have run, and nobody won."
    ),
    _column("run_id", "string", "`<bench_id>:<issue_id>`, as in the JSON."),
    _column("issue_id", "string", "Issue."),
    _column(
        "repo",
        "string?",
        "Repository that the case worked on, as in its archives, without credentials; null where it has none.",
    ),
    _column("job_type", "string", "Issue: `code`, `fab-asset` or `fab-world`."),
    _column("priority", "string", "Issue: `P0` to `P3`."),
    _column("risk", "string", "Issue: `low`, `medium`, `high` or `critical`."),
    _column("size", "string", "Issue: `XS`, `S`, `M`, `L` or `XL`."),
    _column("tags", "strings", "Issue: its tags."),
    _column("swarm_id", "string", "Action: topology."),
    _column("max_candidates", "int32?", "Action: candidates; null is `NA`, the configured default."),
    _column("max_minutes", "int32?", "Action: minutes a candidate; null is `NA`."),
    _column("max_iterations", "int32?", "Action: rounds a candidate; null is `NA`."),
    _column("toolset_id", "string", "Action: its toolset. A bench has one, `default`."),
    _column("canonical_rank", "int32", "Index of the action in the canonical order of all actions."),
    _column("is_baseline", "bool", "Whether the action is that of the heuristic baseline."),
    _column("execution_id", "int64", "Execution; unique in the files of a farm."),
    _column("attempt", "int32", "The attempt that the outcome is of."),
    _column("replicate", "int32", "Replicate of the arm, from 0."),
    _column(
        "derived", "bool", "Whether the outcome is computed from another execution. Always false: all ran."
    ),
    _column(
        "status", "string", "`success`, `failed`, `timeout`; or `error`, which is missing data, no failure."
    ),
    _column(
        "error_class",
        "string?",
        "Class of an `error`: `infra`, `provider`, `killed_by_cap`, `lost` or `invalid_issue`.",
    ),
    _column("all_gates_passed", "bool?", "Whether every required gate passed; null for an `error`."),
    _column("score", "float64?", "Mean score of the gates, 0 to 1; null where they report none."),
    _column("fail_codes", "strings", "Fail codes of the gates."),
    _column("duration_ms", "int64", "Wall clock, in milliseconds."),
    _column("provider_wait_ms", "int64", "The part of it that it waited for a failing model provider."),
    _column("budget_ms", "int64", "Worker time used, in milliseconds of planned minutes, all candidates."),
    _column("micro_usd", "int64?", "Cost in micro-dollars; null is unknown, which is not 0."),
    _column(
        "charged_micro_usd",
        "int64",
        "Charge in micro-dollars; an unknown cost is charged at its reservation.",
    ),
    _column("cost_source", "string", "`metered`, `reported`, `priced` or `unknown`."),
    _column("tokens_in", "int64?", "Input tokens of all rounds; null where a round did not report them."),
    _column("tokens_out", "int64?", "Output tokens, likewise."),
    _column("propensity", "float64", "Inclusion probability of the action, set before anything ran."),
    _column(
        "propensity_kind", "string", "`exact`, `estimated`, or `deterministic`: not for off-policy estimates."
    ),
    _column("is_winner", "bool?", "Whether the action won its case; null where the case has no verdict."),
    _column(
        "winner_weight",
        "float64?",
        "Soft label: probability of the action to be the best of its case; null where the case has no winner.",
    ),
    _column("objective", "string?", "Primary objective of the winner; null where the case has no verdict."),
    _column("tie_size", "int32?", "Arms that share the best pass rate and objective."),
    _column("k", "int32", "K of the bench."),
    _column("strategy", "string", "Sampling strategy of the bench."),
    _column("seed", "int64", "Sampling seed of the bench."),
    _column("sandbox", "string?", "Sandbox that the programs ran in; null where none ran."),
    _column(
        "toolchain_versions", "strings", "Toolchains that worked on it, each `name version`, or `name` alone."
    ),
    _column("recorded_at", "time", "When the outcome was recorded."),
    _column("decided_at", "time?", "When the case was closed."),
    _column("bench_config_hash", "string", "Hash of the whole config of the bench."),
    _column(
        "epoch", "string", "Policy epoch of the bench; see `toolchain_versions` for what it leaves open."
    ),
    _column("input_hash", "string", "Hash of `planner_input`."),
    _column("planner_input", "string", "The `cyntra.planner_input.v1` of the case, as JSON."),
)

_HEAD: Final = """# Columns of exported outcomes

Written from the code by `make docs`. `bench labels export` and `bench labels watch` write these Parquet columns, one
row an outcome: [datasets](../how-to/datasets.md#outcomes-as-columns). A later version may add columns.

| column | type | null | meaning |
| --- | --- | --- | --- |
"""


def columns_page() -> str:
    """The reference page of the columns."""
    return _HEAD + "".join(f"{line}\n" for line in column_lines(OUTCOME_COLUMNS))


def column_lines(columns: Iterable[OutcomeColumn]) -> list[str]:
    """The rows of a Markdown table of columns."""
    return [
        f"| `{name}` | {kind} | {'yes' if nullable else ''} | {about} |"
        for name, kind, nullable, about in columns
    ]
