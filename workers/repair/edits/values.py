"""Mutation operators on values: constants, ±1, slices and subscripts."""

import ast
from collections.abc import Iterator

from workers.repair.kinds import fits
from workers.repair.scope import Draft, Scope
from workers.repair.source import Splice

_COMMON = (
    "0",
    "1",
    "-1",
    "2",
    "None",
    "True",
    "False",
    '""',
    "[]",
    "{}",
    "()",
    '" "',
    "set()",
    "0.0",
    "10",
    "100",
)
_COUNTED = (ast.Name, ast.Call, ast.BinOp, ast.Attribute, ast.Subscript)


def constants(scope: Scope, node: ast.expr) -> Iterator[Draft]:
    """A number one more or less, a flag flipped, another constant of the file or a common one."""
    if not isinstance(node, ast.Constant) or isinstance(node.value, bytes) or node.value is ...:
        return
    value, text = node.value, scope.text(node)
    for other, weight in _numbers(value):
        yield Draft("number", weight, scope.put(node, other))
    kind = scope.kind(node)
    near_by = [p.text for p in scope.constants if p.text != text and fits(kind, p.kind)][:30]
    for other_text in near_by:
        yield Draft("constant of the file", 0.5 / len(near_by) ** 0.5, scope.put(node, other_text))
    for other_text in _COMMON:
        if other_text != text and other_text not in near_by:
            yield Draft("common constant", 0.12, scope.put(node, other_text))
    if isinstance(value, str):
        yield from _strings(scope, node, value)


