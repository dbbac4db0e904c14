"""Embedded inference with a deadline and a fallback: always a valid action, in time, never an exception.

Loads onnxruntime and numpy; no torch, no database, no queue, no pydantic.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from time import monotonic
from typing import Any, Final

from planner.actions import JOB_TYPES, Action, JobType
from planner.bundles.bundle import EpochMismatchError
from planner.encoding.build_input import build_planner_input, risk_and_size, stated_job_type
from planner.encoding.input_hash import hash_of
from planner.errors import PlannerError
from planner.host.answer import PlannerAction
from planner.host.caps import capped
from planner.host.config import InferenceConfig, PlannerConfig, planner_config
from planner.host.deadline import CallError, DeadlineCalls, DeadlineExceededError
from planner.host.models import PlannerModel, load_model
from planner.host.rollout import Execution, Mode
from planner.space.baseline import baseline_action
from planner.space.decode import Decoded, head_probabilities
from planner.space.restrict import nearest_offered, restrict
from planner.system.clock import rfc3339_now

WARM_UP_SECONDS: Final = 10.0
"""Timeout of the warm-up at start, in seconds; later calls have the timeout of the config."""

Json = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Plan:
    """The record of one decision, and the action that the kernel runs."""

    planner_input: Json
    planner_action: PlannerAction
    execution: Execution
    mode: Mode


class PlannerInference:
    """Thread-safe inference that never raises: it falls back to the heuristic baseline.

    The fallback sets `abstain_to_default` and a reason:

    - `planner_disabled`: the planner is off.
    - `model_unavailable`: the model is missing or broken.
    - `epoch_mismatch`: the model is of another policy epoch.
    - `inference_timeout`: the model exceeded the deadline.
    - `inference_error_<Type>`: the model raised an error.
    - `low_confidence_0.xyz`: abstention, the confidence is below the threshold.

    Caps lower the budgets of every answer, with the reason `capped_<field>_from_<n>`. `epoch` is the host's policy
    epoch; None accepts a model of any epoch. `problem` is one line on why the model was refused, or None. Only an
    invalid `config` makes the constructor raise.
    """

    def __init__(
        self,
        config: PlannerConfig | InferenceConfig,
        *,
        epoch: str | None = None,
        universe_id: str = "default",
        load: Callable[[PlannerConfig, str | None], PlannerModel] = load_model,
    ) -> None:
        self.config = config = planner_config(config)
        self.problem: str | None = None
        self._universe_id = universe_id
        self._seconds = config.inference.timeout_ms / 1000
        self._calls = DeadlineCalls()
        self._model: PlannerModel | None = None
        self._absent = "planner_disabled"
        if config.enabled:
            self._open(load, epoch)

    def _open(self, load: Callable[[PlannerConfig, str | None], PlannerModel], epoch: str | None) -> None:
        self._absent = "model_unavailable"
        try:
            model = load(self.config, epoch)
            self._warm_up(model)
            self._model = model
        except EpochMismatchError as error:
            self._absent = "epoch_mismatch"
            self.problem = str(error)
        except Exception as error:
            self.problem = " ".join(str(error).split()) or type(error).__name__

    def _warm_up(self, model: PlannerModel) -> None:
        """Warm-up: one dummy decision for each job type. Raises `PlannerError` where one fails or is late."""
        bounded = self._calls.with_deadline(monotonic() + WARM_UP_SECONDS)
        try:
            for job_type in JOB_TYPES:
                dummy = {**build_planner_input({"id": "first run"}), "job_type": job_type}
                self._answer(model.decide(dummy, bounded), dummy)
        except DeadlineExceededError:
            raise PlannerError(
                f"{self.config.model.path}: the first run took more than {WARM_UP_SECONDS:g} s"
            ) from None
        except Exception as error:
            raise PlannerError(f"{self.config.model.path}: the first run failed: {error}") from None

    @property
    def model(self) -> Mapping[str, str | None] | None:
        """Reference of the model that decides, as actions name it; None where the baseline decides."""
        return None if self._model is None else self._model.reference

    def predict(
        self,
        issue: Json,
        history: Sequence[Json] = (),
        universe_defaults: Json | None = None,
        system_state: Json | None = None,
    ) -> PlannerAction:
        """One decision for an issue; the arguments are those of `build_planner_input`.

        Returns a valid action, with a reason where it is a fallback. Never raises.
        """
        return self._ask(issue, history, universe_defaults, system_state)[1]

    def plan(
        self,
        issue: Json,
        history: Sequence[Json] = (),
        universe_defaults: Json | None = None,
        system_state: Json | None = None,
    ) -> Plan:
        """One decision with its planner_input, and the action that the rollout allows to run. Never raises."""
        document, answer = self._ask(issue, history, universe_defaults, system_state)
        job_type = stated_job_type(document)
        risk, size = risk_and_size(document.get("issue"))
        baseline, _ = capped(_baseline(risk, size, job_type), self.config.safety)
        rollout = self.config.rollout
        execution = rollout.resolve(answer.action, baseline, job_type, risk, answer.abstain_to_default)
        return Plan(document, answer, execution, rollout.mode)

    def decide(self, planner_input: Json) -> PlannerAction:
        """One decision for a complete `cyntra.planner_input.v1` document. Never raises."""
        return self._decide(planner_input, monotonic())

    def _ask(
        self, issue: Json, history: Sequence[Json], universe_defaults: Json | None, system_state: Json | None
    ) -> tuple[Json, PlannerAction]:
        started = monotonic()
        try:
            document = build_planner_input(issue, history, universe_defaults, system_state, self._universe_id)
        except Exception as error:
            return {"issue": issue}, self._fallback({"issue": issue}, _reason_of(error), None)
        return document, self._decide(document, started)

    def _decide(self, planner_input: Json, started: float) -> PlannerAction:
        digest = None
        try:
            digest = hash_of(planner_input)
            if self._model is None:
                return self._fallback(planner_input, self._absent, digest)
            decoded = self._model.decide(planner_input, self._calls.with_deadline(started + self._seconds))
            return self._answer(decoded, planner_input, digest)
        except DeadlineExceededError:
            return self._fallback(planner_input, "inference_timeout", digest)
        except CallError as error:
            return self._fallback(planner_input, _reason_of(error.error), digest)
        except Exception as error:
            return self._fallback(planner_input, _reason_of(error), digest)

    def _answer(self, decoded: Decoded, planner_input: Json, digest: str | None = None) -> PlannerAction:
        job_type: JobType = planner_input["job_type"]
        decoded = restrict(decoded, planner_input["action_space"], job_type)
        probs = head_probabilities(decoded.probabilities, job_type)
        abstains = decoded.confidence < self.config.inference.confidence_threshold
        if not abstains:
            return self._capped(decoded.action, None, digest, decoded.confidence, probs, decoded.outcomes)
        action = _baseline_of(planner_input)
        # Truncated, not rounded: a confidence below the threshold must not be shown as equal to it.
        reason = f"low_confidence_{int(decoded.confidence * 1000) / 1000:.3f}"
        return self._capped(action, reason, digest, decoded.confidence, probs, decoded.outcomes)

    def _fallback(self, planner_input: Json, reason: str, digest: str | None) -> PlannerAction:
        return self._capped(_baseline_of(planner_input), reason, digest)

    def _capped(
        self,
        action: Action,
        abstained: str | None,
        digest: str | None,
        confidence: float | None = None,
        probs: Mapping[str, list[float]] | None = None,
        outcomes: Any = None,
    ) -> PlannerAction:
        action, lowered = capped(action, self.config.safety)
        reasons = lowered if abstained is None else [abstained, *lowered]
        return PlannerAction(
            action=action,
            created_at=rfc3339_now(),
            abstain_to_default=abstained is not None,
            reason=",".join(reasons) or None,
            confidence=confidence,
            probs=probs,
            model=self.model,
            input_hash=digest,
            outcomes=outcomes,
        )


def _baseline_of(planner_input: Json) -> Action:
    issue = planner_input.get("issue") if isinstance(planner_input, Mapping) else None
    risk, size = risk_and_size(issue)
    job_type = stated_job_type(planner_input)
    action = _baseline(risk, size, job_type)
    try:
        return nearest_offered(action, planner_input["action_space"], job_type)
    except (KeyError, TypeError):
        # A planner_input that is no document gets the baseline all the same.
        return action


_baseline: Final = lru_cache(maxsize=256)(baseline_action)


def _reason_of(error: BaseException) -> str:
    return f"inference_error_{type(error).__name__}"
