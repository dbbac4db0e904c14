"""The `stream` block: how much runs at once, how long an issue waits, what is tried now and then."""

from typing import Annotated

from pydantic import Field

from planner.documents.base import Priority
from workers.spec import Positive, Strict

_EXPLORED: tuple[Priority, ...] = ("P3",)
AtLeastOne = Annotated[int, Field(ge=1, le=2**31 - 1)]


class Patience(Strict):
    """How waiting raises an issue."""

    step_hours: Positive = 8.0
    """Each of these raises the priority by one."""
    starving_hours: Positive = 24.0
    """From then on the issue is P0 and ahead of all that have waited less."""


class Exploration(Strict):
    """ε-greedy over actions that ask for no more than the baseline."""

    enabled: bool = False
    epsilon: Annotated[float, Field(ge=0, le=1)] = 0.1
    epoch_seed: str = "1"
    """Another seed draws anew for the same inputs."""
    priorities: list[Priority] = Field(default_factory=lambda: list(_EXPLORED))
    tags: list[str] = Field(default_factory=lambda: ["lab:planner_explore"])
    """Issues of these priorities, or with one of these tags, may be explored."""


class StreamSettings(Strict):
    """What `bench run` keeps to."""

    max_concurrent_workcells: AtLeastOne = 3
    max_attempts: AtLeastOne = 3
    """Runs of an issue, with those it came with, before it waits for a person."""
    token_budget: AtLeastOne | None = None
    """Most tokens that running work may be estimated to take, by `dk_estimated_tokens`."""
    require_same_epoch: bool = False
    """A model that was trained under other rules, gates or toolchains than this config's does not decide."""
    patience: Patience = Patience()
    exploration: Exploration = Exploration()
