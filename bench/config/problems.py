"""Validation errors of pydantic as one-line messages for the author of a config."""

import math
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, Final, get_args

from pydantic import BaseModel, ValidationError

from bench.intake.nearest import did_you_mean

KeyPath = tuple[str | int, ...]
_UNSTORABLE: Final = re.compile(r"[\x00\ud800-\udfff]")


@dataclass(frozen=True)
class Problem:
    """An invalid key or value. `text` is a line that begins with the dotted path."""

    path: KeyPath
    text: str
    is_missing: bool = False


def problems_of(error: ValidationError, model: type[BaseModel]) -> list[Problem]:
    """One problem for each invalid key or value."""
    return [problem for detail in error.errors() for problem in _problems(detail, model)]


def _problems(detail: Mapping[str, Any], model: type[BaseModel]) -> Iterator[Problem]:
    path: KeyPath = detail["loc"]
    prefix = dotted(path)
    if detail["type"] == "value_error":
        # A validator may report several problems, one in each line, and may name a deeper path itself.
        for line in str(detail["ctx"]["error"]).splitlines():
            deeper = bool(path) and line.startswith(f"{prefix}.")
            yield Problem(path, line if deeper or not path else f"{prefix}: {line}")
        return
    if detail["type"] == "missing":
        yield Problem(path, f"{prefix}: missing", is_missing=True)
        return
    word = _WORDS.get(detail["type"], _other)
    yield Problem(path, f"{prefix}: {word(detail, model)}")


def dotted(path: KeyPath) -> str:
    """The path in dotted form, such as `action_sampling.K`."""
    return ".".join(str(part) for part in path) or "the file"


def _unknown_key(detail: Mapping[str, Any], model: type[BaseModel]) -> str:
    *above, key = detail["loc"]
    allowed = _keys_at(model, tuple(above))
    return f"unknown key{did_you_mean(str(key), allowed)} (allowed: {', '.join(allowed)})"


def _not_allowed(detail: Mapping[str, Any], _: type[BaseModel]) -> str:
    return f"{detail['input']!r:.60} is not allowed; use {detail['ctx']['expected']}"


def _other(detail: Mapping[str, Any], _: type[BaseModel]) -> str:
    message = detail["msg"][0].lower() + detail["msg"][1:]
    return f"{message}, not {detail['input']!r:.60}"


def _should_be(wanted: str) -> Callable[[Mapping[str, Any], type[BaseModel]], str]:
    return lambda detail, _: f"should be {wanted}, not {detail['input']!r:.60}"


_WORDS: Final[dict[str, Callable[[Mapping[str, Any], type[BaseModel]], str]]] = {
    "extra_forbidden": _unknown_key,
    "literal_error": _not_allowed,
    "model_type": _should_be("a mapping of keys to values"),
    "dict_type": _should_be("a mapping of keys to values"),
    "list_type": _should_be("a list"),
    "string_type": _should_be("a text"),
    "int_type": _should_be("a whole number"),
    "float_type": _should_be("a number"),
    "bool_type": _should_be("true or false"),
}


def _keys_at(model: type[BaseModel], path: KeyPath) -> list[str]:
    """The keys of the (nested) model at `path`."""
    current: type[BaseModel] | None = model
    for part in path:
        if current is None:
            return []
        if isinstance(part, str):
            field = current.model_fields.get(part)
            current = None if field is None else _model_in(field.annotation)
    return [] if current is None else [field.alias or name for name, field in current.model_fields.items()]


def _model_in(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((model for part in get_args(annotation) if (model := _model_in(part)) is not None), None)


def unfit_values(data: Any, path: KeyPath = ()) -> Iterator[Problem]:
    """Values that no key takes and the database cannot store: `.inf`, `.nan`, integers beyond 64 bits, NUL, surrogate
    code points, and YAML's binary data and sets."""
    if isinstance(data, dict):
        for key, value in data.items():
            yield from unfit_values(value, (*path, key))
    elif isinstance(data, list):
        for index, value in enumerate(data):
            yield from unfit_values(value, (*path, index))
    elif (words := _unfit(data)) is not None:
        yield Problem(path, f"{dotted(path)}: {words}")


def _unfit(value: Any) -> str | None:
    if isinstance(value, float) and not math.isfinite(value):
        return f"{value} is no limit; leave the key out for none"
    if isinstance(value, int) and not -(2**63) <= value < 2**63:
        return "a whole number beyond 64 bits; give a smaller one"
    if isinstance(value, str) and _UNSTORABLE.search(value) is not None:
        return "holds NUL or half a character; write plain text"
    if value is None or isinstance(value, str | int | float | date):
        return None
    return f"a {type(value).__name__} is neither text, number, list nor mapping"
