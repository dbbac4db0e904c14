"""Code replacement in a live process: in existing functions, or in a later import."""

from __future__ import annotations

import gc
import importlib.machinery
import os
import sys
from types import CodeType, FunctionType, ModuleType

from workers.repair import compiled

Index = dict[tuple[str, int, str], list[FunctionType]]


def index_functions(root: str) -> Index:
    """Every live Python function whose code lies under `root`, by file, first line and qualified name."""
    index: Index = {}
    for value in gc.get_objects():
        if type(value) is FunctionType:
            code = value.__code__
            if code.co_filename.startswith(root):
                index.setdefault(_key(code), []).append(value)
    return index


def _key(code: CodeType) -> tuple[str, int, str]:
    return code.co_filename, code.co_firstlineno, getattr(code, "co_qualname", code.co_name)


def swap(index: Index, old: CodeType, new: CodeType) -> bool:
    """Replace the code of live functions; False where a fresh import is needed instead.

    Swapping is in place: every reference to a function (decorators, caches, class attributes) has the new code.
    """
    pairs = compiled.changed(old, new)
    if not pairs:
        return False
    for before, after in pairs:
        nested = dict(compiled.pieces(after))
        for path, code in compiled.pieces(before):
            live = index.get(_key(code), [])
            if not path and not live:
                return False
            if path in nested and not all(_give(function, nested[path]) for function in live):
                return False
    return True


def _give(function: FunctionType, code: CodeType) -> bool:
    try:
        function.__code__ = code
    except ValueError:
        return False
    return True


def override_import(path: str, source: bytes) -> None:
    """Make every import of the file `path` in this process use `source` instead of the file's content."""
    target = os.path.realpath(path)
    original = importlib.machinery.SourceFileLoader.get_code

    def get_code(self: importlib.machinery.SourceFileLoader, fullname: str) -> CodeType | None:
        filename = self.get_filename(fullname)
        if os.path.realpath(filename) != target:
            return original(self, fullname)
        code: CodeType = self.source_to_code(source, filename)
        return code

    setattr(importlib.machinery.SourceFileLoader, "get_code", get_code)  # noqa: B010 - a patch, not an override


def hide_self() -> None:
    """Remove this package from `sys.modules`: the code under repair may have one of that name."""
    own = __name__.partition(".")[0]
    for name in [name for name in sys.modules if name == own or name.startswith(own + ".")]:
        del sys.modules[name]


def foreign_modules(root: str) -> list[str]:
    """The imported modules that do not come from under `root`, in the order of import."""
    return [name for name, module in list(sys.modules.items()) if not _under(module, root)]


def _under(module: ModuleType | None, root: str) -> bool:
    filename = getattr(module, "__file__", None)
    return isinstance(filename, str) and os.path.realpath(filename).startswith(root)
