"""Mutation operators on operators: swapped, negated, or removed."""

import ast
from collections.abc import Iterator

from workers.repair.scope import Draft, Scope
from workers.repair.source import Splice

_COMPARE: dict[type[ast.cmpop], str] = {
    ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">=", ast.Eq: "==", ast.NotEq: "!=",
    ast.In: "in", ast.NotIn: "not in", ast.Is: "is", ast.IsNot: "is not",
}  # fmt: skip
_LIKELY = {
    "<": "<= >", "<=": "< >=", ">": ">= <", ">=": "> <=", "==": "!= >= <=", "!=": "==",
}  # fmt: skip
_KIN = {
    "in": [("==", 0.5)], "not in": [("!=", 0.5)], "is": [("==", 0.5)], "is not": [("!=", 0.5)],
    "==": [("in", 0.3), ("is", 0.1)], "!=": [("not in", 0.3), ("is not", 0.1)],
}  # fmt: skip
_ORDER = ("<", "<=", ">", ">=", "==", "!=")
_BINARY: dict[type[ast.operator], str] = {
    ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/", ast.FloorDiv: "//", ast.Mod: "%",
    ast.Pow: "**", ast.BitAnd: "&", ast.BitOr: "|", ast.BitXor: "^", ast.LShift: "<<", ast.RShift: ">>",
}  # fmt: skip
_NEAR = {
    "+": "-", "-": "+", "*": "/ // + **", "/": "// *", "//": "/ % *", "%": "// /", "**": "* ^",
    "&": "| and", "|": "& ^ or", "^": "| & **", "<<": ">>", ">>": "<<",
}  # fmt: skip


def _swapped(span: Splice, text: str) -> tuple[Splice, ...]:
    return (Splice(span.start, span.end, text.encode()),)


def comparisons(scope: Scope, node: ast.expr) -> Iterator[Draft]:
    """`<` for `<=`, `in` for `not in`, `is` for `==` and so on."""
    if not isinstance(node, ast.Compare):
        return
    left = node.left
    for op, right in zip(node.ops, node.comparators, strict=True):
        token = _COMPARE[type(op)]
        span = scope.operator(left, right, token)
        left = right
        if span is None:
            continue
        for text, weight in _comparison_swaps(token):
            yield Draft("comparison", weight, _swapped(span, text))


def _comparison_swaps(token: str) -> Iterator[tuple[str, float]]:
    if token in _LIKELY:
        likely = _LIKELY[token].split()
        yield from ((text, 1.0 if text == likely[0] else 0.7) for text in likely)
        yield from ((text, 0.25) for text in _ORDER if text != token and text not in likely)
    other = {"in": "not in", "not in": "in", "is": "is not", "is not": "is"}.get(token)
    if other:
        yield other, 1.0
    yield from _KIN.get(token, ())


def arithmetic(scope: Scope, node: ast.expr) -> Iterator[Draft]:
    """`+` for `-`, `//` for `/`; operands swapped; one operand alone; parentheses set otherwise."""
    if not isinstance(node, ast.BinOp):
        return
    token = _BINARY[type(node.op)]
    span = scope.operator(node.left, node.right, token)
    if span is not None:
        near = _NEAR[token].split()
        for text in near:
            if text.isalpha():
                continue
            yield Draft("operator", 0.8 if text == near[0] else 0.5, _swapped(span, text))
        for text in sorted(set(_BINARY.values()) - set(near) - {token}):
            yield Draft("operator", 0.08, _swapped(span, text))
    yield from _operands(scope, node)
    yield from _regrouped(scope, node, token)


def _operands(scope: Scope, node: ast.BinOp) -> Iterator[Draft]:
    left, right = scope.text(node.left), scope.text(node.right)
    token = _BINARY[type(node.op)]
    yield Draft("operand alone", 0.4, scope.put(node, left))
    yield Draft("operand alone", 0.25, scope.put(node, right))
    swappable = token not in ("+", "*", "&", "|", "^") or "str" in (
        scope.kind(node.left),
        scope.kind(node.right),
    )
    if swappable or scope.kind(node) in ("seq", "?"):
        yield Draft(
            "operands swapped", 0.5 if swappable else 0.2, scope.put(node, f"({right}) {token} ({left})")
        )


