"""Mutation operators on calls: arguments swapped, dropped or added; values wrapped in a call or unwrapped."""

import ast
from collections.abc import Iterator
from itertools import combinations

from workers.repair.scope import Draft, Function, Scope
from workers.repair.source import Splice

_WRAPS = {
    "num": "abs({})|int({})|round({})|max(0, {})|min({}, 0)|max(1, {})|str({})|float({})|round({}, 2)",
    "str": "{}.strip()|{}.lower()|{}.upper()|len({})|int({})|{}.split()|list({})|float({})|set({})|sorted({})"
    "|{}.casefold()",
    "seq": "len({})|sorted({})|list({})|set({})|tuple({})|reversed({})|sum({})|sorted({}, reverse=True)"
    "|enumerate({})|enumerate({}, 1)|range(len({}))|{}.copy()|max({})|min({})|list(dict.fromkeys({}))"
    '|list(reversed({}))|"".join({})|any({})|all({})',
    "set": "len({})|sorted({})|list({})|{}.copy()|set({})",
    "dict": "len({})|{}.items()|{}.values()|{}.keys()|{}.copy()|dict({})|sorted({})|list({})|list({}.values())"
    "|list({}.items())",
    "bool": "int({})|bool({})",
    "?": "len({})|int({})|str({})|list({})|sorted({})|abs({})|{}.strip()|{}.lower()|set({})|{}.copy()|bool({})",
}


def arguments(scope: Scope, node: ast.expr) -> Iterator[Draft]:
    """Two arguments of a call swapped, one dropped, one more given."""
    if not isinstance(node, ast.Call):
        return
    plain = [arg for arg in node.args if not isinstance(arg, ast.Starred)]
    for a, b in combinations(plain, 2):
        if scope.text(a) != scope.text(b):
            yield Draft(
                "arguments swapped", 0.8, (*scope.put(a, scope.text(b)), *scope.put(b, scope.text(a)))
            )
    values = [keyword.value for keyword in node.keywords]
    for a, b in combinations(values, 2):
        yield Draft("arguments swapped", 0.4, (*scope.put(a, scope.text(b)), *scope.put(b, scope.text(a))))
    func = scope.text(node.func)
    parts = [scope.text(arg) for arg in node.args]
    parts += [
        f"{k.arg}={scope.text(k.value)}" if k.arg else f"**{scope.text(k.value)}" for k in node.keywords
    ]
    for index in range(len(parts)):
        rest = ", ".join(parts[:index] + parts[index + 1 :])
        yield Draft("argument dropped", 0.3, scope.put(node, f"{func}({rest})"))
    yield from _given(scope, node, func, parts)


def _given(scope: Scope, node: ast.Call, func: str, parts: list[str]) -> Iterator[Draft]:
    if any(isinstance(arg, ast.GeneratorExp) for arg in node.args) and len(parts) == 1:
        generator = parts[0]
        parts = [generator if generator.startswith("(") else f"({generator})"]
    name = func.rpartition(".")[2]
    extras = _known_extras(name) + _parameters_of(scope, name)
    for extra in dict.fromkeys(extras):
        if extra.partition("=")[0] not in {part.partition("=")[0] for part in parts}:
            yield Draft("argument added", 0.3, scope.put(node, f"{func}({', '.join([*parts, extra])})"))
    if name == "range" and len(parts) == 1:
        for first in ("1", "0, -1", "2"):
            text = f"{func}({parts[0]}, {first})" if "," in first else f"{func}({first}, {parts[0]})"
            yield Draft("argument added", 0.4, scope.put(node, text))
    pieces = [p.text for p in scope.pieces if isinstance(p.node, ast.Name | ast.Constant | ast.Attribute)][
        :15
    ]
    for piece in [*pieces, "0", "1", "None", "True", "False"]:
        if piece not in parts:
            yield Draft(
                "argument added",
                0.3 / (len(pieces) + 5) ** 0.5,
                scope.put(node, f"{func}({', '.join([*parts, piece])})"),
            )
            if parts:
                yield Draft(
                    "argument added",
                    0.1 / (len(pieces) + 5) ** 0.5,
                    scope.put(node, f"{func}({', '.join([piece, *parts])})"),
                )


def _known_extras(name: str) -> list[str]:
    return {
        "sorted": [
            "reverse=True",
            "key=len",
            "key=str.lower",
            "key=lambda item: item[1]",
            "key=lambda item: item[0]",
        ],
        "sort": [
            "reverse=True",
            "key=len",
            "key=str.lower",
            "key=lambda item: item[1]",
            "key=lambda item: item[0]",
        ],
        "max": ["default=0", "default=None", "key=len", "key=lambda item: item[1]"],
        "min": ["default=0", "default=None", "key=len", "key=lambda item: item[1]"],
        "round": ["2", "1"],
        "enumerate": ["start=1"],
        "get": ["0", '""', "[]", "{}", "None"],
        "pop": ["0", "-1", "None"],
        "split": ['","', '" "', '"\\n"', "maxsplit=1", "1"],
        "strip": ['"\\n"', '" "'],
        "next": ["None"],
        "zip": ["strict=True"],
        "replace": ["1"],
    }.get(name, [])


