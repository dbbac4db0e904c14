"""Mutation operators on statements: deleted, moved, copied, wrapped, swapped, or replaced by a related one."""

import ast
import re
from collections.abc import Iterator

from workers.repair.edits import conditions
from workers.repair.scope import Draft, Function, Scope
from workers.repair.source import Splice, blocks

_AUGMENTED: dict[type[ast.operator], str] = {
    ast.Add: "+=", ast.Sub: "-=", ast.Mult: "*=", ast.Div: "/=", ast.FloorDiv: "//=", ast.Mod: "%=",
    ast.BitOr: "|=", ast.BitAnd: "&=", ast.BitXor: "^=", ast.Pow: "**=", ast.LShift: "<<=", ast.RShift: ">>=",
}  # fmt: skip
_INNER = "    "


def _lines(scope: Scope, stmt: ast.stmt) -> list[bytes]:
    begin, end = scope.source.block(stmt)
    return scope.source.raw[begin:end].splitlines(keepends=True)


def reindented(scope: Scope, stmt: ast.stmt, indent: bytes) -> bytes:
    """The lines of a statement at another depth; a line break at the end is certain."""
    old = scope.source.indent(stmt)
    lines = [indent + line[len(old) :] if line.startswith(old) else line for line in _lines(scope, stmt)]
    text = b"".join(lines)
    return text if text.endswith((b"\n", b"\r")) else text + scope.source.newline


def _block_of(scope: Scope, stmt: ast.stmt) -> list[ast.stmt]:
    parent = scope.source.parents[stmt]
    return next((block for block in blocks(parent) if stmt in block), [stmt])


def _cut(scope: Scope, stmt: ast.stmt) -> Splice:
    """Takes the statement away, leaving `pass` where a block would be empty."""
    if len(_block_of(scope, stmt)) > 1 and scope.source.owns_lines(stmt):
        begin, end = scope.source.block(stmt)
        return Splice(begin, end, b"")
    return Splice(scope.source.start(stmt), scope.source.end(stmt), b"pass")


def _insert(scope: Scope, stmt: ast.stmt, text: bytes, after: bool) -> Splice:
    offset = scope.source.block(stmt)[1 if after else 0]
    if offset and scope.source.raw[offset - 1 : offset] not in (b"\n", b"\r"):
        text = scope.source.newline + text
    return Splice(offset, offset, text)


def deleted(scope: Scope, stmt: ast.stmt) -> Iterator[Draft]:
    """The statement left out; of a block with a header, only the header."""
    if isinstance(stmt, Function | ast.ClassDef | ast.Import | ast.ImportFrom | ast.Pass):
        return
    yield Draft("deleted", 0.35 if not any(blocks(stmt)) else 0.25, (_cut(scope, stmt),))
    if isinstance(stmt, ast.If | ast.While | ast.With) and not getattr(stmt, "orelse", None):
        yield from _unwrapped(scope, stmt)


def _unwrapped(scope: Scope, stmt: ast.If | ast.While | ast.With) -> Iterator[Draft]:
    if all(scope.source.owns_lines(inner) for inner in (stmt, *stmt.body)):
        text = b"".join(reindented(scope, inner, scope.source.indent(stmt)) for inner in stmt.body)
        begin, end = scope.source.block(stmt)
        yield Draft("unwrapped", 0.3, (Splice(begin, end, text),))


def moved(scope: Scope, stmt: ast.stmt) -> Iterator[Draft]:
    """The statement one place up or down, out of its block, or into the block before it."""
    source = scope.source
    if not source.owns_lines(stmt) or isinstance(stmt, Function | ast.ClassDef):
        return
    block = _block_of(scope, stmt)
    position = block.index(stmt)
    for other in block[position + 1 : position + 2] + block[position + 2 : position + 4]:
        if source.owns_lines(other):
            text = reindented(scope, stmt, source.indent(stmt))
            weight = 0.45 if other is block[position + 1] else 0.2
            yield Draft("moved", weight, (_cut(scope, stmt), _insert(scope, other, text, after=True)))
    for other in block[max(0, position - 3) : max(0, position - 1)]:
        text = reindented(scope, stmt, source.indent(stmt))
        if source.owns_lines(other):
            yield Draft("moved", 0.2, (_cut(scope, stmt), _insert(scope, other, text, after=False)))
    yield from _out(scope, stmt, block)
    yield from _into(scope, stmt, block, position)


