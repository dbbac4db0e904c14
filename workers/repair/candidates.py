"""Candidates: edits that are compiled, deduplicated by their code, and reduced to one top-level statement."""

import ast
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import PurePosixPath
from types import CodeType
from typing import Any

from workers.repair import compiled
from workers.repair.source import Edit, SourceFile


@dataclass(frozen=True)
class Candidate:
    """An edit that compiles to new code."""

    edit: Edit
    raw: bytes
    """The whole file after the edit."""
    warm: dict[str, Any] | None
    """The request that swaps the code in a collected session; None where the module must be imported anew."""

    @property
    def cold(self) -> dict[str, Any]:
        """The request that overrides a fresh import."""
        return {"path": self.edit.path, "source": self.raw.decode("utf-8")}


@dataclass(frozen=True)
class _Segment:
    """The bytes of one top-level statement up to the next one."""

    start: int
    end: int
    line: int
    code: CodeType


class Workbench:
    """Makes candidates of one file's edits."""

    def __init__(self, source: SourceFile, root: str, import_lines: Iterable[int]) -> None:
        self.source = source
        self._filename = str(PurePosixPath(root, source.path))
        self._flags = compiled.future_flags(source.tree)
        self._import_lines = frozenset(import_lines)
        self._segments = list(self._cut())
        self._seen = {self._print(segment, segment.code) for segment in self._segments}

    def _cut(self) -> Iterable[_Segment]:
        source = self.source
        first_lines = sorted({source.first_line(stmt) for stmt in source.tree.body})
        for number, line in enumerate(first_lines):
            start = source.line_start(line)
            last = number + 1 == len(first_lines)
            end = len(source.raw) if last else source.line_start(first_lines[number + 1])
            yield _Segment(start, end, line, self._compile(source.raw[start:end], line))

    def _compile(self, text: bytes, line: int) -> CodeType:
        return compiled.compile_at(text, line, self._filename, self._flags)

    def _print(self, segment: _Segment, code: CodeType) -> tuple[int, bytes]:
        return segment.start, compiled.fingerprint(code)

    def candidate(self, edit: Edit) -> Candidate | None:
        """The candidate; None where the edit does not compile, changes nothing, or is a duplicate."""
        begin, end = edit.span
        segment = next((s for s in self._segments if s.start <= begin and end <= s.end), None)
        if segment is None:
            return None
        raw = edit.apply(self.source.raw)
        text = raw[segment.start : segment.end + len(raw) - len(self.source.raw)]
        try:
            code = self._compile(text, segment.line)
        except (SyntaxError, ValueError, RecursionError, MemoryError, OverflowError):
            return None
        mark = self._print(segment, code)
        if mark in self._seen:
            return None
        self._seen.add(mark)
        warm = self._warm(edit, segment, text) if self._swappable(segment.code, code) else None
        return Candidate(edit, raw, warm)

    def _swappable(self, old: CodeType, new: CodeType) -> bool:
        pairs = compiled.changed(old, new)
        return bool(pairs) and not any(self._ran_at_import(before) for before, _ in pairs or ())

    def _ran_at_import(self, code: CodeType) -> bool:
        """Whether the old code ran at import, so that a value of it may be stored."""
        own = {line for _, _, line in code.co_lines() if line is not None and line != code.co_firstlineno}
        return not own.isdisjoint(self._import_lines)

    def _warm(self, edit: Edit, segment: _Segment, text: bytes) -> dict[str, Any]:
        old = self.source.raw[segment.start : segment.end]
        return {
            "path": edit.path,
            "old": old.decode("utf-8"),
            "new": text.decode("utf-8"),
            "line": segment.line,
            "flags": self._flags,
        }


def parsed(path: str, raw: bytes) -> SourceFile | None:
    """The file, or None where Python cannot read it."""
    try:
        source = SourceFile(path, raw)
    except (SyntaxError, ValueError, RecursionError):
        return None
    return source if isinstance(source.tree, ast.Module) else None
