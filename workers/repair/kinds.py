"""Type inference for edits: a rough kind (num, str, bool, seq, set, dict, none, func or ?) from syntax and tests."""

import ast
from collections.abc import Mapping, Sequence

Held = Mapping[str, Sequence[str]]
"""Observed type names of a function's variables, by name (`x`, `self.x`)."""

_OF_TYPE = {
    "int": "num", "float": "num", "Decimal": "num", "Fraction": "num", "complex": "num",
    "str": "str", "bool": "bool", "list": "seq", "tuple": "seq", "deque": "seq", "range": "seq",
    "set": "set", "frozenset": "set", "dict": "dict", "defaultdict": "dict", "OrderedDict": "dict",
    "Counter": "dict", "NoneType": "none", "function": "func", "builtin_function_or_method": "func",
    "method": "func",
}  # fmt: skip
_OF_CALL = {
    "len": "num", "int": "num", "float": "num", "abs": "num", "sum": "num", "ord": "num", "round": "num",
    "str": "str", "repr": "str", "chr": "str", "list": "seq", "sorted": "seq", "tuple": "seq",
    "range": "seq", "set": "set", "frozenset": "set", "dict": "dict", "bool": "bool",
    "isinstance": "bool", "any": "bool", "all": "bool", "hasattr": "bool", "callable": "bool",
}  # fmt: skip
_OF_METHOD = {
    "strip": "str", "lstrip": "str", "rstrip": "str", "lower": "str", "upper": "str", "title": "str",
    "join": "str", "replace": "str", "format": "str", "split": "seq", "splitlines": "seq", "rsplit": "seq",
    "startswith": "bool", "endswith": "bool", "isdigit": "bool", "isalpha": "bool", "isalnum": "bool",
    "find": "num", "rfind": "num", "index": "num", "count": "num",
}  # fmt: skip
_OF_NODE: dict[type[ast.expr], str] = {
    ast.Compare: "bool", ast.JoinedStr: "str", ast.List: "seq", ast.Tuple: "seq", ast.ListComp: "seq",
    ast.Set: "set", ast.SetComp: "set", ast.Dict: "dict", ast.DictComp: "dict", ast.GeneratorExp: "seq",
    ast.Lambda: "func",
}  # fmt: skip


def kind_of(node: ast.expr, held: Held) -> str:
    """The kind of an expression, `?` where nothing is known."""
    if isinstance(node, ast.Constant):
        return _OF_TYPE.get(type(node.value).__name__, "?")
    if isinstance(node, ast.Name):
        return _of_types(held.get(node.id, ()))
    if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
        return _of_types(held.get(f"{node.value.id}.{node.attr}", ()))
    if isinstance(node, ast.Call):
        return _of_call(node.func)
    return _of_operation(node, held)


def _of_operation(node: ast.expr, held: Held) -> str:
    if isinstance(node, ast.UnaryOp):
        return "bool" if isinstance(node.op, ast.Not) else "num"
    if isinstance(node, ast.BinOp):
        sides = {kind_of(node.left, held), kind_of(node.right, held)} - {"?"}
        if isinstance(node.op, ast.Sub | ast.Div | ast.FloorDiv | ast.Pow) and "set" not in sides:
            return "num"
        return sides.pop() if len(sides) == 1 else "?"
    if isinstance(node, ast.BoolOp):
        sides = {kind_of(value, held) for value in node.values}
        return sides.pop() if len(sides) == 1 else "?"
    if isinstance(node, ast.IfExp):
        return kind_of(node.body, held)
    if isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Slice):
        return kind_of(node.value, held)
    if isinstance(node, ast.Subscript) and kind_of(node.value, held) == "str":
        return "str"
    return _OF_NODE.get(type(node), "?")


def _of_types(names: Sequence[str]) -> str:
    kinds = {_OF_TYPE.get(name, "?") for name in names}
    if len(kinds) > 1:
        kinds -= {"none"}
    return kinds.pop() if len(kinds) == 1 else "?"


def _of_call(func: ast.expr) -> str:
    if isinstance(func, ast.Name):
        return _OF_CALL.get(func.id, "?")
    return _OF_METHOD.get(func.attr, "?") if isinstance(func, ast.Attribute) else "?"


def fits(wanted: str, given: str) -> bool:
    """Whether a value of kind `given` may replace one of kind `wanted`."""
    if "?" in (wanted, given) or wanted == given:
        return True
    return {wanted, given} <= {"num", "bool", "none"} or "none" in (wanted, given)