def _out(scope: Scope, stmt: ast.stmt, block: list[ast.stmt]) -> Iterator[Draft]:
    parent = scope.source.parents[stmt]
    if not isinstance(parent, ast.stmt) or isinstance(parent, Function | ast.ClassDef):
        return
    if scope.source.owns_lines(parent) and scope.source.block(parent)[1] >= scope.source.block(stmt)[1]:
        text = reindented(scope, stmt, scope.source.indent(parent))
        last = 0.6 if stmt is block[-1] else 0.3
        cut = _cut(scope, stmt)
        if stmt is block[-1] and scope.source.block(parent)[1] == cut.end:
            yield Draft("moved out", last, (Splice(cut.start, cut.end, cut.text + text),))
        else:
            yield Draft("moved out", last, (cut, _insert(scope, parent, text, after=True)))
        yield Draft("moved out", 0.25, (cut, _insert(scope, parent, text, after=False)))


def _into(scope: Scope, stmt: ast.stmt, block: list[ast.stmt], position: int) -> Iterator[Draft]:
    if position == 0:
        return
    for target in blocks(block[position - 1]):
        last = target[-1]
        while True:
            if scope.source.owns_lines(last):
                text = reindented(scope, stmt, scope.source.indent(last))
                both = (_insert(scope, last, text, after=True), _cut(scope, stmt))
                yield Draft("moved in", 0.4, both)
            inner = next(iter(blocks(last)), None)
            if inner is None or isinstance(last, Function | ast.ClassDef):
                break
            last = inner[-1]


def copied(scope: Scope, stmt: ast.stmt) -> Iterator[Draft]:
    """A short statement of the function once more, in front of this one or behind it."""
    source = scope.source
    if not source.owns_lines(stmt) or isinstance(scope.node, ast.Module | ast.ClassDef):
        return
    others = [o for o in scope.statements if o is not stmt and _is_short(scope, o)]
    share = max(1, len(others)) ** 0.5
    for other in others:
        text = reindented(scope, other, source.indent(stmt))
        if not isinstance(stmt, ast.Return | ast.Raise | ast.Break | ast.Continue):
            yield Draft("copied", 0.3 / share, (_insert(scope, stmt, text, after=True),))
        if not isinstance(other, ast.Return | ast.Raise | ast.Break | ast.Continue):
            yield Draft("copied", 0.3 / share, (_insert(scope, stmt, text, after=False),))


def _is_short(scope: Scope, stmt: ast.stmt) -> bool:
    if isinstance(
        stmt, Function | ast.ClassDef | ast.For | ast.While | ast.Try | ast.With | ast.Import | ast.Match
    ):
        return False
    return scope.source.owns_lines(stmt) and len(_lines(scope, stmt)) <= 3


def jumps(scope: Scope, stmt: ast.stmt) -> Iterator[Draft]:
    """`break` for `continue`, `return` for `break`, `yield` for `return`, a value returned after all."""
    start, end = scope.source.start(stmt), scope.source.end(stmt)

    def whole(kind: str, weight: float, text: str) -> Draft:
        return Draft(kind, weight, (Splice(start, end, text.encode()),))

    if isinstance(stmt, ast.Break | ast.Continue | ast.Pass):
        for word in ("break", "continue", "pass", "return", "return None", "return True", "return False"):
            yield whole("jump", 0.6 if word in ("break", "continue") else 0.2, word)
    elif isinstance(stmt, ast.Expr) and not isinstance(stmt.value, ast.Constant):
        yield whole("returned", 0.5, f"return {scope.text(stmt)}")
        if isinstance(stmt.value, ast.Yield) and stmt.value.value:
            yield whole("yielded", 0.6, f"yield from {scope.text(stmt.value.value)}")
        if isinstance(stmt.value, ast.YieldFrom):
            yield whole("yielded", 0.6, f"yield {scope.text(stmt.value.value)}")
        yield from (whole("assigned", 0.3, f"{name} = {scope.text(stmt)}") for name in scope.locals[:8])
    elif isinstance(stmt, ast.Return):
        if stmt.value is not None:
            value = scope.text(stmt.value)
            yield whole("jump", 0.25, f"yield {value}")
            yield whole("jump", 0.1, f"yield from {value}")
        yield from (whole("jump", 0.1, word) for word in ("break", "continue"))
        yield from (
            whole("returned", 0.15, f"return {v}") for v in ("None", "True", "False", "0", "-1", "[]", '""')
        )
    elif isinstance(stmt, ast.Assign) and len(stmt.targets) == 1:
        yield whole("returned", 0.15, f"return {scope.text(stmt.value)}")


