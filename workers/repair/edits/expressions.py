"""Mutation operators on expressions: replaced by another one of the function; related names and attributes."""

import ast
from collections.abc import Iterator

from workers.repair.kinds import fits
from workers.repair.scope import Draft, Scope

_FAMILIES = (
    "strip lstrip rstrip", "lower upper casefold title capitalize swapcase", "append extend insert add",
    "find rfind index rindex", "startswith endswith", "split rsplit splitlines partition rpartition",
    "keys values items", "get setdefault pop", "pop popleft popitem remove discard",
    "union intersection difference symmetric_difference", "issubset issuperset isdisjoint",
    "update setdefault add", "ljust rjust center zfill", "removeprefix removesuffix",
    "isdigit isalpha isalnum isnumeric isdecimal isspace isupper islower", "sort reverse",
    "min max", "any all", "sum len max min", "sorted reversed list tuple set", "int float round str abs bool",
    "floor ceil trunc", "isinstance issubclass", "append appendleft", "copy deepcopy", "year month day",
    "hour minute second", "days seconds total_seconds", "search match fullmatch", "findall finditer",
    "union update", "bisect_left bisect_right", "list dict set tuple", "heappop heappush",
    "group groups groupdict", "range enumerate", "setattr getattr", "filter map",
)  # fmt: skip
_RELATED: dict[str, list[str]] = {}
for _family in _FAMILIES:
    for _name in _family.split():
        _RELATED.setdefault(_name, []).extend(other for other in _family.split() if other != _name)
_ERRORS = (
    "ValueError", "KeyError", "IndexError", "TypeError", "AttributeError", "ZeroDivisionError", "LookupError",
    "RuntimeError", "Exception", "StopIteration", "OSError",
)  # fmt: skip


def replaced(scope: Scope, node: ast.expr) -> Iterator[Draft]:
    """Another expression of the function in the place of this one."""
    if not _replaceable(scope, node):
        return
    text, kind = scope.text(node), scope.kind(node)
    simple = isinstance(node, ast.Name | ast.Attribute | ast.Constant)
    candidates = [piece for piece in scope.pieces if piece.text != text and fits(kind, piece.kind)]
    candidates = [piece for piece in candidates if not isinstance(piece.node, ast.Constant)]
    share = max(1, len(candidates)) ** 0.5
    for piece in candidates:
        plain = isinstance(piece.node, ast.Name | ast.Attribute)
        weight = 0.9 if simple and plain else 0.5 if plain or simple else 0.3
        if kind != piece.kind:
            weight *= 0.6
        yield Draft("expression replaced", weight / share, scope.put(node, piece.text))


def _replaceable(scope: Scope, node: ast.expr) -> bool:
    if isinstance(getattr(node, "ctx", ast.Load()), ast.Store | ast.Del):
        return False
    if isinstance(node, ast.Starred | ast.Slice | ast.Yield | ast.YieldFrom | ast.Await):
        return False
    parent = scope.source.parents.get(node)
    if isinstance(parent, ast.Expr):
        return False
    return not (isinstance(parent, ast.Call) and parent.func is node)


def names(scope: Scope, node: ast.expr) -> Iterator[Draft]:
    """A name mistaken: another variable assigned, another constant of the module, another function called."""
    if not isinstance(node, ast.Name):
        return
    parent = scope.source.parents.get(node)
    if isinstance(node.ctx, ast.Store):
        others = [name for name in scope.locals if name != node.id]
        for name in others:
            yield Draft("name assigned", 0.3 / len(others) ** 0.5, scope.put(node, name))
        return
    callee = isinstance(parent, ast.Call) and parent.func is node
    for name in dict.fromkeys(_RELATED.get(node.id, ())):
        yield Draft("related function", 0.5, scope.put(node, name))
    if callee:
        others = [name for name in scope.callables if name != node.id]
        for name in others:
            yield Draft("function called", 0.3 / len(others) ** 0.5, scope.put(node, name))
    else:
        others = [n for n in scope.module_names if n != node.id and n not in scope.callables]
        for name in others:
            yield Draft("name of the module", 0.4 / len(others) ** 0.5, scope.put(node, name))


def attributes(scope: Scope, node: ast.expr) -> Iterator[Draft]:
    """Another attribute or method: a related one, or one the file uses elsewhere."""
    if not isinstance(node, ast.Attribute):
        return
    value = scope.text(node.value)
    related = list(dict.fromkeys(_RELATED.get(node.attr, ())))
    for name in related:
        yield Draft("related method", 0.6 if len(related) < 4 else 0.35, scope.put(node, f"{value}.{name}"))
    others = [name for name in scope.attributes if name != node.attr and name not in related]
    near = {
        n.attr for n in scope.expressions if isinstance(n, ast.Attribute) and scope.text(n.value) == value
    }
    for name in others:
        weight = 0.8 if name in near or f"{value}.{name}" in scope.held else 0.25
        yield Draft("attribute", weight / len(others) ** 0.5, scope.put(node, f"{value}.{name}"))


def errors(scope: Scope, node: ast.expr) -> Iterator[Draft]:
    """Another exception raised or caught."""
    if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load) and node.id in _ERRORS:
        for name in _ERRORS:
            if name != node.id:
                yield Draft("exception", 0.25, scope.put(node, name))


def comprehensions(scope: Scope, node: ast.expr) -> Iterator[Draft]:
    """A filter of a comprehension dropped, or one of the function's conditions added."""
    if not isinstance(node, ast.ListComp | ast.SetComp | ast.GeneratorExp | ast.DictComp):
        return
    last = node.generators[-1]
    source = scope.source
    before = last.iter
    for test in last.ifs:
        text = (
            source.raw[source.start(node) : source.end(before)]
            + source.raw[source.end(test) : source.end(node)]
        )
        yield Draft("filter dropped", 0.4, scope.put(node, text.decode()))
        before = test
    target = scope.text(last.target)
    tests = [target, f"not {target}", f"{target} is not None", *(piece.text for piece in scope.conditions)]
    if isinstance(last.target, ast.Tuple):
        tests = [scope.text(part) for part in last.target.elts] + tests[3:]
    tail = last.ifs[-1] if last.ifs else last.iter
    for test_text in tests:
        begin = source.raw[source.start(node) : source.end(tail)].decode()
        rest = source.raw[source.end(tail) : source.end(node)].decode()
        yield Draft("filter added", 0.4 / len(tests) ** 0.5, scope.put(node, f"{begin} if {test_text}{rest}"))
