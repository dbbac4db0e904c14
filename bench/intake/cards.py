"""YAML parser of a plan tracker's card: every scalar stays the text that it is written as."""

import json
from typing import Any, Final

import yaml

from bench.intake.fields import cleaned
from bench.intake.plain_yaml import PlainLoader

LONGEST_CARD: Final = 65_536
"""In characters."""
_NULL: Final = "tag:yaml.org,2002:null"


class CardError(ValueError):
    """A card that cannot be read. `line` counts from 0 at its first line."""

    def __init__(self, reason: str, line: int = 0) -> None:
        super().__init__(reason)
        self.line = line


class _Loader(PlainLoader):
    """YAML loader that refuses aliases: a few of them can expand beyond any memory ("billion laughs")."""

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            event = self.peek_event()  # type: ignore[no-untyped-call]
            raise yaml.MarkedYAMLError(problem="an alias; write the value out", problem_mark=event.start_mark)
        return super().compose_node(parent, index)


def read_card(text: str) -> dict[str, Any]:
    """Parse a card into texts, lists and objects; empty values are None.

    `1.10` is a text as `one` is: ids and versions must not become numbers. Only `workcell`, which is passed to the
    bench unchanged, has YAML's types.

    Raises: `CardError` with the reason and its line.
    """
    if len(text) > LONGEST_CARD:
        raise CardError(f"longer than {LONGEST_CARD} characters")
    try:
        return _read(text)
    except yaml.MarkedYAMLError as error:
        line = 0 if error.problem_mark is None else error.problem_mark.line
        raise CardError(f"not YAML: {error.problem or error.context}", line) from error
    except yaml.reader.ReaderError as error:
        line = text[: error.position].count("\n")
        raise CardError("not YAML: a character that cannot be printed", line) from error
    except RecursionError as error:
        raise CardError("nested too deep") from error


def _read(text: str) -> dict[str, Any]:
    loader = _Loader(text)
    try:
        node = loader.get_single_node()
        if not isinstance(node, yaml.MappingNode):
            raise CardError("no card: not a list of keys and values")
        card = _plain(node)
        for key_node, value_node in node.value:
            if key_node.value == "workcell":
                card["workcell"] = _typed(loader, value_node)
    finally:
        loader.dispose()
    try:
        sanitised: dict[str, Any] = cleaned(card)
    except ValueError as error:
        raise CardError(str(error)) from error
    return sanitised


def _typed(loader: yaml.SafeLoader, node: yaml.Node) -> Any:
    """The value with JSON types; a value that JSON has no type for, such as a date, is refused."""
    try:
        value = loader.construct_object(node, deep=True)
        return json.loads(json.dumps(value, allow_nan=False))
    except (TypeError, ValueError) as error:
        raise CardError(f"workcell: {error}", node.start_mark.line) from error


def _plain(node: yaml.Node) -> Any:
    if isinstance(node, yaml.SequenceNode):
        return [_plain(entry) for entry in node.value]
    if isinstance(node, yaml.MappingNode):
        plain = {}
        for key_node, value_node in node.value:
            key = str(key_node.value)
            if not isinstance(key_node, yaml.ScalarNode):
                raise CardError("a key that is no plain text", key_node.start_mark.line)
            if key in plain:
                raise CardError(f"the key {key!r:.40} is there twice; keep one", key_node.start_mark.line)
            plain[key] = _plain(value_node)
        return plain
    return None if node.tag == _NULL else node.value