def assignments(scope: Scope, stmt: ast.stmt) -> Iterator[Draft]:
    """`+=` for `=`, `-=` for `+=`, `extend` for `append`, a call's result kept."""
    if isinstance(stmt, ast.AugAssign):
        token = _AUGMENTED.get(type(stmt.op))
        span = scope.operator(stmt.target, stmt.value, token) if token else None
        if span is not None:
            others = [
                other
                for other in ("+=", "-=", "=", "*=", "//=", "/=", "|=", "&=", "^=", "%=")
                if other != token
            ]
            for other in others:
                weight = (
                    0.7 if {token, other} in ({"+=", "-="}, {"*=", "/="}) else 0.4 if other == "=" else 0.1
                )
                yield Draft("assignment", weight, (Splice(span.start, span.end, other.encode()),))
    elif isinstance(stmt, ast.Assign) and len(stmt.targets) == 1:
        span = scope.operator(stmt.targets[0], stmt.value, "=")
        if span is not None:
            for other in ("+=", "-=", "*=", "|=", "//=", "&="):
                weight = 0.5 if other == "+=" else 0.15
                yield Draft("assignment", weight, (Splice(span.start, span.end, other.encode()),))


def branches(scope: Scope, stmt: ast.stmt) -> Iterator[Draft]:
    """`if` for `elif`, `elif` for `if`, `while` for `if`; bodies of `if` and `else` swapped."""
    if not isinstance(stmt, ast.If | ast.While):
        return
    source, start = scope.source, scope.source.start(stmt)
    word = re.match(rb"\w+", source.raw[start:])
    assert word is not None
    old = word.group().decode()
    others = {"if": ("while", "elif"), "while": ("if",), "elif": ("if",)}[old]
    for other in others:
        weight = 0.4 if {old, other} != {"if", "elif"} else 0.5
        yield Draft("branch", weight, (Splice(start, start + len(old), other.encode()),))
    if isinstance(stmt, ast.If) and stmt.orelse and not isinstance(stmt.orelse[0], ast.If):
        first, second = _span(scope, stmt.body), _span(scope, stmt.orelse)
        yield Draft("branches swapped", 0.5, (
            Splice(first[0], first[1], source.raw[slice(*second)]),
            Splice(second[0], second[1], source.raw[slice(*first)]),
        ))  # fmt: skip
    yield from _else_freed(scope, stmt)


def _else_freed(scope: Scope, stmt: ast.If | ast.While) -> Iterator[Draft]:
    """What follows an `if` as its `else`, and the `else` of a block as what follows."""
    source = scope.source
    if not source.owns_lines(stmt):
        return
    block = _block_of(scope, stmt)
    following = block[block.index(stmt) + 1 :]
    indent, newline = source.indent(stmt), source.newline
    if not stmt.orelse and following and all(source.owns_lines(other) for other in following):
        text = indent + b"else:" + newline
        text += b"".join(reindented(scope, other, indent + _INNER.encode()) for other in following)
        begin, end = source.block(following[0])[0], source.block(following[-1])[1]
        yield Draft("else", 0.25, (Splice(begin, end, text),))
    elif stmt.orelse and all(source.owns_lines(inner) for inner in stmt.orelse):
        begin = source.block(stmt.body[-1])[1]
        text = b"".join(reindented(scope, inner, indent) for inner in stmt.orelse)
        if not text.lstrip().startswith(b"elif"):
            yield Draft("else", 0.3, (Splice(begin, source.block(stmt.orelse[-1])[1], text),))


def _span(scope: Scope, block: list[ast.stmt]) -> tuple[int, int]:
    return scope.source.start(block[0]), scope.source.end(block[-1])


def wrapped(scope: Scope, stmt: ast.stmt) -> Iterator[Draft]:
    """The statement only under a condition."""
    if not scope.source.owns_lines(stmt) or isinstance(scope.node, ast.Module | ast.ClassDef):
        return
    if isinstance(stmt, Function | ast.ClassDef | ast.Import | ast.ImportFrom | ast.Pass):
        return
    indent, newline = scope.source.indent(stmt), scope.source.newline
    begin, end = scope.source.block(stmt)
    inner = reindented(scope, stmt, indent + _INNER.encode())
    tests = conditions.tests(scope)
    for test in tests:
        text = indent + f"if {test}:".encode() + newline + inner
        yield Draft("wrapped in if", 0.6 / max(1, len(tests)) ** 0.5, (Splice(begin, end, text),))
