"""The answer of a command, rendered in the chosen output form."""

from collections.abc import Callable, Iterable
from typing import Any

from rich.console import RenderableType

from bench.terminal import show
from planner.cli.formats import Answer, Output, Tables

REPORT_TABLES = ("best", "winners", "policies", "regrets", "actions", "groups", "errors", "spend", "cases")
"""The tables of a whole report, by the names that `--table` takes."""
Parts = Callable[[], Iterable[RenderableType]]


def answer_of(document: Callable[[], Any], parts: Parts, rows: Callable[[], Tables] | None = None) -> Answer:
    """An answer shown as parts, one below the other. `rows`: its tables, by default those of the document."""
    return Answer(document, lambda: show(*parts()), lambda: _markdown(parts), rows)


def show_answer(
    output: Output,
    document: Callable[[], Any],
    parts: Parts,
    rows: Callable[[], Tables] | None = None,
) -> None:
    """Write an answer to standard output."""
    output.show(answer_of(document, parts, rows))


def _markdown(parts: Parts) -> str:
    from bench.results.markdown import parts_markdown

    return parts_markdown(parts())
