"""The `stream` block of a config: concurrency, aging, exploration, landing, and the write-back of results."""

from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from bench.config.author import parse_author
from planner.documents.base import Priority
from workers.field_types import Positive
from workers.spec import Strict


def _author(text: str) -> str:
    parse_author(text)
    return text


def _branch(name: str) -> str:
    if name.startswith(("-", "/")) or any(sign in name for sign in (" ", "..", "~", "^", ":", "\\", "@{")):
        raise ValueError("is no branch; write its name, such as main")
    return name


_EXPLORED: tuple[Priority, ...] = ("P3",)
AtLeastOne = Annotated[int, Field(ge=1, le=2**31 - 1)]


def _word(value: object) -> object:
    # A YAML reader takes these two words for truth values.
    return {True: "on", False: "off"}[value] if isinstance(value, bool) else value


ReportSwitch = Annotated[Literal["off", "dry", "on"], BeforeValidator(_word)]


class PatienceConfig(Strict):
    """Priority aging: how waiting time raises the priority of an issue."""

    step_hours: Positive = 8.0
    """Hours that raise the priority by one."""
    starving_hours: Positive = 24.0
    """Hours from which the issue is P0 and precedes all that have waited less."""


class ExplorationConfig(Strict):
    """ε-greedy exploration over actions that use at most the budgets of the baseline."""

    enabled: bool = False
    epsilon: Annotated[float, Field(ge=0, le=1)] = 0.1
    epoch_seed: str = "1"
    """Seed of the draws; another seed gives independent draws for the same inputs."""
    priorities: list[Priority] = Field(default_factory=lambda: list(_EXPLORED))
    tags: list[str] = Field(default_factory=lambda: ["lab:planner_explore"])
    """Issues of these priorities, or with any of these tags, are eligible."""


class StreamSettings(Strict):
    """Limits and policies of `bench run`."""

    max_concurrent_workcells: AtLeastOne = 3
    max_attempts: AtLeastOne = 3
    """Runs of an issue, including `dk_attempts` of its import, before it waits for a person."""
    token_budget: AtLeastOne | None = None
    """Upper bound of the estimated tokens (`dk_estimated_tokens`) of all open runs together."""
    require_same_epoch: bool = False
    """Whether a model of another policy epoch than this config's abstains."""
    report: ReportSwitch = "off"
    """Whether final results are written to the sources of their issues; dry: only printed."""
    report_closes: bool = False
    """Whether a solved issue on GitHub is closed, in addition to its comment."""
    land: Literal["none", "branch", "pr", "merge"] = "none"
    """How a solved issue is delivered: not at all, as a commit on `bench/<issue>`, with a pull request, or merged into
    the target branch after its gates pass on the merge result."""
    land_target: Annotated[str, Field(min_length=1), AfterValidator(_branch)] | None = None
    """The branch to merge into; None: the branch that `workcell.base` names."""
    land_author: Annotated[str, AfterValidator(_author)] | None = None
    """Author and committer of landed commits, as `Name <address>`; None: Git's `user.name` and `user.email`."""
    patience: PatienceConfig = PatienceConfig()
    exploration: ExplorationConfig = ExplorationConfig()
