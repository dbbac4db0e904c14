"""The decision type of the hot path: the fields of `cyntra.planner_action.v1`, without pydantic."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from planner.actions import Action, Bin

SCHEMA_VERSION: Final = "cyntra.planner_action.v1"
_OPTIONAL: Final = ("probs", "confidence", "reason", "model", "input_hash")


@dataclass(frozen=True, slots=True)
class PlannerAction:
    """One decision; on abstention the action is the baseline's and `reason` is set."""

    action: Action
    created_at: str
    abstain_to_default: bool
    reason: str | None = None
    """Reason of the abstention, or the caps that lowered a budget; None for an unchanged decision of the model."""
    confidence: float | None = None
    """Confidence of the model's choice in 0..1: the geometric mean of its probability over the four heads."""
    probs: Mapping[str, list[float]] | None = None
    """Marginal probabilities by head, in the order of the action space; 0 for an invalid class."""
    model: Mapping[str, str | None] | None = None
    """`checkpoint_id`, `version` and `git_sha` of the model."""
    input_hash: str | None = None
    """SHA-256 digest of the planner_input; None where it is not JSON."""
    outcomes: Any = field(default=None, compare=False, repr=False)
    """Predicted outcomes (240, 5) of an outcome model, for `predicted_outcomes`; not part of the document."""

    @property
    def swarm_id(self) -> str:
        """The swarm of the action."""
        return self.action.swarm_id

    @property
    def max_candidates_bin(self) -> Bin:
        """The number of candidates of the action."""
        return self.action.max_candidates_bin

    @property
    def max_minutes_bin(self) -> Bin:
        """The minutes of a candidate of the action."""
        return self.action.max_minutes_bin

    @property
    def max_iterations_bin(self) -> Bin:
        """The rounds of a candidate of the action."""
        return self.action.max_iterations_bin

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
        """The JSON form, without optional fields that have no value."""
        given = {name: value for name in _OPTIONAL if (value := getattr(self, name)) is not None}
        return {
            "schema_version": SCHEMA_VERSION,
            "created_at": self.created_at,
            "swarm_id": self.swarm_id,
            "budgets": self.budgets,
            "abstain_to_default": self.abstain_to_default,
            **given,
        }

    def to_dict(self) -> dict[str, Any]:
        """Alias of `document`, by the name that kernels call."""
        return self.document()
