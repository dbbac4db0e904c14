"""Compilation of one top-level statement of a module, and the difference between its code before and after an edit."""

from __future__ import annotations

import ast
import hashlib
import warnings
from collections.abc import Iterator
from types import CodeType

Path = tuple[str, ...]


def future_flags(tree: ast.Module) -> int:
    """The compiler flags of the module's `from __future__` imports."""
    import __future__ as futures

    flags = 0
    for stmt in tree.body:
        if isinstance(stmt, ast.ImportFrom) and stmt.module == "__future__":
            for alias in stmt.names:
                feature = getattr(futures, alias.name, None)
                flags |= feature.compiler_flag if feature is not None else 0
    return flags


def compile_at(segment: bytes, line: int, filename: str, flags: int) -> CodeType:
    """Compile statements as if they began on `line` of the file. Raises SyntaxError or ValueError."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        code: CodeType = compile(b"\n" * (line - 1) + segment, filename, "exec", flags, dont_inherit=True)
    return code


def fingerprint(code: CodeType) -> bytes:
    """A digest of the code without positions and file names, equal for equal behaviour."""
    return hashlib.blake2b(repr(_shape(code)).encode("utf-8", "surrogatepass"), digest_size=16).digest()


def _shape(code: CodeType, nested: bool = True) -> object:
    consts = tuple(_const(const, nested) for const in code.co_consts)
    return (
        code.co_name, code.co_code, consts, code.co_names, code.co_varnames, code.co_freevars,
        code.co_cellvars, code.co_flags, code.co_argcount, code.co_kwonlyargcount,
        code.co_posonlyargcount, getattr(code, "co_exceptiontable", b""),
    )  # fmt: skip


def _const(const: object, nested: bool) -> object:
    if isinstance(const, CodeType):
        return _shape(const) if nested else const.co_name
    if isinstance(const, tuple):
        return tuple(_const(item, nested) for item in const)
    if isinstance(const, frozenset):
        return ("frozenset", sorted(repr(item) for item in const))
    return (type(const).__name__, repr(const))


def pieces(code: CodeType, path: Path = ()) -> Iterator[tuple[Path, CodeType]]:
    """The code and all that is nested in it, with paths that survive edits elsewhere."""
    yield path, code
    seen: dict[str, int] = {}
    for const in code.co_consts:
        if isinstance(const, CodeType):
            number = seen[const.co_name] = seen.get(const.co_name, -1) + 1
            yield from pieces(const, (*path, f"{const.co_name}#{number}"))


def changed(old: CodeType, new: CodeType) -> list[tuple[CodeType, CodeType]] | None:
    """The outermost functions whose code differs; None where code that runs at import differs."""
    theirs = dict(pieces(new))
    pairs: list[tuple[CodeType, CodeType]] = []
    done: list[Path] = []
    for path, code in pieces(old):
        if any(path[: len(outer)] == outer for outer in done):
            continue
        other = theirs.get(path)
        if other is None:
            return None
        if _is_function(code):
            if _shape(code) != _shape(other):
                pairs.append((code, other))
                done.append(path)
        elif _shape(code, nested=False) != _shape(other, nested=False):
            return None
    return pairs


def _is_function(code: CodeType) -> bool:
    import inspect

    return bool(code.co_flags & inspect.CO_OPTIMIZED)
