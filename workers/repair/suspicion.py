"""Spectrum-based fault localisation: Ochiai over the tests' coverage, with tracebacks and import-time definitions."""

import ast
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

Line = tuple[str, int]
_BLAME = 0.3
_INHERITED = 0.8


@dataclass(frozen=True)
class Spectrum:
    """Coverage of one test: lines by path."""

    failed: bool
    lines: Mapping[str, Iterable[int]]
    blamed: Sequence[Line] = ()
    """The repository's lines in the failure's traceback, innermost last."""


def ochiai(failed_here: int, passed_here: int, failed_in_all: int) -> float:
    """Failing tests through a line over sqrt(failing tests × tests through the line); in [0, 1].

    Ochiai coefficient as used for fault localisation by Abreu, Zoeteweij and van Gemund (2006).
    """
    product = failed_in_all * (failed_here + passed_here)
    return failed_here / math.sqrt(product) if product else 0.0


def scores(spectra: Sequence[Spectrum]) -> dict[Line, float]:
    """Ochiai by line, raised for the lines in a failure's traceback."""
    failing = sum(spectrum.failed for spectrum in spectra)
    counts: dict[Line, list[int]] = {}
    blamed: dict[Line, float] = {}
    for spectrum in spectra:
        for path, lines in spectrum.lines.items():
            for line in lines:
                counts.setdefault((path, line), [0, 0])[spectrum.failed] += 1
        for depth, where in enumerate(reversed(spectrum.blamed)):
            blamed[where] = max(blamed.get(where, 0.0), _BLAME / (1 + depth))
    suspicion = {line: ochiai(failed, passed, failing) for line, (passed, failed) in counts.items()}
    for where, extra in blamed.items():
        suspicion[where] = min(1.0, suspicion.get(where, 0.0) + extra)
    return {line: score for line, score in suspicion.items() if score > 0}


def spread(path: str, tree: ast.Module, suspicion: Mapping[Line, float]) -> dict[Line, float]:
    """The scores of one file, with those of a function propagated to the definitions that it uses.

    What runs at import (constants, defaults, class attributes) runs in every test alike, so it inherits a
    share of the score of the functions that use it.
    """
    raised = {line: score for line, score in suspicion.items() if line[0] == path}
    uses: dict[str, float] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Name | ast.Attribute):
            name = node.id if isinstance(node, ast.Name) else node.attr
            uses[name] = max(uses.get(name, 0.0), suspicion.get((path, node.lineno), 0.0))
    for stmt in _import_time(tree):
        score = max((uses.get(name, 0.0) for name in _defined(stmt)), default=0.0)
        if isinstance(stmt, ast.FunctionDef | ast.AsyncFunctionDef):
            score = max((suspicion.get((path, inner.lineno), 0.0) for inner in stmt.body), default=0.0)
        if score:
            for line in _header(stmt):
                raised[(path, line)] = max(raised.get((path, line), 0.0), _INHERITED * score)
    return raised


def _import_time(tree: ast.Module) -> Iterable[ast.stmt]:
    waiting: list[ast.stmt] = list(tree.body)
    while waiting:
        stmt = waiting.pop()
        yield stmt
        if isinstance(stmt, ast.ClassDef):
            waiting.extend(stmt.body)


def _defined(stmt: ast.stmt) -> Iterable[str]:
    targets: list[ast.expr] = []
    if isinstance(stmt, ast.Assign):
        targets = stmt.targets
    elif isinstance(stmt, ast.AnnAssign | ast.AugAssign):
        targets = [stmt.target]
    for target in targets:
        for node in ast.walk(target):
            if isinstance(node, ast.Name):
                yield node.id


def _header(stmt: ast.stmt) -> range:
    """The lines that run at import: of a definition, down to its body."""
    if isinstance(stmt, ast.FunctionDef | ast.AsyncFunctionDef):
        return range(stmt.lineno, max(stmt.lineno + 1, stmt.body[0].lineno))
    if isinstance(stmt, ast.ClassDef):
        return range(stmt.lineno, stmt.lineno + 1)
    return range(stmt.lineno, (stmt.end_lineno or stmt.lineno) + 1)
