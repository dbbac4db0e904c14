"""A config file as data that remembers its lines."""

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
    """The plain loader, which else takes the last of two equal keys without a word."""

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
class Source:
    """What a file says, and where it says it."""

    path: Path
    data: dict[str, Any]
    node: yaml.Node | None = None

    def place(self, keys: Sequence[str | int]) -> str:
        """`file:line` of the value under `keys`, or of the last of them that is there."""
        line, node = None, self.node
        for key in keys:
            found = _child(node, key)
            if found is None:
                break
            line, node = found
        return str(self.path) if line is None else f"{self.path}:{line}"


def _child(node: yaml.Node | None, key: str | int) -> tuple[int, yaml.Node] | None:
    """Line and node of an entry; a mapping's entry stands where its key stands."""
    if isinstance(node, yaml.MappingNode):
        for key_node, value_node in node.value:
            if key_node.value == str(key):
                return key_node.start_mark.line + 1, value_node
    if isinstance(node, yaml.SequenceNode) and isinstance(key, int) and key < len(node.value):
        entry = node.value[key]
        return entry.start_mark.line + 1, entry
    return None


def read_source(path: Path) -> Source:
    """The mapping in a YAML file; `ConfigError` where it is unreadable, not YAML, or no mapping."""
    text = _text(path)
    try:
        node, data = _parsed(text)
    except yaml.MarkedYAMLError as error:
        line = "" if error.problem_mark is None else f":{error.problem_mark.line + 1}"
        raise ConfigError(f"{path}{line}: not a valid config: {error.problem}") from error
    except RecursionError as error:
        raise ConfigError(f"{path}: not a valid config: nested too deep") from error
    except (LookupError, AttributeError) as error:
        # So the library ends at `!!bool x` and `!!timestamp x`.
        raise ConfigError(f"{path}: not YAML: a value is not what its tag, such as !!bool, says") from error
    except (yaml.YAMLError, ValueError, TypeError) as error:
        raise ConfigError(f"{path}: not YAML: {' '.join(str(error).split())}") from error
    if data is None:
        return Source(path, {})
    if not isinstance(data, dict):
        raise ConfigError(f"{path}: the file holds no mapping; start with a key such as action_sampling:")
    return Source(path, data, node)


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
