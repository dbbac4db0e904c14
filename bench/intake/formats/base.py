"""The contract of a format, and what the adapters share."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

Json = dict[str, Any]
Warn = Callable[[str], None]
JsonPath = tuple[str, ...]
"""Keys from a document down to a value."""

_PRIORITY_LABEL: Final = re.compile(r"(?:priority\s*(?:::|[:/=])\s*)?p?([0-4])", re.IGNORECASE)


class NoIssueError(ValueError):
    """A foreign record that is no issue; the message is the reason."""


class OtherRecordError(NoIssueError):
    """A record of another kind, such as a pull request: no issue is missing without it."""


@dataclass(frozen=True)
class Converted:
    """A foreign record in the fields of an issue."""

    record: Json
    """With the keys of either Beads dialect; keys that are no field are kept as the issue's `extra`."""
    origin: str | None = None
    """The repository, project or site that the issue is of: ids are unique within it. None: not named."""


@dataclass(frozen=True)
class Format:
    """An adapter of a JSON export.

    `convert` gets one sanitised record and a function to report what it leaves out. It raises `NoIssueError` for a
    record that is no issue, and nothing else.
    """

    name: str
    label: str
    """What the format is called in messages."""
    convert: Callable[[Json, Warn], Converted]
    fits: Callable[[Json], bool]
    """Whether a record is unmistakably of this format."""
    lists: Sequence[JsonPath] = ()
    """Where a document holds its records, the first that is there; a document without any is a record itself."""


def texts_at(value: Any, *keys: str) -> list[str]:
    """The texts in a list, or under one of `keys` of its objects; a GraphQL connection is unwrapped."""
    return [text for text in (text_at(entry, *keys) for entry in entries_of(value)) if text]


def entries_of(value: Any) -> list[Any]:
    """The entries of a list or of a GraphQL connection (`nodes`, `edges`); empty where it is neither."""
    if isinstance(value, dict):
        if isinstance(edges := value.get("edges"), list):
            return [edge.get("node") if isinstance(edge, dict) else edge for edge in edges]
        value = value.get("nodes")
    return value if isinstance(value, list) else []


def text_at(value: Any, *keys: str) -> str | None:
    """A text itself, or the first text under `keys` of an object; None where there is none."""
    if isinstance(value, str):
        return value
    if not isinstance(value, dict):
        return None
    return next((value[key] for key in keys if isinstance(value.get(key), str)), None)


def at(document: Any, path: Iterable[str]) -> Any:
    """The value at a path of keys; None where it is missing."""
    for key in path:
        document = document.get(key) if isinstance(document, Mapping) else None
    return document


def priority_of_labels(labels: Sequence[str]) -> tuple[int | None, list[str]]:
    """The priority that a label such as `P1` or `priority:1` names, and the other labels.

    For formats that have no field for a priority.
    """
    matches = {label: _PRIORITY_LABEL.fullmatch(label.strip()) for label in labels}
    # A label that is only a number is no priority.
    named = [label for label, match in matches.items() if match and not label.strip().isdigit()]
    if not named:
        return None, list(labels)
    match = matches[named[0]]
    number = int(match[1]) if match else None
    return number, [label for label in labels if label != named[0]]


def only_given(record: Mapping[str, Any]) -> Json:
    """A record without the keys that have no value."""
    return {key: value for key, value in record.items() if value not in (None, "", [], {})}


def host_and_path(url: str) -> tuple[str, str] | None:
    """Host and path of a web address; None where it is none."""
    try:
        parts = urlsplit(url)
        host = parts.hostname
    except ValueError:
        return None
    return (host, parts.path) if host and parts.scheme in ("http", "https") else None