def _regrouped(scope: Scope, node: ast.BinOp, token: str) -> Iterator[Draft]:
    """`a + b * c` as `(a + b) * c`, and `(a + b) * c` as `a + b * c`."""
    for inner, outer_first in ((node.right, True), (node.left, False)):
        if not isinstance(inner, ast.BinOp):
            continue
        a, b, c = (
            (node.left, inner.left, inner.right) if outer_first else (inner.left, inner.right, node.right)
        )
        first, second = (token, _BINARY[type(inner.op)])
        if not outer_first:
            first, second = second, first
        ta, tb, tc = scope.text(a), scope.text(b), scope.text(c)
        text = (
            f"(({ta}) {first} ({tb})) {second} ({tc})"
            if outer_first
            else f"({ta}) {first} (({tb}) {second} ({tc}))"
        )
        yield Draft("regrouped", 0.3, scope.put(node, text))


def logic(scope: Scope, node: ast.expr) -> Iterator[Draft]:
    """`and` for `or`; one part of a condition left out."""
    if not isinstance(node, ast.BoolOp):
        return
    word, other = ("and", "or") if isinstance(node.op, ast.And) else ("or", "and")
    spans = [scope.operator(a, b, word) for a, b in zip(node.values, node.values[1:], strict=False)]
    known = [span for span in spans if span is not None]
    if known:
        yield Draft("and/or", 0.9, tuple(s for span in known for s in _swapped(span, other)))
    if len(known) > 1:
        for span in known:
            yield Draft("and/or", 0.4, _swapped(span, other))
    for index in range(len(node.values)):
        rest = [scope.text(value) for n, value in enumerate(node.values) if n != index]
        yield Draft("condition dropped", 0.5, scope.put(node, f" {word} ".join(rest)))


def negation(scope: Scope, node: ast.expr) -> Iterator[Draft]:
    """`not` added to or taken from a condition; a sign flipped."""
    if isinstance(node, ast.UnaryOp):
        operand = scope.text(node.operand)
        yield Draft("negation", 0.8, scope.put(node, operand))
        return
    if scope.is_tested(node) or scope.kind(node) == "bool":
        weight = 0.3 if isinstance(node, ast.Compare) else 0.7
        if not isinstance(node, ast.Constant):
            yield Draft("negation", weight, scope.put(node, f"not ({scope.text(node)})"))
    elif scope.kind(node) == "num" and _is_whole(scope, node):
        yield Draft("negation", 0.15, scope.put(node, f"-({scope.text(node)})"))


def _is_whole(scope: Scope, node: ast.expr) -> bool:
    parent = scope.source.parents.get(node)
    return isinstance(parent, ast.stmt | ast.Call | ast.BinOp | ast.Lambda | ast.Tuple | ast.Subscript)


def fixed_conditions(scope: Scope, node: ast.expr) -> Iterator[Draft]:
    """A condition that always holds, or never."""
    if scope.is_tested(node) and not isinstance(node, ast.Constant):
        yield Draft("condition fixed", 0.12, scope.put(node, "True"))
        yield Draft("condition fixed", 0.12, scope.put(node, "False"))


def choices(scope: Scope, node: ast.expr) -> Iterator[Draft]:
    """The branches of `a if c else b` swapped, or one of them alone."""
    if isinstance(node, ast.IfExp):
        test, body, other = (scope.text(part) for part in (node.test, node.body, node.orelse))
        yield Draft("branches swapped", 0.6, scope.put(node, f"{other} if {test} else {body}"))
        yield Draft("branch alone", 0.3, scope.put(node, body))
        yield Draft("branch alone", 0.3, scope.put(node, other))
