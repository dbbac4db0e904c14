"""All that decides what a training run ends with, apart from the data."""

from dataclasses import asdict, dataclass, field
from math import isfinite
from typing import Any, Final, Literal

from planner.canonical import sha256_json
from planner.errors import PlannerError
from planner.policies.outcome_choice import DecisionWeights
from planner.training.networks.network import Kind, NetworkConfig

Device = Literal["cpu", "cuda"]
_POSITIVE: Final = ("epochs", "batch_size", "learning_rate", "patience", "clip", "threads")
_NOT_NEGATIVE: Final = ("least_learning_rate", "weight_decay", "min_examples", "min_agreement")


@dataclass(frozen=True, slots=True)
class TrainingConfig:
    """The same configuration, data and versions give the same weights."""

    kind: Kind = "mlp"
    network: NetworkConfig = field(default_factory=NetworkConfig)
    seed: int = 0
    epochs: int = 100
    """At most; `patience` epochs without a better validation loss end it earlier."""
    patience: int = 10
    batch_size: int = 64
    learning_rate: float = 1e-4
    least_learning_rate: float = 1e-6
    """Where the cosine ends."""
    weight_decay: float = 0.01
    clip: float = 1.0
    """Largest norm of the gradient."""
    smoothing: float = 0.1
    """Share of a label that is spread over all valid classes."""
    head_weights: tuple[float, float, float, float] = (1.0, 1.0, 1.0, 1.0)
    class_weights: bool = False
    """Weigh rare classes up, by the inverse of how often they are labels."""
    propensity_weights: bool = False
    """Weigh executions of an outcome model by the inverse of their propensity."""
    shuffle_labels: bool = False
    """A control: what is learnt once inputs and labels have nothing to do with each other."""
    min_examples: int = 500
    min_agreement: float = 0.8
    decision: DecisionWeights = field(default_factory=DecisionWeights)
    """How an outcome model's policy weighs what it predicts."""
    threads: int = 2
    device: Device = "cpu"

    def document(self) -> dict[str, Any]:
        """The JSON form."""
        return asdict(self) | {"head_weights": list(self.head_weights)}

    def fingerprint(self) -> str:
        """Hash of all settings."""
        return sha256_json(self.document())

    def checked(self) -> "TrainingConfig":
        """The configuration itself; a `PlannerError` where a number cannot be."""
        for name in (*_POSITIVE, *_NOT_NEGATIVE):
            value = getattr(self, name)
            if not isfinite(value) or value < 0 or (value == 0 and name in _POSITIVE):
                least = "above 0" if name in _POSITIVE else "0 or more"
                raise PlannerError(f"{name.replace('_', ' ')} must be {least}, not {value}")
        self.decision.checked()
        if not 0 <= self.smoothing < 1:
            raise PlannerError(f"smoothing must be from 0 to below 1, not {self.smoothing}")
        if not 0 <= self.seed < 2**32:
            raise PlannerError(f"seed must be from 0 to 2**32 - 1, not {self.seed}")
        return self
