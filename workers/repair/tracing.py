"""Coverage tracer for forked children: the executed lines of the repository, and the types of its variables."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from types import CodeType, FrameType, TracebackType
from typing import Any

_MAX_ATTRIBUTES = 30
_MAX_TYPES = 4


class Tracer:
    """Records (path, line) pairs of files that `path_of` maps to a path of the repository."""

    def __init__(self, path_of: Callable[[str], str | None]) -> None:
        self._path_of = path_of
        self._sets: dict[CodeType, set[int] | None] = {}
        self.lines: dict[str, set[int]] = {}
        self.types: dict[str, dict[str, set[str]]] = {}

    def start(self) -> None:
        threading.settrace(self._call)
        sys.settrace(self._call)

    def stop(self) -> None:
        sys.settrace(None)
        threading.settrace(None)

    def take(self) -> dict[str, list[int]]:
        """The lines since the last call, by path."""
        taken = {path: sorted(lines) for path, lines in self.lines.items() if lines}
        self.lines.clear()
        self._sets.clear()
        return taken

    def names(self) -> dict[str, dict[str, list[str]]]:
        """By `path:first line of the function`: the observed type names of each of its variables."""
        return {
            where: {name: sorted(kinds) for name, kinds in held.items()} for where, held in self.types.items()
        }

    def _lines_of(self, code: CodeType) -> set[int] | None:
        if code not in self._sets:
            path = self._path_of(code.co_filename)
            self._sets[code] = None if path is None else self.lines.setdefault(path, set())
        return self._sets[code]

    def _call(self, frame: FrameType, _event: str, _arg: Any) -> Any:
        lines = self._lines_of(frame.f_code)
        if lines is None:
            return None
        lines.add(frame.f_lineno)

        def local(frame: FrameType, event: str, _arg: Any) -> Any:
            if event == "line":
                lines.add(frame.f_lineno)
            elif event == "return" and frame.f_code.co_name != "<module>":
                self._note(frame)
            return local

        return local

    def _note(self, frame: FrameType) -> None:
        path = self._path_of(frame.f_code.co_filename)
        held = self.types.setdefault(f"{path}:{frame.f_code.co_firstlineno}", {})
        for name, value in list(frame.f_locals.items()):
            _add(held, name, value)
        attributes = getattr(frame.f_locals.get("self"), "__dict__", None)
        if isinstance(attributes, dict):
            for name, value in list(attributes.items())[:_MAX_ATTRIBUTES]:
                _add(held, f"self.{name}", value)


def _add(held: dict[str, set[str]], name: str, value: Any) -> None:
    kinds = held.setdefault(name, set())
    if len(kinds) < _MAX_TYPES:
        kinds.add(type(value).__name__)


def blamed(tb: TracebackType | None, path_of: Callable[[str], str | None]) -> list[tuple[str, int]]:
    """The repository's lines in a traceback, innermost last."""
    lines = []
    while tb is not None:
        path = path_of(tb.tb_frame.f_code.co_filename)
        if path is not None:
            lines.append((path, tb.tb_lineno))
        tb = tb.tb_next
    return lines
