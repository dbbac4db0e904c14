"""Parsing of a YAML config file, with line numbers for error messages."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml

from bench.config.errors import ConfigError
from bench.intake.plain_yaml import PlainLoader, check_size
from planner.system.regular_files import read_regular

_LARGEST_BYTES: Final = 2**18


class _UniqueKeyLoader(PlainLoader):
    """The plain loader with an error for duplicate keys, of which YAML loaders silently keep the last."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[str] = set()
        for key_node, _ in node.value:
            key = str(key_node.value)
            if key in seen:
                raise yaml.MarkedYAMLError(
                    problem=f"the key {key!r} is there twice; keep one", problem_mark=key_node.start_mark
                )
            seen.add(key)
        return super().construct_mapping(node, deep)


@dataclass(frozen=True)
class ConfigSource:
    """The data of a config file, with its syntax tree."""

    path: Path
    data: dict[str, Any]
    node: yaml.Node | None = None

    def location(self, keys: Sequence[str | int]) -> str:
        """`file:line` of the value under `keys`, or of its closest existing ancestor."""
        line, node = None, self.node
        for key in keys:
            child = _child(node, key)
            if child is None:
                break
            line, node = child
        return str(self.path) if line is None else f"{self.path}:{line}"


def _child(node: yaml.Node | None, key: str | int) -> tuple[int, yaml.Node] | None:
    """Line and node of an entry; the line of a mapping's entry is that of its key."""
    if isinstance(node, yaml.MappingNode):
        for key_node, value_node in node.value:
            if key_node.value == str(key):
                return key_node.start_mark.line + 1, value_node
    if isinstance(node, yaml.SequenceNode) and isinstance(key, int) and key < len(node.value):
        entry = node.value[key]
        return entry.start_mark.line + 1, entry
    return None


def read_source(path: Path) -> ConfigSource:
    """The mapping in a YAML file; raises `ConfigError` where it is unreadable, not YAML, or not a mapping."""
    text = _text(path)
    try:
        node, data = _parsed(text)
    except yaml.MarkedYAMLError as error:
        line = "" if error.problem_mark is None else f":{error.problem_mark.line + 1}"
        raise ConfigError(f"{path}{line}: not a valid config: {error.problem}") from error
    except RecursionError as error:
        raise ConfigError(f"{path}: not a valid config: nested too deep") from error
    except (LookupError, AttributeError) as error:
        # The library raises these for `!!bool x` and `!!timestamp x`.
        raise ConfigError(f"{path}: not YAML: a value does not fit its tag, such as !!bool") from error
    except (yaml.YAMLError, ValueError, TypeError) as error:
        raise ConfigError(f"{path}: not YAML: {' '.join(str(error).split())}") from error
    if data is None:
        return ConfigSource(path, {})
    if not isinstance(data, dict):
        raise ConfigError(f"{path}: the file holds no mapping; start with a key such as action_sampling:")
    return ConfigSource(path, data, node)


def _text(path: Path) -> str:
    try:
        return read_regular(path, _LARGEST_BYTES).decode("utf-8-sig")
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}; name a config that can be read") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: not a text file in UTF-8") from error


def _parsed(text: str) -> tuple[yaml.Node | None, Any]:
    loader = _UniqueKeyLoader(text)
    try:
        node = loader.get_single_node()
        if node is None:
            return None, {}
        check_size(node)
        return node, loader.construct_document(node)
    finally:
        loader.dispose()