def _numbers(value: object) -> Iterator[tuple[str, float]]:
    if isinstance(value, bool):
        yield str(not value), 0.9
    elif isinstance(value, int):
        yield from ((str(near), 0.8) for near in (value + 1, value - 1))
        yield str(-value), 0.4
        yield from ((str(far), 0.1) for far in (value * 2, value // 2))
        yield from ((str(far), 0.07) for far in (value * 10, value // 10, value * 100, value + 2, value - 2))
        yield f"{value}.0", 0.05
    elif isinstance(value, float):
        scaled = [value * 10, value / 10, value * 100, value / 100, value / 2, value * 2]
        for other in (1 + value, 1 - value, -value, *scaled):
            yield repr(round(other, 12)), 0.15


def _strings(scope: Scope, node: ast.expr, value: str) -> Iterator[Draft]:
    made = {
        value.strip(),
        value.lower(),
        value.upper(),
        value.title(),
        f"{value} ",
        f" {value}",
        value[1:],
        value[:-1],
    }
    made |= {", ", ",", "\n", "-", "_", ".", "/", ":", ";", "0", "\t"} if len(value) <= 2 else set()
    for other in sorted(made - {value}):
        yield Draft("string", 0.06, scope.put(node, repr(other)))


def one_more_or_less(scope: Scope, node: ast.expr) -> Iterator[Draft]:
    """`x + 1` or `x - 1` where a number is meant, likeliest where things are counted."""
    if not isinstance(node, _COUNTED) or isinstance(getattr(node, "ctx", ast.Load()), ast.Store | ast.Del):
        return
    if scope.kind(node) not in ("num", "?"):
        return
    weight = _off_by_one(scope, node) * (1.0 if scope.kind(node) == "num" else 0.5)
    if weight:
        text = scope.text(node)
        yield Draft("off by one", weight, scope.put(node, f"{text} + 1"))
        yield Draft("off by one", weight, scope.put(node, f"{text} - 1"))


def _off_by_one(scope: Scope, node: ast.expr) -> float:
    parent = scope.source.parents.get(node)
    if isinstance(parent, ast.Slice | ast.Subscript):
        return 0.7 if parent is not None and getattr(parent, "value", None) is not node else 0.0
    if isinstance(parent, ast.Call):
        if node is parent.func:
            return 0.0
        return 0.7 if isinstance(parent.func, ast.Name) and parent.func.id == "range" else 0.25
    if isinstance(parent, ast.BinOp | ast.Compare):
        return 0.35
    return 0.35 if isinstance(parent, ast.Return | ast.Assign | ast.AugAssign) else 0.0


def slices(scope: Scope, node: ast.expr) -> Iterator[Draft]:
    """Bounds of a slice dropped or added; an index for a slice; a sequence without its ends, or reversed."""
    if isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Load):
        value = scope.text(node.value)
        if isinstance(node.slice, ast.Slice):
            yield from _bounds(scope, node, value, node.slice)
        else:
            index = scope.text(node.slice)
            yield Draft("slice", 0.15, scope.put(node, f"{value}[{index}:]"))
            yield Draft("slice", 0.15, scope.put(node, f"{value}[:{index}]"))
            yield Draft("index", 0.2, scope.put(node, f"{value}[-({index})]"))
            yield Draft("lookup", 0.2, scope.put(node, f"{value}.get({index})"))
            for default in ("0", '""', "[]", "{}", index):
                yield Draft("lookup", 0.1, scope.put(node, f"{value}.get({index}, {default})"))
        yield Draft("subscript dropped", 0.2, scope.put(node, value))
    elif isinstance(node, ast.Name | ast.Attribute | ast.Call) and isinstance(
        getattr(node, "ctx", ast.Load()), ast.Load
    ):
        yield from _cut(scope, node)


def _bounds(scope: Scope, node: ast.expr, value: str, bounds: ast.Slice) -> Iterator[Draft]:
    low, high, step = (scope.text(part) if part else "" for part in (bounds.lower, bounds.upper, bounds.step))
    tail = f":{step}" if step else ""
    others = [
        (low, ""), ("", high), ("", low), (high, ""), (high, low), (low or "1", high), ("1", high), (low, high or "-1"),
        (low, "-1"), (f"-({low})" if low else "", high), (low, f"-({high})" if high else ""),
        (low, f"{low} + {high}" if low and high else high),
    ]  # fmt: skip
    for first, second in dict.fromkeys(others):
        if (first, second) != (low, high):
            yield Draft("slice", 0.3, scope.put(node, f"{value}[{first}:{second}{tail}]"))
    for other in ("::-1", f"{low}:{high}:-1", f"{low}:{high}"):
        yield Draft("slice", 0.15, scope.put(node, f"{value}[{other}]"))
    for single in filter(None, (low, high)):
        yield Draft("slice", 0.1, scope.put(node, f"{value}[{single}]"))


def _cut(scope: Scope, node: ast.expr) -> Iterator[Draft]:
    kind = scope.kind(node)
    if kind not in ("seq", "str") and not (kind == "?" and isinstance(node, ast.Name)):
        return
    parent = scope.source.parents.get(node)
    if isinstance(parent, ast.Attribute | ast.Subscript):
        return
    if isinstance(parent, ast.Call) and parent.func is node:
        return
    weight = 0.2 if kind != "?" else 0.05
    for cut in ("[1:]", "[:-1]", "[::-1]", "[0]", "[-1]", "[:]"):
        yield Draft("slice", weight, scope.put(node, f"{scope.text(node)}{cut}"))


def defaults(scope: Scope, stmt: ast.stmt) -> Iterator[Draft]:
    """A mutable default argument made anew in each call."""
    if not isinstance(stmt, ast.FunctionDef | ast.AsyncFunctionDef):
        return
    args = [*stmt.args.posonlyargs, *stmt.args.args]
    pairs = list(zip(reversed(args), reversed(stmt.args.defaults), strict=False))
    pairs += [(a, d) for a, d in zip(stmt.args.kwonlyargs, stmt.args.kw_defaults, strict=True) if d]
    first = stmt.body[1] if len(stmt.body) > 1 and _is_text(stmt.body[0]) else stmt.body[0]
    for arg, default in pairs:
        if isinstance(default, ast.List | ast.Dict | ast.Set | ast.Call) and scope.source.owns_lines(first):
            begin = scope.source.block(first)[0]
            indent, newline = scope.source.indent(first).decode(), scope.source.newline.decode()
            guard = f"{indent}if {arg.arg} is None:{newline}{indent}    {arg.arg} = {scope.text(default)}{newline}"
            yield Draft(
                "shared default", 0.9, (*scope.put(default, "None"), Splice(begin, begin, guard.encode()))
            )


def _is_text(stmt: ast.stmt) -> bool:
    return isinstance(stmt, ast.Expr) and isinstance(stmt.value, ast.Constant)
