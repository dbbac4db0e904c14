"""The config block `planner:`: model, inference, safety caps and rollout flags."""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final, Literal, NoReturn

from planner.actions import CANDIDATE_BINS, ITERATION_BINS, JOB_TYPES, MINUTE_BINS, NA, SWARM_IDS, Bin
from planner.errors import PlannerError
from planner.host.aliases import MODEL_KEYS, without_aliases
from planner.host.caps import Caps
from planner.host.rollout import RISKS, Rollout

ModelType = Literal["onnx", "torch", "heuristic"]
Check = Callable[[Any, str], Any]


@dataclass(frozen=True, slots=True)
class ModelConfig:
    """The model. `onnx` is a bundle, `torch` a directory of `planner train`, `heuristic` needs no path."""

    path: str | None = None
    type: ModelType = "onnx"
    fallback: Literal["heuristic"] = "heuristic"


@dataclass(frozen=True, slots=True)
class InferenceConfig:
    """Inference settings. `model_path`, `model_type` and `fallback` are aliases of `ModelConfig`, None where unused."""

    confidence_threshold: float = 0.6
    """Abstention threshold, 0 to 1: below it the baseline decides."""
    use_calibration: bool = True
    timeout_ms: float = 100
    """Deadline of a decision in milliseconds; after it the baseline decides."""
    model_path: str | os.PathLike[str] | None = None
    model_type: ModelType | None = None
    fallback: Literal["heuristic"] | None = None


@dataclass(frozen=True, slots=True)
class Flags:
    """Rollout flags."""

    shadow_mode: bool = False
    force_swarm: str | None = None
    enabled_job_types: tuple[str, ...] = JOB_TYPES
    enabled_risks: tuple[str, ...] = RISKS
    reductions_only: bool = False


@dataclass(frozen=True, slots=True)
class PlannerConfig:
    """The complete `planner:` block."""

    enabled: bool = True
    model: ModelConfig = field(default_factory=ModelConfig)
    inference: InferenceConfig = field(default_factory=InferenceConfig)
    safety: Caps = field(default_factory=Caps)
    flags: Flags = field(default_factory=Flags)

    def __post_init__(self) -> None:
        """Move the aliases of the model to `model`. Raises `PlannerError` where one is wrong or contradicts it."""
        aliases = {alias: getattr(self.inference, alias) for alias in MODEL_KEYS}
        given = {alias: value for alias, value in aliases.items() if value is not None}
        if not given:
            return
        if isinstance(given.get("model_path"), os.PathLike):
            given["model_path"] = os.fspath(given["model_path"])
        default = ModelConfig()
        stated = {key: getattr(self.model, key) for key in MODEL_KEYS.values()}
        changed = {key: value for key, value in stated.items() if value != getattr(default, key)}
        block = without_aliases({"model": changed, "inference": given}, "planner")
        model = _section(block["model"], "planner.model", _SECTIONS["model"][1])
        inference = replace(self.inference, model_path=None, model_type=None, fallback=None)
        # The instance is frozen, and its aliases have one form only after this.
        object.__setattr__(self, "model", ModelConfig(**{**stated, **model}))
        object.__setattr__(self, "inference", inference)

    @property
    def rollout(self) -> Rollout:
        """The rollout rules that the flags select."""
        flags = self.flags
        return Rollout(
            mode="off" if not self.enabled else "log" if flags.shadow_mode else "enforce",
            job_types=flags.enabled_job_types,
            risks=flags.enabled_risks,
            reductions_only=flags.reductions_only,
            force_swarm=flags.force_swarm,
        )


def read_planner_config(block: Any, where: str = "planner") -> PlannerConfig:
    """Validate the config in `block` (parsed YAML or JSON); absent keys have their defaults.

    Raises `PlannerError` of one line with the path of the key, its value and the allowed values.
    """
    block = without_aliases(block, where)
    values = _section(block, where, {"enabled": _flag, **dict.fromkeys(_SECTIONS, _any)})
    for name, (build, checks) in _SECTIONS.items():
        if name in values:
            values[name] = build(**_section(values[name], f"{where}.{name}", checks))
    return _with_path(PlannerConfig(**values), f"{where}.model.path")


