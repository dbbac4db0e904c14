"""Safe YAML loader for hand-written files: decimal numbers only, bounded nesting, bounded alias expansion."""

import re
from typing import Any, Final

import yaml

_INT: Final = "tag:yaml.org,2002:int"
_FLOAT: Final = "tag:yaml.org,2002:float"
_NUMBER_STARTS: Final = list("-+0123456789.")
_LONGEST_NUMBER: Final = 40
MAX_DEPTH: Final = 64
MAX_SIZE: Final = 2**20
"""The largest number of characters and values of a file after alias expansion."""


class PlainLoader(yaml.SafeLoader):
    """Safe loader without YAML 1.1's sexagesimal, octal and hexadecimal numbers: `1:30`, `010`, `0x1F` are texts."""

    def __init__(self, stream: str) -> None:
        super().__init__(stream)
        self._depth = 0

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        """Compose a node; refuses deep nesting at once, since composing it takes time quadratic in the depth."""
        self._depth += 1
        try:
            if self._depth > MAX_DEPTH:
                mark = self.peek_event().start_mark  # type: ignore[no-untyped-call]
                raise yaml.MarkedYAMLError(problem=f"nested more than {MAX_DEPTH} deep", problem_mark=mark)
            return super().compose_node(parent, index)
        finally:
            self._depth -= 1

    def construct_yaml_int(self, node: yaml.ScalarNode) -> int:
        """Construct an integer; refuses one so long that Python would need minutes for it or would not print it."""
        return int(super().construct_yaml_int(_short(node)))

    def construct_yaml_float(self, node: yaml.ScalarNode) -> float:
        return float(super().construct_yaml_float(_short(node)))


def _short(node: yaml.ScalarNode) -> yaml.ScalarNode:
    if len(node.value) > _LONGEST_NUMBER:
        raise yaml.MarkedYAMLError(
            problem=f"a number of {len(node.value)} digits; no key takes one so long",
            problem_mark=node.start_mark,
        )
    return node


PlainLoader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag not in (_INT, _FLOAT)]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
PlainLoader.add_implicit_resolver(_INT, re.compile(r"[-+]?(?:0|[1-9][0-9_]*)\Z"), _NUMBER_STARTS)
PlainLoader.add_implicit_resolver(
    _FLOAT,
    re.compile(
        r"(?:[-+]?[0-9][0-9_]*\.[0-9_]*(?:[eE][-+][0-9]+)?|[-+]?\.[0-9][0-9_]*(?:[eE][-+][0-9]+)?"
        r"|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))\Z"
    ),
    _NUMBER_STARTS,
)
PlainLoader.add_constructor(_INT, PlainLoader.construct_yaml_int)
PlainLoader.add_constructor(_FLOAT, PlainLoader.construct_yaml_float)


def check_size(root: yaml.Node) -> None:
    """Bound the alias expansion of a document, in linear time.

    Raises: `MarkedYAMLError` where aliases make it infinite, too deep or too large.
    """
    _size(root, {}, set(), 0)


def _size(node: yaml.Node, known: dict[int, tuple[int, int]], above: set[int], depth: int) -> tuple[int, int]:
    """Size and height of the node after alias expansion; `above` are its ancestors."""
    if isinstance(node, yaml.ScalarNode):
        return 1 + len(node.value), 0
    key = id(node)
    if key in above:
        raise _refused(node, "an anchor that holds itself")
    if key not in known:
        if depth > MAX_DEPTH:
            raise _refused(node, f"nested more than {MAX_DEPTH} deep")
        above.add(key)
        parts = [_size(child, known, above, depth + 1) for child in _children(node)]
        above.discard(key)
        known[key] = 1 + sum(size for size, _ in parts), 1 + max((height for _, height in parts), default=0)
    size, height = known[key]
    if depth + height > MAX_DEPTH:
        raise _refused(node, f"nested more than {MAX_DEPTH} deep")
    if size > MAX_SIZE:
        raise _refused(node, "aliases that expand to more than a config may hold; write the values out")
    return size, height


def _children(node: yaml.Node) -> list[yaml.Node]:
    if isinstance(node, yaml.MappingNode):
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise _refused(key, "a key that is no plain text")
        return [part for pair in node.value for part in pair]
    entries: list[Any] = node.value
    return entries


def _refused(node: yaml.Node, problem: str) -> yaml.MarkedYAMLError:
    return yaml.MarkedYAMLError(problem=problem, problem_mark=node.start_mark)
