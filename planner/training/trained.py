"""Policy of a model directory, run by torch."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from planner.actions import valid_actions
from planner.policies.base import Distribution, Observation
from planner.policies.outcome_choice import DecisionWeights
from planner.space.baseline import baseline_action
from planner.space.heads import HEADS
from planner.space.isotonic import IsotonicCurve
from planner.training.decoding import Decoding
from planner.training.fitting.data import ids_of
from planner.training.model_directory import read_model
from planner.training.networks.network import Network, NetworkConfig


class TrainedPolicy:
    """Policy of a trained network."""

    def __init__(self, network: Network, config: dict[str, Any], report: dict[str, Any]) -> None:
        self.module, self.config, self.report = network, config, report
        self.policy_id = f"{config['kind']}-{report['weight_hash'][:12]}"
        self._ids = ids_of(config["kind"], NetworkConfig(**config["network"]))
        self._isotonic = IsotonicCurve.of(config.get("isotonic"))
        self._decoding = Decoding(
            config["output_form"],
            config["temperatures"],
            DecisionWeights.of(config["decision"]),
            self._isotonic,
        )

    def distributions(self, observations: Sequence[Observation]) -> list[Distribution]:
        """One distribution an observation, without batching: rounding would depend on the rest of the batch."""
        with torch.inference_mode():
            return [self._distribution(seen) for seen in observations]

    def confidence(self, probability: float) -> float:
        """The confidence of an action that has this probability in its distribution."""
        curve = None if self.config["output_form"] == "outcomes" else self._isotonic
        calibrated = probability if curve is None else float(curve(probability))
        return float(calibrated ** (1 / len(HEADS)))

    def _distribution(self, seen: Observation) -> Distribution:
        valid_actions(seen.job_type)  # refuses an unknown job type
        asked = seen.planner_input
        ids = torch.tensor(self._ids(asked), dtype=torch.int32)
        numbers = self.module.ragged(ids, torch.zeros(1, dtype=torch.int32))[0].numpy()
        issue = asked["issue"]
        baseline = baseline_action(issue["dk_risk"], issue["dk_size"], seen.job_type)
        return self._decoding.decode(numbers, seen.job_type, baseline).probabilities


def load_trained(directory: Path | str) -> TrainedPolicy:
    """Load the policy of a model directory. Raises `PlannerError` where it is invalid."""
    return TrainedPolicy(*read_model(Path(directory)))