def planner_config(config: PlannerConfig | InferenceConfig) -> PlannerConfig:
    """The complete config of a host that gives inference settings alone.

    Raises `PlannerError` of one line where those name no model.
    """
    if isinstance(config, PlannerConfig):
        return config
    return _with_path(PlannerConfig(inference=config), "model_path")


def _with_path(config: PlannerConfig, where: str) -> PlannerConfig:
    if config.enabled and config.model.type != "heuristic" and config.model.path is None:
        raise PlannerError(f"{where}: a model of type {config.model.type} needs a path")
    return config


def _section(block: Any, where: str, checks: Mapping[str, Check]) -> dict[str, Any]:
    if not isinstance(block, Mapping):
        _refuse(where, block, "a mapping of keys to values")
    for key in block:
        if key not in checks:
            raise PlannerError(f"{where}: unknown key {key!r:.60}; known: {', '.join(checks)}")
    return {key: checks[key](value, f"{where}.{key}") for key, value in block.items()}


def _any(value: Any, _where: str) -> Any:
    return value


def _flag(value: Any, where: str) -> bool:
    return value if isinstance(value, bool) else _refuse(where, value, "true or false")


def _text(value: Any, where: str) -> str:
    return value if isinstance(value, str) and value else _refuse(where, value, "a text")


def _or_null(check: Check) -> Check:
    return lambda value, where: None if value is None else check(value, where)


def _one_of(*known: str) -> Check:
    return lambda value, where: value if value in known else _refuse(where, value, " or ".join(known))


def _some_of(*known: str) -> Check:
    def check(value: Any, where: str) -> tuple[str, ...]:
        if not isinstance(value, list | tuple) or any(item not in known for item in value):
            _refuse(where, value, f"a list of {', '.join(known)}")
        return tuple(value)

    return check


def _number(low: float, high: float) -> Check:
    def check(value: Any, where: str) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
            _refuse(where, value, f"a number from {low:g} to {high:g}")
        return value

    return check


def _whole_from(bins: tuple[Bin, ...]) -> Check:
    low = min(number for number in bins if number != NA)

    def check(value: Any, where: str) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or value < low:
            _refuse(where, value, f"a whole number of at least {low}, the smallest of its bins")
        return value

    return check


def _refuse(where: str, value: Any, wanted: str) -> NoReturn:
    shown = " ".join(f"{value!r:.60}".split())
    raise PlannerError(f"{where}: {shown} is not allowed; it must be {wanted}")


_SECTIONS: Final[dict[str, tuple[Callable[..., Any], dict[str, Check]]]] = {
    "model": (
        ModelConfig,
        {
            "path": _or_null(_text),
            "type": _one_of("onnx", "torch", "heuristic"),
            "fallback": _one_of("heuristic"),
        },
    ),
    "inference": (
        InferenceConfig,
        {
            "confidence_threshold": _number(0, 1),
            "use_calibration": _flag,
            "timeout_ms": _number(1, 60_000),
        },
    ),
    "safety": (
        Caps,
        {
            "max_candidates_cap": _whole_from(CANDIDATE_BINS),
            "max_minutes_cap": _whole_from(MINUTE_BINS),
            "max_iterations_cap": _whole_from(ITERATION_BINS),
        },
    ),
    "flags": (
        Flags,
        {
            "shadow_mode": _flag,
            "force_swarm": _or_null(_one_of(*SWARM_IDS)),
            "enabled_job_types": _some_of(*JOB_TYPES),
            "enabled_risks": _some_of(*RISKS),
            "reductions_only": _flag,
        },
    ),
}
