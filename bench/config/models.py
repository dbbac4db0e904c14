"""Pydantic models of the bench config (`cyntra.planner_bench.v1`)."""

from typing import Annotated, Any, Final, Literal, Self, get_args

from pydantic import AfterValidator, Field, GetPydanticSchema, field_validator, model_validator
from pydantic_core import core_schema

from bench.config.routing import Rule
from bench.config.stream import StreamSettings
from bench.config.trust import Trust
from bench.experiment.strategies.registry import STRATEGIES
from bench.intake.conditions import checked
from bench.intake.errors import IntakeError
from bench.intake.slices import filter_condition
from db.objectives import Objective, TieBreak
from planner.errors import PlannerError
from planner.host.aliases import without_aliases
from planner.host.config import PlannerConfig, read_planner_config
from workers.addresses import has_credential
from workers.field_types import (
    Command,
    Host,
    ImageReference,
    Patterns,
    Positive,
    Repository,
    SecondsPerMinute,
)
from workers.spec import Gate, GitOptions, ProviderOptions, Rates, Sandbox, Strict, ToolchainRef

NotNegative = Annotated[float, Field(ge=0, le=1e9, allow_inf_nan=False)]
Usd = Annotated[float, Field(ge=0, le=1e9)]
AtLeastOne = Annotated[int, Field(ge=1, le=2**31 - 1)]
StrategyName = Annotated[
    # A Literal of the registered strategies, so that its error message lists them.
    str, GetPydanticSchema(lambda _source, _handler: core_schema.literal_schema(list(STRATEGIES)))
]


class Filter(Strict):
    """A condition on a field of an issue: equal to a value, or to any value of a list."""

    field: str
    value: Any = None
    in_: Annotated[list[Any] | None, Field(alias="in")] = None

    @model_validator(mode="after")
    def _asks_one_thing(self) -> Self:
        if self.value is not None and self.in_ is not None:
            raise ValueError("give value or in, not both")
        if not self.model_fields_set & {"value", "in_"}:
            raise ValueError("give value (one, or {min, max}) or in (a list)")
        return self


class IssueSelection(Strict):
    """Which issues become cases."""

    source: str | None = None
    filters: list[Filter] = Field(default_factory=list)
    slice: str = "all"
    sample_size: Annotated[int, Field(ge=1)] | None = 100
    seed: int = 42

    @field_validator("filters")
    @classmethod
    def _name_fields(cls, filters: list[Filter]) -> list[Filter]:
        for number, entry in enumerate(filters):
            condition = filter_condition({"field": entry.field, "value": entry.value, "in": entry.in_})
            try:
                checked(condition, f"issue_selection.filters.{number}")
            except IntakeError as error:
                raise ValueError(str(error)) from error
        return filters


class ActionSampling(Strict):
    """The sampling of the arms of each case, and their replicates."""

    K: AtLeastOne = 4
    strategy: StrategyName = "coverage"
    include_baseline: bool = True
    include_executed: bool = True
    replicates: Annotated[int, Field(ge=1, le=1000)] = 1
    replicate_fraction: Annotated[float, Field(ge=0, le=1)] = 1.0
    seed: int = 42


class ExecutionLimits(Strict):
    """Caps and retries; null: no cap."""

    max_minutes_per_candidate: Positive | None = None
    max_total_minutes_per_issue: Positive | None = None
    max_retries: Annotated[int, Field(ge=0, le=10)] = 1
    pause_after_provider_failures: Annotated[int, Field(ge=0, le=1000)] = 3
    """In a row, of one capability class; 0: never."""
    timeout_behavior: Literal["mark_timeout", "skip"] = "mark_timeout"
    max_usd: Usd | None = None
    max_usd_per_issue: Usd | None = None
    max_minutes: NotNegative | None = None
    """Worker-minutes of all executions of the bench together."""
    max_executions: AtLeastOne | None = None


class Constraints(Strict):
    """The constraints of the winner selection."""

    all_required_gates_passed: Literal[True] = True
    """An arm that fails a required gate never wins. The key documents that in a config; it has no other value."""


class WinnerSelectionConfig(Strict):
    """The `winner_selection` block: objective and tie-breaks of the winner."""

    primary_objective: Objective = "minimize_duration"
    constraints: Constraints = Constraints()
    tie_break: list[TieBreak] = Field(default_factory=lambda: list(get_args(TieBreak)))


class OutputConfig(Strict):
    """The output directory and the contents of exported documents."""

    directory: str | None = None
    include_all_outcomes: bool = True
    include_traces: bool = False


def _no_credential(repo: str) -> str:
    if has_credential(repo):
        raise ValueError(
            "holds a user, password or token, which database and archives would keep; take it out and sign in as Git "
            "does, by a credential helper of the account or of a configuration named in BENCH_GIT_CONFIG"
        )
    return repo


