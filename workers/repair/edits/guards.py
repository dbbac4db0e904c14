"""Mutation operators that insert statements: early returns, raises, updates of variables."""

import ast
from collections.abc import Iterator

from workers.repair.edits import conditions
from workers.repair.scope import Draft, Scope
from workers.repair.source import Splice

_VALUES = ("None", "0", "[]", "False", "True", '""', "{}", "1", "-1", "set()", "0.0", "()")
_RAISED = ("ValueError", "KeyError", "IndexError", "TypeError", "ZeroDivisionError")


def guarded(scope: Scope, stmt: ast.stmt) -> Iterator[Draft]:
    """`if c: return v`, `raise`, `continue` or `break` in front of the statement."""
    source = scope.source
    if isinstance(scope.node, ast.Module | ast.ClassDef) or not source.owns_lines(stmt):
        return
    if isinstance(stmt, ast.Expr) and isinstance(stmt.value, ast.Constant):
        return
    exits = _exits(scope, stmt)
    tests = conditions.tests(scope)
    first = stmt is _first(scope)
    base = 2.0 if first else 1.0
    number = max(1, len(tests) * len(exits))
    for test in tests:
        plain = (
            1.5
            if any(
                test in (f"not {p}", f"{p} is None", f"{p} <= 0", f"{p} == 0", f"{p} < 0")
                for p in scope.parameters
            )
            else 1.0
        )
        for text, share in exits:
            weight = min(1.0, base * plain * share / number**0.5)
            yield Draft("guard", weight, (_before(scope, stmt, f"if {test}:", text),))


def _first(scope: Scope) -> ast.stmt:
    body = scope.node.body
    if len(body) > 1 and isinstance(body[0], ast.Expr) and isinstance(body[0].value, ast.Constant):
        return body[1]
    return body[0]


def _exits(scope: Scope, stmt: ast.stmt) -> list[tuple[str, float]]:
    returned = [scope.text(s.value) for s in scope.statements if isinstance(s, ast.Return) and s.value]
    short = [text for text in returned if len(text) <= 40 and "\n" not in text]
    exits = [(f"return {text}", 1.0) for text in dict.fromkeys(short)]
    exits += [(f"return {name}", 0.6) for name in scope.parameters[:4]]
    exits += [(f"return {value}", 0.6 if number < 6 else 0.3) for number, value in enumerate(_VALUES)]
    raised = [scope.text(n) for n in ast.walk(scope.source.tree) if isinstance(n, ast.Raise) and n.exc]
    exits += [(text, 0.5) for text in dict.fromkeys(raised) if "\n" not in text and len(text) < 100][:4]
    exits += [(f"raise {name}", 0.4 if name == "ValueError" else 0.15) for name in _RAISED]
    if _in_loop(scope, stmt):
        exits += [("continue", 1.0), ("break", 0.8)]
    return list({text: (text, share) for text, share in reversed(exits)}.values())


def _in_loop(scope: Scope, stmt: ast.stmt) -> bool:
    node: ast.AST | None = stmt
    while node is not None and node is not scope.node:
        node = scope.source.parents.get(node)
        if isinstance(node, ast.For | ast.While):
            return True
    return False


def _before(scope: Scope, stmt: ast.stmt, *lines: str) -> Splice:
    indent, newline = scope.source.indent(stmt), scope.source.newline
    begin = scope.source.block(stmt)[0]
    text = b"".join(indent + b"    " * depth + line.encode() + newline for depth, line in enumerate(lines))
    return Splice(begin, begin, text)


def _after(scope: Scope, stmt: ast.stmt, indent: bytes, line: str) -> Splice:
    offset = scope.source.block(stmt)[1]
    text = indent + line.encode() + scope.source.newline
    if offset and scope.source.raw[offset - 1 : offset] not in (b"\n", b"\r"):
        text = scope.source.newline + text
    return Splice(offset, offset, text)


def returns(scope: Scope, stmt: ast.stmt) -> Iterator[Draft]:
    """A `return` behind the last statement of the function or of a block."""
    if isinstance(scope.node, ast.Module | ast.ClassDef) or not scope.source.owns_lines(stmt):
        return
    if isinstance(stmt, ast.Return | ast.Raise | ast.Break | ast.Continue):
        return
    at_end = stmt is scope.node.body[-1]
    values = [*scope.locals, *(name for name in scope.held if name.startswith("self.")), "self", *_VALUES[:6]]
    values = [value for value in dict.fromkeys(values) if value != "self" or "self" in scope.held]
    for value in values:
        weight = (0.9 if at_end else 0.25) / len(values) ** 0.5
        yield Draft(
            "return added", weight, (_after(scope, stmt, scope.source.indent(stmt), f"return {value}"),)
        )


def updates(scope: Scope, stmt: ast.stmt) -> Iterator[Draft]:
    """A forgotten update in front of the statement or behind it: a counter, a collection, an attribute."""
    source = scope.source
    if isinstance(scope.node, ast.Module | ast.ClassDef) or not source.owns_lines(stmt):
        return
    leaves = isinstance(stmt, ast.Return | ast.Raise | ast.Break | ast.Continue)
    lines = list(_updates(scope))
    for line in lines:
        weight = 0.6 / len(lines) ** 0.5
        yield Draft("update added", weight, (_before(scope, stmt, line),))
        if not leaves and stmt is _block_end(scope, stmt):
            yield Draft("update added", weight, (_after(scope, stmt, source.indent(stmt), line),))


def _block_end(scope: Scope, stmt: ast.stmt) -> ast.stmt:
    parent = scope.source.parents[stmt]
    for name in ("body", "orelse", "finalbody"):
        block = getattr(parent, name, None)
        if isinstance(block, list) and stmt in block:
            last: ast.stmt = block[-1]
            return last
    return stmt


def _updates(scope: Scope) -> Iterator[str]:
    kinds = {
        piece.text: piece.kind for piece in scope.pieces if isinstance(piece.node, ast.Name | ast.Attribute)
    }
    names = [name for name in kinds if name not in ("self", "cls") and kinds[name] != "func"][:10]
    types = {name: set(scope.held.get(name, ())) for name in names}
    parameters = set(scope.parameters)
    for name in names:
        others = [other for other in names if other != name]
        if kinds[name] == "num":
            yield from (f"{name} += 1", f"{name} -= 1")
            yield from (f"{name} += {other}" for other in others[:6] if kinds[other] == "num")
            yield from (f"{name} -= {other}" for other in others[:6] if kinds[other] == "num")
        if "list" in types[name] or "deque" in types[name]:
            yield from (f"{name}.append({other})" for other in others)
            yield from (
                f"{name}.pop()",
                f"{name}.sort()",
                f"{name} = list({name})",
                f"{name} = sorted({name})",
            )
        if "set" in types[name]:
            yield from (f"{name}.add({other})" for other in others)
            yield from (f"{name}.discard({other})" for other in others[:4])
        if kinds[name] == "dict":
            yield from (f"{name}[{a}] = {b}" for a in others[:5] for b in others[:6] if a != b)
        if kinds[name] == "str":
            yield from (f"{name} = {name}.strip()", f"{name} = {name}.lower()")
        if name not in parameters or "." in name:
            yield from (f"{name} = {other}" for other in others if kinds[other] in (kinds[name], "?"))
            yield from (
                f"{name} = {value}"
                for value in ("0", "None", "[]", "True", "False")
                if "." in name or value == "0"
            )
