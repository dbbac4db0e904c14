"""Syntactic scope of an edit: the names, expressions and conditions of a function or module."""

import ast
import builtins
import re
from collections import Counter
from collections.abc import Iterator
from functools import cached_property
from typing import NamedTuple

from workers.repair.kinds import Held, kind_of
from workers.repair.source import SourceFile, Splice, blocks

Function = ast.FunctionDef | ast.AsyncFunctionDef
Root = Function | ast.ClassDef | ast.Module
_MAX_TEXT = 60
_COMMENT = re.compile(rb"#[^\r\n]*")


class Draft(NamedTuple):
    """An edit without its file and line."""

    kind: str
    weight: float
    splices: tuple[Splice, ...]


class Piece(NamedTuple):
    """An expression that may be inserted elsewhere (the plastic surgery hypothesis)."""

    text: str
    kind: str
    node: ast.expr


class Scope:
    """One function, class body or module, without the functions and classes inside it."""

    def __init__(self, source: SourceFile, node: Root, held: Held) -> None:
        self.source = source
        self.node = node
        self.held = held

    @cached_property
    def statements(self) -> list[ast.stmt]:
        """Its own statements, nested blocks included, in the order of the text."""
        return list(_statements(self.node.body))

    @cached_property
    def expressions(self) -> list[ast.expr]:
        """All expressions of its statements whose positions can be trusted."""
        return [node for stmt in self.statements for node in self.own(stmt)]

    def own(self, stmt: ast.stmt) -> Iterator[ast.expr]:
        """The expressions of a statement's own lines: of its header, where it has a block."""
        for part in _own_parts(stmt):
            for node in ast.walk(part):
                if isinstance(node, ast.expr) and node not in self.source.spoiled:
                    yield node

    def kind(self, node: ast.expr) -> str:
        return kind_of(node, self.held)

    def text(self, node: ast.expr | ast.stmt) -> str:
        return self.source.text(node)

    @cached_property
    def parameters(self) -> list[str]:
        if not isinstance(self.node, Function):
            return []
        args = self.node.args
        every = [*args.posonlyargs, *args.args, *args.kwonlyargs]
        return [arg.arg for arg in every if arg.arg not in ("self", "cls")]

    @cached_property
    def locals(self) -> list[str]:
        """Parameters and names it assigns, in order of appearance."""
        stored = [n.id for n in self.expressions if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)]
        return list(dict.fromkeys([*self.parameters, *stored]))

    @cached_property
    def pieces(self) -> list[Piece]:
        """Distinct expressions that it reads, and its names and attributes, the most used first."""
        counted: Counter[str] = Counter()
        pieces: dict[str, Piece] = {}
        for node in self.expressions:
            if _is_value(node) and not self._is_callee(node):
                text = self.text(node)
                if len(text) <= _MAX_TEXT and "\n" not in text:
                    counted[text] += 1
                    pieces.setdefault(text, Piece(text, self.kind(node), node))
        for name in [*self.locals, *(name for name in self.held if name.startswith("self."))]:
            tree = ast.parse(name, mode="eval").body if name.replace(".", "").isidentifier() else None
            if tree is not None:
                pieces.setdefault(name, Piece(name, self.kind(tree), tree))
        return sorted(pieces.values(), key=lambda piece: -counted[piece.text])

    def _is_callee(self, node: ast.expr) -> bool:
        parent = self.source.parents.get(node)
        return isinstance(parent, ast.Call) and parent.func is node

    @cached_property
    def module_names(self) -> list[str]:
        """Names that the module defines or imports at its top."""
        return list(dict.fromkeys(_top_names(self.source.tree)))

    @cached_property
    def callables(self) -> list[str]:
        """Functions and classes of the module, and the builtins it calls."""
        tree = self.source.tree
        own = [s.name for s in tree.body if isinstance(s, Function | ast.ClassDef)]
        called = [
            n.func.id for n in ast.walk(tree) if isinstance(n, ast.Call) and isinstance(n.func, ast.Name)
        ]
        return list(dict.fromkeys([*own, *(name for name in called if hasattr(builtins, name))]))

    @cached_property
    def attributes(self) -> list[str]:
        """Attribute names anywhere in the file."""
        return list(dict.fromkeys(n.attr for n in ast.walk(self.source.tree) if isinstance(n, ast.Attribute)))

    @cached_property
    def constants(self) -> list[Piece]:
        """Distinct constants of the file, those of this scope first."""
        near = [n for n in self.expressions if isinstance(n, ast.Constant)]
        far = [n for n in ast.walk(self.source.tree) if isinstance(n, ast.Constant)]
        constants: dict[str, Piece] = {}
        for node in [*near, *(n for n in far if n not in self.source.spoiled)]:
            text = self.text(node)
            if len(text) <= 30 and not self._is_docstring(node):
                constants.setdefault(text, Piece(text, self.kind(node), node))
        return list(constants.values())

    def _is_docstring(self, node: ast.expr) -> bool:
        return isinstance(self.source.parents.get(node), ast.Expr)

    @cached_property
    def conditions(self) -> list[Piece]:
        """Distinct conditions it tests, parts of `and` and `or` included."""
        conditions: dict[str, Piece] = {}
        for node in self.expressions:
            if self.kind(node) == "bool" or self.is_tested(node):
                text = self.text(node)
                if len(text) <= _MAX_TEXT and "\n" not in text and not isinstance(node, ast.Constant):
                    conditions.setdefault(text, Piece(text, "bool", node))
        return list(conditions.values())

    def is_tested(self, node: ast.expr) -> bool:
        """Whether only the expression's truth value is used."""
        parent = self.source.parents.get(node)
        if isinstance(parent, ast.If | ast.While | ast.IfExp | ast.Assert):
            return parent.test is node
        if isinstance(parent, ast.UnaryOp):
            return isinstance(parent.op, ast.Not)
        if isinstance(parent, ast.comprehension):
            return node in parent.ifs
        return isinstance(parent, ast.BoolOp) and self.is_tested(parent)

    def put(self, node: ast.expr, text: str) -> tuple[Splice, ...]:
        """Replace an expression."""
        fitted = self.source.fitted(node, text)
        return (Splice(self.source.start(node), self.source.end(node), fitted.encode()),)

    def operator(self, left: ast.expr, right: ast.expr, token: str) -> Splice | None:
        """The span of an operator between two operands; the splice's text is left as it is."""
        begin, stop = self.source.end(left), self.source.start(right)
        gap = _COMMENT.sub(lambda match: b" " * len(match.group()), self.source.raw[begin:stop])
        pattern = rb"[ \t]+".join(re.escape(part.encode()) for part in token.split())
        match = re.search(pattern, gap)
        if match is None:
            return None
        return Splice(begin + match.start(), begin + match.end(), match.group())


