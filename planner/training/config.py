"""Training hyperparameters: together with the data they determine the result."""

from dataclasses import asdict, dataclass, field
from math import isfinite
from typing import Any, Final, Literal

from planner.canonical import sha256_json
from planner.errors import PlannerError
from planner.policies.outcome_choice import DecisionWeights
from planner.training.networks.network import Kind, NetworkConfig

Device = Literal["cpu", "cuda"]
CalibrationMethod = Literal["temperature", "isotonic"]
_POSITIVE: Final = ("epochs", "batch_size", "learning_rate", "patience", "clip", "threads")
_NOT_NEGATIVE: Final = ("least_learning_rate", "weight_decay", "min_examples", "min_agreement")


@dataclass(frozen=True, slots=True)
class TrainingConfig:
    """Hyperparameters of a training run; training is deterministic given them, the data and the versions."""

    kind: Kind = "mlp"
    network: NetworkConfig = field(default_factory=NetworkConfig)
    seed: int = 0
    epochs: int = 100
    """Maximum number; early stopping may end training sooner."""
    patience: int = 10
    """Early stopping: epochs without a lower validation loss."""
    batch_size: int = 64
    learning_rate: float = 1e-4
    least_learning_rate: float = 1e-6
    """Final value of the cosine schedule."""
    weight_decay: float = 0.01
    clip: float = 1.0
    """Maximum gradient norm."""
    smoothing: float = 0.1
    """Label smoothing: share of a label that is spread over the valid classes."""
    head_weights: tuple[float, float, float, float] = (1.0, 1.0, 1.0, 1.0)
    class_weights: bool = False
    """Weigh classes by inverse label frequency."""
    propensity_weights: bool = False
    """Inverse propensity weighting of the executions of an outcome model."""
    shuffle_labels: bool = False
    """Control: train on permuted labels, which are independent of the inputs."""
    min_examples: int = 500
    min_agreement: float = 0.8
    decision: DecisionWeights = field(default_factory=DecisionWeights)
    """Utility weights of an outcome model's policy."""
    threads: int = 2
    device: Device = "cpu"
    calibration: CalibrationMethod = "temperature"
    """isotonic: also a curve, of P(pass) for an outcome model, else of the probability of the chosen action."""

    def document(self) -> dict[str, Any]:
        """The JSON form. A default of a later version is left out: a config keeps its digest."""
        document = asdict(self) | {"head_weights": list(self.head_weights)}
        if self.calibration == "temperature":
            del document["calibration"]
        return document

    def fingerprint(self) -> str:
        """Digest of all settings."""
        return sha256_json(self.document())

    def checked(self) -> "TrainingConfig":
        """Validate and return the configuration. Raises `PlannerError` for a number out of range."""
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
