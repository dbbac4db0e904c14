"""Which model decides, and how it is opened."""

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
"""`bounded(function, argument)` is `function(argument)` by the deadline of the decision, or raises."""


class PlannerModel(Protocol):
    """What decides. Several threads may ask at once, and any error is an answer: the baseline then decides."""

    @property
    def reference(self) -> Reference:
        """`checkpoint_id`, `version` and `git_sha`, as actions name their model."""
        ...

    def decide(self, planner_input: Mapping[str, Any], bounded: Bounded) -> Decoded:
        """The most probable valid action for a planner_input, and the distribution it was taken from.

        What may be slow or hang goes through `bounded`, and only that: it runs in another thread, which is
        quicker the less it shares with this one.
        """
        ...


def load_model(config: PlannerConfig, epoch: str | None = None) -> PlannerModel:
    """The model that `config` names; a `PlannerError` says why it was refused.

    Where `epoch` is given, a bundle of another policy epoch is an `EpochMismatchError`.
    """
    kind, path = config.model.type, config.model.path
    if kind == "heuristic":
        return PolicyModel(HeuristicBaseline())
    if path is None:
        raise PlannerError(f"no model: model.path is not set, and a model of type {kind} needs one")
    if kind == "torch":
        # By name, for torch comes only with the training extra and must not be loaded for anything else.
        return PolicyModel(import_module("planner.training.trained").load_trained(path))
    return BundleModel(path, epoch, calibrated=config.inference.use_calibration)


class BundleModel:
    """An opened bundle."""

    def __init__(self, path: str, epoch: str | None, *, calibrated: bool) -> None:
        bundle = open_bundle(path, epoch)
        self.reference: Reference = {
            "checkpoint_id": bundle.checkpoint_id,
            "version": bundle.version,
            "git_sha": bundle.metadata.get("git_sha"),
        }
        self._policy = BundlePolicy(bundle, calibrated=calibrated)

    def decide(self, planner_input: Mapping[str, Any], bounded: Bounded) -> Decoded:
        """Encode and decode here; the session runs bounded."""
        return self._policy.decide(planner_input, partial(bounded, self._policy.session.run))


class PolicyModel:
    """Any policy as a model; slower than a bundle, which needs no distribution but the chosen one's."""

    def __init__(self, policy: Policy) -> None:
        self._policy = policy
        self.reference: Reference = {"checkpoint_id": policy.policy_id}

    def decide(self, planner_input: Mapping[str, Any], bounded: Bounded) -> Decoded:
        """The most probable action of the policy's distribution."""
        seen = Observation(planner_input)
        probabilities = bounded(self._policy.distributions, [seen])[0]
        best = int(probabilities.argmax())
        confidence = float(probabilities[best]) ** (1 / len(HEADS))
        return Decoded(valid_actions(seen.job_type)[best], confidence, probabilities)
