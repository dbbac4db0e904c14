"""Types of a door: the gateway's entry for one candidate, with a budget, a token and a bill of its own."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal

PORT: Final = 8377
"""Of a door inside a network namespace of the candidate's own."""


@dataclass(frozen=True)
class DoorSpec:
    """Parameters of a door."""

    name: str
    """The candidate's workcell id, for records."""
    budget_micro_usd: int
    """What its calls may cost together."""
    upstreams: Mapping[str, str] = field(default_factory=dict)
    """Base URLs by provider name, in the convention of the provider's own clients."""
    models: frozenset[str] = frozenset()
    """Bare names, in lower case, of the models of the candidate's toolchains; empty: not known."""
    patience_seconds: float = 300.0
    stall_seconds: float = 120.0
    transcript: Path | None = None
    """Where requests and responses are recorded, keys and headers left out: JSON lines."""
    replay: Path | None = None
    """A transcript whose responses are served instead of the provider's."""


@dataclass(frozen=True)
class Bill:
    """Snapshot of what a door's calls cost so far."""

    micro_usd: int = 0
    """Settled: what the ended calls cost."""
    held_micro_usd: int = 0
    """Set aside for calls that are running."""
    calls: int = 0
    tokens_in: int = 0
    tokens_out: int = 0
    wait_ms: int = 0
    """Time spent waiting for a provider that failed, was overloaded or limited the rate."""
    refusal: str | None = None
    """Why a call was refused for money; the candidate is then stopped."""
    failure: str | None = None
    """The provider's error after the patience, or one that no retry mends; the candidate is then stopped."""
    trouble: str | None = None
    """The provider's last failure, while a call waits to be sent again."""
    problem: Literal["refused", "context_overflow"] | None = None
    """How the last ended call failed for reasons of the task; None where it did not."""
    denied: tuple[str, ...] = ()
    """Calls that are on no allow-list, each kind once: method, path and why."""
    upper_bound: bool = False
    """Whether a call without usage or with a cut stream was settled at its hold."""