def _parameters_of(scope: Scope, name: str) -> list[str]:
    """Keyword arguments for a function of the same file, from local names."""
    at_hand = set(scope.locals)
    for stmt in ast.walk(scope.source.tree):
        if isinstance(stmt, Function) and stmt.name == name:
            args = [arg.arg for arg in (*stmt.args.args, *stmt.args.kwonlyargs)]
            return [f"{arg}={arg}" for arg in args if arg in at_hand]
    return []


def wrapped(scope: Scope, node: ast.expr) -> Iterator[Draft]:
    """`len(x)` for `x`, `x.strip()` for `x`, or a helper of the module around `x`."""
    if not isinstance(
        node,
        ast.Name | ast.Attribute | ast.Subscript | ast.Call | ast.BinOp | ast.ListComp | ast.GeneratorExp,
    ):
        return
    parent = scope.source.parents.get(node)
    if isinstance(getattr(node, "ctx", ast.Load()), ast.Store | ast.Del) or isinstance(parent, ast.Expr):
        return
    if (isinstance(parent, ast.Call) and parent.func is node) or isinstance(parent, ast.Attribute):
        return
    kind, text = scope.kind(node), scope.text(node)
    base = {"num": 0.25, "?": 0.12}.get(kind, 0.25) * (0.7 if isinstance(node, ast.BinOp) else 1.0)
    subject = f"({text})" if isinstance(node, ast.BinOp) else text
    for template in _WRAPS.get(kind, _WRAPS["?"]).split("|"):
        inner = subject if template.startswith("{}.") else text
        yield Draft("wrapped", base, scope.put(node, template.replace("{}", inner)))
    helpers = _helpers(scope)
    for helper in helpers:
        yield Draft("wrapped", 0.3 / len(helpers) ** 0.5, scope.put(node, f"{helper}({text})"))
    if kind == "num":
        yield from _bounded(scope, node, text)


def _bounded(scope: Scope, node: ast.expr, text: str) -> Iterator[Draft]:
    limits = [
        p.text
        for p in scope.pieces
        if p.kind == "num" and p.text != text and not isinstance(p.node, ast.BinOp)
    ]
    for limit in limits[:10]:
        for bound in ("min", "max"):
            yield Draft("bounded", 0.1, scope.put(node, f"{bound}({text}, {limit})"))


def _helpers(scope: Scope) -> list[str]:
    helpers = []
    for stmt in scope.source.tree.body:
        if isinstance(stmt, Function) and stmt is not scope.node:
            required = len(stmt.args.args) - len(stmt.args.defaults)
            if required <= 1 <= len(stmt.args.args):
                helpers.append(stmt.name)
    return helpers


def freed(scope: Scope, node: ast.expr) -> Iterator[Draft]:
    """`x` for `f(x)`, `x` for `x.m()`."""
    if not isinstance(node, ast.Call):
        return
    for arg in node.args:
        if not isinstance(arg, ast.Starred):
            yield Draft(
                "call dropped", 0.3 if len(node.args) == 1 else 0.12, scope.put(node, scope.text(arg))
            )
    if isinstance(node.func, ast.Attribute):
        yield Draft("call dropped", 0.3, scope.put(node, scope.text(node.func.value)))


def called(scope: Scope, node: ast.expr) -> Iterator[Draft]:
    """`x()` for `x`; `f` for `f()`; the function itself called on a part of its argument."""
    parent = scope.source.parents.get(node)
    callee = isinstance(parent, ast.Call) and parent.func is node
    if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Load) and not callee:
        end = scope.source.end(node)
        yield Draft("called", 0.3, (Splice(end, end, b"()"),))
    if isinstance(node, ast.Call) and not node.args and not node.keywords:
        yield Draft("not called", 0.1, scope.put(node, scope.text(node.func)))


def elements(scope: Scope, node: ast.expr) -> Iterator[Draft]:
    """Two elements of a tuple or list swapped; two subscripts swapped; one element dropped."""
    if isinstance(node, ast.Tuple | ast.List):
        parts = [part for part in node.elts if not isinstance(part, ast.Starred)]
        for a, b in list(combinations(parts, 2))[:10]:
            yield Draft("elements swapped", 0.4, (*scope.put(a, scope.text(b)), *scope.put(b, scope.text(a))))
    if isinstance(node, ast.Subscript) and isinstance(node.value, ast.Subscript):
        inner, outer = scope.text(node.value.slice), scope.text(node.slice)
        yield Draft(
            "subscripts swapped", 0.5, scope.put(node, f"{scope.text(node.value.value)}[{outer}][{inner}]")
        )
    if isinstance(node, ast.Dict) and len(node.keys) == 1 and node.keys[0] is not None:
        key, value = scope.text(node.keys[0]), scope.text(node.values[0])
        yield Draft("elements swapped", 0.4, scope.put(node, f"{{{value}: {key}}}"))
    if isinstance(node, ast.DictComp):
        swap = (*scope.put(node.key, scope.text(node.value)), *scope.put(node.value, scope.text(node.key)))
        yield Draft("elements swapped", 0.4, swap)
