"""A source file as bytes with its syntax tree, and edits that change only their own span."""

import ast
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property, lru_cache

_NEWLINE = re.compile(rb"\r\n|\r|\n")
_BOM = b"\xef\xbb\xbf"
_ATOMS = (
    ast.Name, ast.Constant, ast.Attribute, ast.Subscript, ast.Call, ast.List, ast.Dict, ast.Set,
    ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp, ast.JoinedStr,
)  # fmt: skip


@dataclass(frozen=True)
class Splice:
    """Replace the bytes from `start` up to `end`."""

    start: int
    end: int
    text: bytes


@dataclass(frozen=True)
class Edit:
    """One candidate change of one file."""

    path: str
    splices: tuple[Splice, ...]
    kind: str
    line: int
    """The line of the statement that it changes."""
    weight: float
    """How likely this kind of edit is at its place, before suspiciousness; in (0, 1]."""

    def apply(self, raw: bytes) -> bytes:
        """The file's content after the edit."""
        for splice in sorted(self.splices, key=lambda s: (s.start, s.end), reverse=True):
            raw = raw[: splice.start] + splice.text + raw[splice.end :]
        return raw

    @property
    def span(self) -> tuple[int, int]:
        """Start and end of the changed bytes."""
        return min(splice.start for splice in self.splices), max(splice.end for splice in self.splices)


class SourceFile:
    """One UTF-8 Python file. Raises SyntaxError or ValueError where Python cannot read it."""

    def __init__(self, path: str, raw: bytes) -> None:
        raw.decode("utf-8")
        self.path = path
        self.raw = raw
        self.tree = ast.parse(raw)
        base = len(_BOM) if raw.startswith(_BOM) else 0
        self._starts = [base, *(match.end() for match in _NEWLINE.finditer(raw))]
        match = _NEWLINE.search(raw)
        self.newline = match.group() if match else b"\n"

    @cached_property
    def parents(self) -> dict[ast.AST, ast.AST]:
        """The parent of each node."""
        return {child: node for node in ast.walk(self.tree) for child in ast.iter_child_nodes(node)}

    @cached_property
    def spoiled(self) -> set[ast.AST]:
        """Nodes with wrong positions: those inside f-strings, before Python 3.12."""
        inside: set[ast.AST] = set()
        for node in ast.walk(self.tree):
            if isinstance(node, ast.JoinedStr):
                plain = (ast.Constant, ast.JoinedStr) if sys.version_info >= (3, 12) else (ast.AST,)
                inside.update(n for n in ast.walk(node) if n is not node and isinstance(n, plain))
        return inside

    def line_start(self, line: int) -> int:
        """Offset of the first byte of a 1-based line; the file's end for a line beyond it."""
        return self._starts[line - 1] if line <= len(self._starts) else len(self.raw)

    def start(self, node: ast.expr | ast.stmt) -> int:
        """Offset of the node's first byte."""
        return self._starts[node.lineno - 1] + node.col_offset

    def end(self, node: ast.expr | ast.stmt) -> int:
        """Offset behind the node's last byte."""
        assert node.end_lineno is not None
        assert node.end_col_offset is not None
        return self._starts[node.end_lineno - 1] + node.end_col_offset

    def text(self, node: ast.expr | ast.stmt) -> str:
        """The node as it is written."""
        return self.raw[self.start(node) : self.end(node)].decode("utf-8")

    def first_line(self, stmt: ast.stmt) -> int:
        """The statement's first line, decorators included."""
        decorators: list[ast.expr] = getattr(stmt, "decorator_list", [])
        return min([stmt.lineno, *(decorator.lineno for decorator in decorators)])

    def owns_lines(self, stmt: ast.stmt) -> bool:
        """Whether the statement shares its lines with nothing but comments."""
        assert stmt.end_lineno is not None
        begin = self.line_start(self.first_line(stmt))
        before = self.raw[begin : begin + stmt.col_offset]
        after = self.raw[self.end(stmt) : self.line_start(stmt.end_lineno + 1)].strip()
        return not before.strip() and (not after or after.startswith(b"#"))

    def indent(self, stmt: ast.stmt) -> bytes:
        """The white space in front of the statement's first line."""
        begin = self.line_start(self.first_line(stmt))
        return self.raw[begin : begin + stmt.col_offset]

    def block(self, stmt: ast.stmt) -> tuple[int, int]:
        """The whole lines of a statement that owns them, with the newline behind."""
        assert stmt.end_lineno is not None
        return self.line_start(self.first_line(stmt)), self.line_start(stmt.end_lineno + 1)

    def fitted(self, node: ast.expr, text: str) -> str:
        """`text`, in parentheses where operator precedence at `node` would change its meaning."""
        return text if self._delimited(node) or is_atom(text) else f"({text})"

    def _delimited(self, node: ast.expr) -> bool:
        parent = self.parents.get(node)
        if isinstance(parent, ast.Call):
            return node is not parent.func
        if isinstance(parent, ast.Subscript):
            return node is parent.slice
        if isinstance(parent, ast.Tuple | ast.List | ast.Slice | ast.Set | ast.Dict):
            return True
        return isinstance(parent, ast.stmt | ast.keyword)


@lru_cache(maxsize=20_000)
def is_atom(text: str) -> bool:
    """Whether an expression keeps its meaning in any surroundings without parentheses."""
    try:
        node = ast.parse(text, mode="eval").body
    except (SyntaxError, ValueError):
        return False
    if isinstance(node, ast.Tuple):
        return text.startswith("(") and text.endswith(")")
    return isinstance(node, _ATOMS)


def blocks(stmt: ast.AST) -> Iterator[list[ast.stmt]]:
    """The statement lists directly inside a statement."""
    for name in ("body", "orelse", "finalbody"):
        block = getattr(stmt, name, None)
        if isinstance(block, list) and block and isinstance(block[0], ast.stmt):
            yield block
    for handler in (*getattr(stmt, "handlers", ()), *getattr(stmt, "cases", ())):
        yield handler.body
