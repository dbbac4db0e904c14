"""Mutation operators applied to a file's suspicious lines: all of its edits."""

import ast
import enum
from collections.abc import Callable, Iterator, Mapping

from workers.repair.edits import calls, conditions, expressions, guards, operators, statements, values
from workers.repair.kinds import Held
from workers.repair.scope import Draft, Function, Scope, scopes
from workers.repair.source import Edit, SourceFile, blocks

OfExpression = Callable[[Scope, ast.expr], Iterator[Draft]]
OfStatement = Callable[[Scope, ast.stmt], Iterator[Draft]]

SMALL_OF_EXPRESSIONS: tuple[OfExpression, ...] = (
    operators.comparisons, operators.arithmetic, operators.logic, operators.negation, operators.fixed_conditions,
    operators.choices, values.constants, values.one_more_or_less, values.slices, expressions.replaced,
    expressions.names, expressions.attributes, expressions.errors, expressions.comprehensions,
    calls.arguments, calls.wrapped, calls.freed, calls.called, calls.elements,
)  # fmt: skip
SMALL_OF_STATEMENTS: tuple[OfStatement, ...] = (
    values.defaults, statements.deleted, statements.moved, statements.jumps, statements.assignments,
    statements.branches, guards.returns,
)  # fmt: skip
LARGE_OF_EXPRESSIONS: tuple[OfExpression, ...] = (conditions.joined,)
LARGE_OF_STATEMENTS: tuple[OfStatement, ...] = (
    statements.copied, statements.wrapped, guards.guarded, guards.updates,
)  # fmt: skip


class Family(enum.Enum):
    """Families of mutation operators: those with few edits at each location, and those that combine expressions."""

    SMALL = (SMALL_OF_EXPRESSIONS, SMALL_OF_STATEMENTS)
    LARGE = (LARGE_OF_EXPRESSIONS, LARGE_OF_STATEMENTS)


def edits(
    source: SourceFile, score: Mapping[int, float], held: Mapping[int, Held], family: Family
) -> Iterator[tuple[Edit, float]]:
    """Each distinct edit of the lines that have a score, with the score of its statement.

    `held`: the observed types of names, by the first line of their function.
    """
    for root in scopes(source):
        scope = Scope(source, root, _held_by(root, held))
        for stmt in scope.statements:
            suspicion = max((score.get(line, 0.0) for line in own_lines(stmt)), default=0.0)
            if suspicion > 0:
                for draft in _distinct(scope, stmt, family):
                    yield Edit(source.path, draft.splices, draft.kind, stmt.lineno, draft.weight), suspicion


def _held_by(root: ast.AST, held: Mapping[int, Held]) -> Held:
    if not isinstance(root, Function):
        return {}
    return held.get(min([root.lineno, *(d.lineno for d in root.decorator_list)]), {})


def own_lines(stmt: ast.stmt) -> range:
    """The lines of a statement without the blocks inside it."""
    inner = [block[0].lineno for block in blocks(stmt)]
    end = stmt.end_lineno or stmt.lineno
    return range(stmt.lineno, max(stmt.lineno, min(inner) - 1 if inner else end) + 1)


def _distinct(scope: Scope, stmt: ast.stmt, family: Family) -> Iterator[Draft]:
    best: dict[object, Draft] = {}
    for draft in _drafts(scope, stmt, family):
        known = best.get(draft.splices)
        if known is None or known.weight < draft.weight:
            best[draft.splices] = draft
    return iter(best.values())


def _drafts(scope: Scope, stmt: ast.stmt, family: Family) -> Iterator[Draft]:
    of_expressions, of_statements = family.value
    for of_statement in of_statements:
        yield from of_statement(scope, stmt)
    for node in scope.own(stmt):
        for of_expression in of_expressions:
            yield from of_expression(scope, node)
