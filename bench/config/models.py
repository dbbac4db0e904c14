"""The bench config (`cyntra.planner_bench.v1`), as pydantic models."""

from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from bench.intake.errors import IntakeError
from bench.intake.conditions import checked
from workers.spec import Command, Gate, Positive, Rates, Sandbox, Strict, ToolchainRef

NotNegative = Annotated[float, Field(ge=0)]
AtLeastOne = Annotated[int, Field(ge=1)]
TieBreak = Literal["lower_max_candidates", "lower_max_minutes", "action_tuple_lexicographic"]


class Filter(Strict):
    """One condition on a field of an issue: a value, or any of a list."""

    field: str
    value: Any = None
    in_: Annotated[list[Any] | None, Field(alias="in")] = None


class IssueSelection(Strict):
    """Which issues become cases."""

    source: str | None = None
    filters: list[Filter] = []
    slice: str = "all"
    sample_size: Annotated[int, Field(ge=1)] | None = 100
    seed: int = 42


class ActionSampling(Strict):
    """Which arms each case draws."""

    K: AtLeastOne = 4
    strategy: Literal["deterministic", "random", "coverage", "anchor"] = "coverage"
    include_baseline: bool = True
    include_executed: bool = True
    replicates: Annotated[int, Field(ge=1, le=1000)] = 1
    replicate_fraction: Annotated[float, Field(ge=0, le=1)] = 1.0
    seed: int = 42


class ExecutionLimits(Strict):
    """Caps and retries. null is no cap."""

    max_minutes_per_candidate: Positive | None = None
    max_total_minutes_per_issue: Positive | None = None
    max_retries: Annotated[int, Field(ge=0, le=10)] = 1
    timeout_behavior: Literal["mark_timeout", "skip"] = "mark_timeout"
    max_usd: NotNegative | None = None
    max_usd_per_issue: NotNegative | None = None
    max_minutes: NotNegative | None = None
    """Worker-minutes of the whole bench."""
    max_executions: AtLeastOne | None = None


class Constraints(Strict):
    """What an arm must satisfy to win."""

    all_required_gates_passed: bool = True


class WinnerSelection(Strict):
    """How the winner of a case is chosen."""

    primary_objective: Literal["minimize_duration", "minimize_cost", "maximize_quality"] = "minimize_duration"
    constraints: Constraints = Constraints()
    tie_break: list[TieBreak] = ["lower_max_candidates", "lower_max_minutes", "action_tuple_lexicographic"]


class Output(Strict):
    """Where documents are written."""

    directory: str | None = None
    include_all_outcomes: bool = True
    include_traces: bool = False


class WorkcellDefaults(Strict):
    """`workers.spec.Workcell` with every key optional: an issue may bring what is missing."""

    repo: str | None = None
    base: str | None = None
    setup: Command | None = None
    setup_timeout_seconds: Positive | None = None
    gates: list[Gate] | None = None
    protected_paths: list[str] | None = None
    toolchains: Annotated[list[ToolchainRef], Field(min_length=1)] | None = None
    tags: list[str] | None = None
    seconds_per_minute: Positive | None = None
    sandbox: Sandbox | None = None
    rates: Rates | None = None
    default_candidates: Annotated[int, Field(ge=1, le=5)] | None = None
    default_iterations: Annotated[int, Field(ge=1, le=10)] | None = None
    flaky_reruns: Annotated[int, Field(ge=0, le=5)] | None = None
    max_output_bytes: Annotated[int, Field(ge=1024)] | None = None


class BenchConfig(Strict):
    """One bench, as it is asked for."""

    schema_version: Literal["cyntra.planner_bench.v1"] = "cyntra.planner_bench.v1"
    issue_selection: IssueSelection = IssueSelection()
    action_sampling: ActionSampling = ActionSampling()
    execution_limits: ExecutionLimits = ExecutionLimits()
    winner_selection: WinnerSelection = WinnerSelection()
    output: Output = Output()
    workcell: WorkcellDefaults = WorkcellDefaults()
    slices: dict[str, dict[str, Any]] = {}

    @model_validator(mode="after")
    def _slices_name_fields(self) -> Self:
        for name, definition in self.slices.items():
            try:
                checked(definition, f"slices.{name}")
            except IntakeError as error:
                raise ValueError(str(error)) from error
        return self

    def document(self) -> dict[str, Any]:
        """The resolved config as JSON-able data: what is stored and hashed."""
        return self.model_dump(mode="json", by_alias=True)
