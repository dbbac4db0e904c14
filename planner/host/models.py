"""Model loading: the bundle, the torch model or the heuristic that decides."""

from collections.abc import Callable, Mapping
from functools import partial
from importlib import import_module
from typing import Any, Protocol

from planner.actions import valid_actions
from planner.bundles.bundle import open_bundle
from planner.bundles.policy import BundlePolicy
from planner.errors import PlannerError
from planner.host.config import PlannerConfig
from planner.policies.base import Observation, Policy
from planner.policies.baseline import HeuristicBaseline
from planner.space.decode import Decoded
from planner.space.heads import HEADS

Reference = Mapping[str, str | None]


Bounded = Callable[[Callable[[Any], Any], Any], Any]
"""`bounded(function, argument)` calls `function(argument)` with the deadline of the decision, or raises."""


class PlannerModel(Protocol):
    """Thread-safe decision model. It may raise any error: the caller then falls back to the baseline."""

    @property
    def reference(self) -> Reference:
        """`checkpoint_id`, `version` and `git_sha`, as actions name their model."""
        ...

    def decide(self, planner_input: Mapping[str, Any], bounded: Bounded) -> Decoded:
        """The most probable valid action for a planner_input, and its distribution.

        Only what may be slow or hang is called through `bounded`: that runs in another thread, and is faster the less
        it shares with this one.
        """
        ...


def load_model(config: PlannerConfig, epoch: str | None = None) -> PlannerModel:
    """Load the model that `config` names.

    Raises `PlannerError` where the model is missing or invalid, and `EpochMismatchError` where `epoch` is given and a
    bundle is of another policy epoch.
    """
    kind, path = config.model.type, config.model.path
    if kind == "heuristic":
        return PolicyModel(HeuristicBaseline())
    if path is None:
        raise PlannerError(f"no model: model.path is not set, and a model of type {kind} needs one")
    if kind == "torch":
        # Imported by name: torch is part of the training extra and must not be loaded otherwise.
        return PolicyModel(import_module("planner.training.trained").load_trained(path))
    return BundleModel(path, epoch, calibrated=config.inference.use_calibration)


class BundleModel:
    """A bundle as a model."""

    def __init__(self, path: str, epoch: str | None, *, calibrated: bool) -> None:
        bundle = open_bundle(path, epoch)
        self.reference: Reference = {
            "checkpoint_id": bundle.checkpoint_id,
            "version": bundle.version,
            "git_sha": bundle.metadata.get("git_sha"),
        }
        self._policy = BundlePolicy(bundle, calibrated=calibrated)

    def decide(self, planner_input: Mapping[str, Any], bounded: Bounded) -> Decoded:
        """Encode and decode in this thread; only the session call has the deadline."""
        return self._policy.decide(planner_input, partial(bounded, self._policy.session.run))


class PolicyModel:
    """Adapter from any policy to a model; all of its work has the deadline."""

    def __init__(self, policy: Policy) -> None:
        self._policy = policy
        # A trained policy may have a calibration curve of its own.
        self._confidence: Callable[[float], float] = getattr(policy, "confidence", _confidence)
        self.reference: Reference = {"checkpoint_id": policy.policy_id}

    def decide(self, planner_input: Mapping[str, Any], bounded: Bounded) -> Decoded:
        """The most probable action of the policy's distribution, and its confidence."""
        seen = Observation(planner_input)
        probabilities = bounded(self._policy.distributions, [seen])[0]
        best = int(probabilities.argmax())
        confidence = self._confidence(float(probabilities[best]))
        return Decoded(valid_actions(seen.job_type)[best], confidence, probabilities)


def _confidence(probability: float) -> float:
    return float(probability ** (1 / len(HEADS)))
