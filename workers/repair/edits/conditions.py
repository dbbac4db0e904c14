"""Mutation operators on conditions: joined with another one; and templates for the conditions of new guards."""

import ast
from collections.abc import Iterator

from workers.repair.scope import Draft, Scope
from workers.repair.source import is_atom

_TESTS = {
    "num": ("{} == 0", "{} <= 0", "{} < 0", "{} > 0", "{} == 1", "{} is None", "{}"),
    "str": ("not {}", "{}", "{} is None"),
    "seq": ("not {}", "{}", "len({}) == 1", "{} is None"),
    "set": ("not {}", "{}"),
    "dict": ("not {}", "{}", "{} is None"),
    "bool": ("{}", "not {}"),
    "none": ("{} is None", "not {}"),
    "?": ("not {}", "{} is None", "{}", "{} is not None", "{} == 0", "{} < 0"),
}  # fmt: skip
_MAX_PAIRS = 6


def joined(scope: Scope, node: ast.expr) -> Iterator[Draft]:
    """`c and d` or `c or d` for a condition `c`, with `d` from the function or from a template."""
    if not scope.is_tested(node) or isinstance(node, ast.BoolOp | ast.Constant):
        parent = scope.source.parents.get(node)
        if not (isinstance(parent, ast.Return) and scope.kind(node) == "bool"):
            return
    text = scope.text(node)
    own = text if is_atom(text) or isinstance(node, ast.Compare) else f"({text})"
    others = [piece for piece in tests(scope) if piece != text]
    for other in others:
        safe = other if is_atom(other) or " or " not in other else f"({other})"
        for token in ("and", "or"):
            for first, second in ((own, safe), (safe, own)):
                weight = 1.2 / (len(others) * 4) ** 0.5
                weight *= 1.0 if first == own else 0.5
                yield Draft(
                    "condition joined", min(1.0, weight), scope.put(node, f"{first} {token} {second}")
                )


def tests(scope: Scope) -> list[str]:
    """Conditions worth testing here: those of the function, their negations, templates over its names."""
    conditions = [piece.text for piece in scope.conditions]
    conditions += [f"not ({piece.text})" for piece in scope.conditions]
    named = _named(scope)
    for name, kind in named:
        conditions += [template.format(name) for template in _TESTS.get(kind, _TESTS["?"])]
    conditions += list(_pairs(named))
    return list(dict.fromkeys(conditions))


def _named(scope: Scope) -> list[tuple[str, str]]:
    """Names and short attribute or item expressions, with their kinds."""
    names = []
    for piece in scope.pieces:
        plain = isinstance(piece.node, ast.Name | ast.Attribute | ast.Subscript)
        if plain and len(piece.text) <= 25 and piece.text not in ("self", "cls") and piece.kind != "func":
            names.append((piece.text, piece.kind))
    return names[:14]


def _pairs(named: list[tuple[str, str]]) -> Iterator[str]:
    numbers = [text for text, kind in named if kind == "num"][:_MAX_PAIRS]
    for index, a in enumerate(numbers):
        for b in numbers[index + 1 :]:
            yield from (f"{a} {op} {b}" for op in ("<", ">", "==", "<=", ">=", "!="))
    holders = [text for text, kind in named if kind in ("set", "dict", "seq")][:3]
    singles = [text for text, kind in named if kind not in ("set", "dict", "seq", "func")][:_MAX_PAIRS]
    for holder in holders:
        for single in singles:
            yield from (f"{single} in {holder}", f"{single} not in {holder}")
    sequences = [text for text, kind in named if kind in ("seq", "str")][:3]
    for number in numbers:
        for sequence in sequences:
            yield from (f"{number} < len({sequence})", f"{number} >= len({sequence})")
