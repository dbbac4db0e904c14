"""A decision as the hot path makes it: the names of `cyntra.planner_action.v1`, without pydantic."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from planner.actions import Action

SCHEMA_VERSION: Final = "cyntra.planner_action.v1"
_OPTIONAL: Final = ("probs", "confidence", "reason", "model", "input_hash")


@dataclass(frozen=True, slots=True)
class PlannerAction:
    """One decision; where it abstains, the action is the baseline's and `reason` says why."""

    action: Action
    created_at: str
    abstain_to_default: bool
    reason: str | None = None
    """Why it abstains, or which caps lowered a budget; None for a decision as the model made it."""
    confidence: float | None = None
    """Probability of the model's choice, as the geometric mean over the four heads."""
    probs: Mapping[str, list[float]] | None = None
    """Probabilities by head, in the order of the action space; what is not valid has exactly 0."""
    model: Mapping[str, str | None] | None = None
    """`checkpoint_id`, `version`, `git_sha` of the model that was asked."""
    input_hash: str | None = None
    """SHA-256 of the planner_input; None where it was no JSON."""

    @property
    def swarm_id(self) -> str:
        """The swarm of the action."""
        return self.action.swarm_id

    @property
    def budgets(self) -> dict[str, int | str]:
        """The three budgets by their names in the document."""
        _, candidates, minutes, iterations = self.action
        return {
            "max_minutes_bin": minutes,
            "max_candidates_bin": candidates,
            "max_iterations_bin": iterations,
        }

    def document(self) -> dict[str, Any]:
        """The JSON form; optional fields without a value stay away."""
        given = {name: value for name in _OPTIONAL if (value := getattr(self, name)) is not None}
        return {
            "schema_version": SCHEMA_VERSION,
            "created_at": self.created_at,
            "swarm_id": self.swarm_id,
            "budgets": self.budgets,
            "abstain_to_default": self.abstain_to_default,
            **given,
        }