class WorkcellDefaults(Strict):
    """`workers.spec.Workcell` with every key optional, because an issue may set the missing ones."""

    repo: Annotated[Repository, AfterValidator(_no_credential)] | None = None
    base: str | None = None
    known_good: Annotated[str, Field(min_length=1)] | None = None
    git: GitOptions | None = None
    setup: Command | None = None
    setup_timeout_seconds: Positive | None = None
    gates: list[Gate] | None = None
    protected_paths: Patterns | None = None
    further_protected_paths: Patterns | None = None
    toolchains: Annotated[list[ToolchainRef], Field(min_length=1)] | None = None
    tags: list[str] | None = None
    seconds_per_minute: SecondsPerMinute | None = None
    sandbox: Sandbox | None = None
    image: ImageReference | None = None
    rates: Rates | None = None
    default_candidates: Annotated[int, Field(ge=1, le=5)] | None = None
    default_iterations: Annotated[int, Field(ge=1, le=10)] | None = None
    flaky_reruns: Annotated[int, Field(ge=0, le=5)] | None = None
    max_output_bytes: Annotated[int, Field(ge=1024)] | None = None
    provider: ProviderOptions | None = None
    egress: list[Host] | None = None


_LATER_KEYS: Final = ("git", "known_good", "further_protected_paths", "provider", "egress", "image")
"""Keys of a workcell that were added later; left out of the config hash where they are not set."""


_LATER_STREAM_KEYS: Final = ("report", "report_closes", "land", "land_target", "land_author")
"""The same of the `stream` block, where they have their defaults."""


_PAUSE_BY_DEFAULT: Final = ExecutionLimits().pause_after_provider_failures
"""The database assumes the same where a stored config does not have the key."""


class BenchConfig(Strict):
    """The configuration of a bench or a stream."""

    schema_version: Literal["cyntra.planner_bench.v1"] = "cyntra.planner_bench.v1"
    issue_selection: IssueSelection = IssueSelection()
    action_sampling: ActionSampling = ActionSampling()
    execution_limits: ExecutionLimits = ExecutionLimits()
    winner_selection: WinnerSelectionConfig = WinnerSelectionConfig()
    output: OutputConfig = OutputConfig()
    workcell: WorkcellDefaults = WorkcellDefaults()
    trust: Trust = Trust()
    slices: dict[str, dict[str, Any]] = Field(default_factory=dict)
    prompt_frontier: str | None = None
    routing: list[Rule] = Field(default_factory=list)
    stream: StreamSettings = StreamSettings()
    planner: dict[str, Any] = Field(default_factory=lambda: {"enabled": False})

    @field_validator("planner")
    @classmethod
    def _name_keys(cls, planner: dict[str, Any]) -> dict[str, Any]:
        try:
            read_planner_config(planner)
            # Without aliases: flags and paths are laid over one form of each key.
            return dict(without_aliases(planner, "planner"))
        except PlannerError as error:
            raise ValueError(str(error)) from error

    @property
    def planner_config(self) -> PlannerConfig:
        """The parsed `planner` block."""
        return read_planner_config(self.planner)

    @field_validator("slices")
    @classmethod
    def _name_fields(cls, slices: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
        conditions, problems = {}, []
        for name, definition in slices.items():
            try:
                conditions[name] = checked(definition, f"slices.{name}")
            except IntakeError as error:
                problems.append(str(error))
        if problems:
            raise ValueError("\n".join(problems))
        return conditions

    def document(self) -> dict[str, Any]:
        """The resolved config of a bench as JSON-able data, for storage and the config hash.

        Blocks that only a stream reads are left out, because they change no bench.
        """
        return self._document(leave_out={"routing", "stream", "planner"})

    def stream_document(self) -> dict[str, Any]:
        """The resolved config of a stream as JSON-able data, all blocks included."""
        return self._document(leave_out=set())

    def _document(self, leave_out: set[str]) -> dict[str, Any]:
        # Backward compatible: a config without a later key keeps the hash that it had before the key existed.
        excluded: dict[str, Any] = dict.fromkeys(leave_out, True)
        if self.trust == Trust():
            excluded["trust"] = True
        if self.prompt_frontier is None:
            excluded["prompt_frontier"] = True
        if self.execution_limits.pause_after_provider_failures == _PAUSE_BY_DEFAULT:
            excluded["execution_limits"] = {"pause_after_provider_failures"}
        excluded["workcell"] = {key for key in _LATER_KEYS if getattr(self.workcell, key) is None}
        if "stream" not in leave_out:
            defaults = StreamSettings()
            excluded["stream"] = {
                key for key in _LATER_STREAM_KEYS if getattr(self.stream, key) == getattr(defaults, key)
            }
        return self.model_dump(mode="json", by_alias=True, exclude=excluded)