def _statements(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    for stmt in body:
        yield stmt
        if not isinstance(stmt, Function | ast.ClassDef):
            for block in blocks(stmt):
                yield from _statements(block)


def _own_parts(stmt: ast.stmt) -> Iterator[ast.AST]:
    if isinstance(stmt, Function):
        yield from (default for default in (*stmt.args.defaults, *stmt.args.kw_defaults) if default)
    elif isinstance(stmt, ast.ClassDef | ast.Import | ast.ImportFrom | ast.Global | ast.Nonlocal):
        return
    elif isinstance(stmt, ast.AnnAssign):
        yield stmt.target
        if stmt.value is not None:
            yield stmt.value
    elif isinstance(stmt, ast.Try):
        yield from (handler.type for handler in stmt.handlers if handler.type)
    elif isinstance(stmt, ast.Match):
        yield stmt.subject
    elif not (isinstance(stmt, ast.Expr) and isinstance(stmt.value, ast.Constant)):
        yield from (child for child in ast.iter_child_nodes(stmt) if not isinstance(child, ast.stmt))


def _is_value(node: ast.expr) -> bool:
    context = getattr(node, "ctx", None)
    if context is not None and not isinstance(context, ast.Load):
        return False
    return not isinstance(
        node, ast.Starred | ast.Slice | ast.Yield | ast.YieldFrom | ast.Await | ast.NamedExpr
    )


def _top_names(tree: ast.Module) -> Iterator[str]:
    for stmt in tree.body:
        if isinstance(stmt, Function | ast.ClassDef):
            yield stmt.name
        elif isinstance(stmt, ast.Assign | ast.AnnAssign):
            targets = stmt.targets if isinstance(stmt, ast.Assign) else [stmt.target]
            yield from (target.id for target in targets if isinstance(target, ast.Name))


def scopes(source: SourceFile) -> Iterator[Root]:
    """Every function, class body and the module itself."""
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Module | ast.ClassDef | Function):
            yield node
