"""`--map FIELD=JSONPATH`: the fields of an issue taken from any JSON record."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from jsonpath import CompoundJSONPath, JSONPath, JSONPathError
from jsonpath import compile as compile_path

from bench.intake.beads_issue import FIELD_NAMES
from bench.intake.errors import IntakeError
from bench.intake.formats.base import Json
from bench.intake.nearest import did_you_mean

_SHOWN: Final = "id, title, description, status, labels, dk_priority, updated, depends_on, workcell"


@dataclass(frozen=True)
class FieldPath:
    """A JSONPath, and the text of it that a message repeats."""

    text: str
    compiled: JSONPath | CompoundJSONPath

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True)
class FieldMap:
    """Paths into a record by field, and the path of the records in a document."""

    paths: Mapping[str, FieldPath] = field(default_factory=dict)
    items: FieldPath | None = None

    def __bool__(self) -> bool:
        return bool(self.paths) or self.items is not None


NO_FIELDS: Final = FieldMap()


def parse_field_map(entries: Sequence[str], items: str | None) -> FieldMap:
    """The options `--map`, each `FIELD=JSONPATH`, and `--items`.

    Raises: `IntakeError` that names the option: a field that issues do not have, or a path that is none.
    """
    paths: dict[str, FieldPath] = {}
    for entry in entries:
        name, equals, path = entry.partition("=")
        name = name.strip()
        if not equals or not path.strip():
            raise IntakeError(f"--map {entry!r:.80}: write FIELD=JSONPATH, as in --map 'id=$.key'")
        if name not in FIELD_NAMES:
            hint = did_you_mean(name, FIELD_NAMES)
            raise IntakeError(
                f"--map {name!r:.40}: issues have no such field{hint} (the usual: {_SHOWN}; "
                "all: docs/reference/issue-format.md)"
            )
        if name in paths:
            raise IntakeError(f"--map {name}: given twice; keep one")
        paths[name] = _compiled(path.strip(), f"--map {name}")
    return FieldMap(paths, None if items is None else _compiled(items, "--items"))


def _compiled(path: str, option: str) -> FieldPath:
    try:
        return FieldPath(path, compile_path(path))
    except (JSONPathError, ValueError, RecursionError) as error:
        reason = str(error).splitlines()[0] if str(error) else "no JSONPath"
        raise IntakeError(f"{option}: {path!r:.80} is no JSONPath: {reason:.120}") from error


def mapped(paths: Mapping[str, FieldPath], record: Json) -> Json:
    """The fields of a record by their paths; several matches are a list, and a field without any is left out.

    Raises: `ValueError` where a path cannot be followed in this record.
    """
    values: Json = {}
    for name, path in paths.items():
        matches = matches_of(path, record)
        if matches:
            values[name] = matches[0] if len(matches) == 1 else matches
    return values


def matches_of(path: FieldPath, document: Any) -> list[Any]:
    """What a path matches in a document.

    Raises: `ValueError` where it cannot be followed.
    """
    try:
        return list(path.compiled.findall(document))
    except (JSONPathError, RecursionError) as error:
        raise ValueError(
            f"{path!s:.80}: {str(error).splitlines()[0] if str(error) else 'too deep'}"
        ) from error


def without_match(paths: Mapping[str, FieldPath], records: Sequence[Mapping[str, Any]]) -> list[str]:
    """The fields whose path matched in none of the mapped records."""
    return [name for name in paths if not any(name in record for record in records)]
