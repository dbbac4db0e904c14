"""Aliases of the config block `planner:`, which other kernels write, rewritten to the keys of this one.

`mode` is `enabled` and `flags.shadow_mode` in one word; `inference.model_path`, `model_type` and `fallback` are the
keys of `model`.
"""

from collections.abc import Mapping
from typing import Any, Final

from planner.errors import PlannerError

MODEL_KEYS: Final = {"model_path": "path", "model_type": "type", "fallback": "fallback"}
"""Keys of `model` by their aliases in `inference`."""
_MODES: Final = {"off": (False, None), "log": (True, True), "enforce": (True, False)}
"""`enabled` and `flags.shadow_mode` by mode; None where it has no effect."""


def without_aliases(block: Any, where: str) -> Any:
    """`block` with today's keys only; it is not validated otherwise.

    Raises `PlannerError` of one line where an alias is unknown, or contradicts the key that it stands for.
    """
    if not isinstance(block, Mapping):
        return block
    return _without_model_aliases(_without_mode(block, where), where)


def _without_mode(block: Mapping[str, Any], where: str) -> Mapping[str, Any]:
    if "mode" not in block:
        return block
    # YAML 1.1 reads a plain `off` as false.
    mode = "off" if block["mode"] is False else block["mode"]
    if not isinstance(mode, str) or mode not in _MODES:
        shown = " ".join(f"{mode!r:.60}".split())
        raise PlannerError(f"{where}.mode: {shown} is not allowed; it must be {' or '.join(_MODES)}")
    enabled, shadow = _MODES[mode]
    rest = {key: value for key, value in block.items() if key != "mode"}
    _put(rest, "enabled", enabled, f"{where}.mode: {mode}", f"{where}.enabled")
    if shadow is not None and isinstance(rest.get("flags", {}), Mapping):
        flags = dict(rest.get("flags", {}))
        _put(flags, "shadow_mode", shadow, f"{where}.mode: {mode}", f"{where}.flags.shadow_mode")
        rest["flags"] = flags
    return rest


def _without_model_aliases(block: Mapping[str, Any], where: str) -> Mapping[str, Any]:
    inference, model = block.get("inference"), block.get("model", {})
    if not isinstance(inference, Mapping) or not isinstance(model, Mapping):
        return block
    aliases = [alias for alias in MODEL_KEYS if alias in inference]
    if not aliases:
        return block
    model = dict(model)
    for alias in aliases:
        key, value = MODEL_KEYS[alias], inference[alias]
        _put(model, key, value, f"{where}.inference.{alias}: {value!r:.60}", f"{where}.model.{key}")
    rest = {key: value for key, value in inference.items() if key not in MODEL_KEYS}
    return {**block, "model": model, "inference": rest}


def _put(keys: dict[str, Any], key: str, value: Any, alias: str, name: str) -> None:
    if key in keys and keys[key] != value:
        raise PlannerError(f"{alias} contradicts {name}: {keys[key]!r:.60}; leave one of them out")
    keys[key] = value
