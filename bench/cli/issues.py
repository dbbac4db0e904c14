"""`bench issues`: import, list, show."""

from pathlib import Path
from typing import Any

import click
from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from bench.cli.answers import show_answer
from bench.cli.imported import (
    IMPORT_TABLES,
    import_document,
    import_rows,
    tell_plan,
    tell_report,
    tell_stored,
)
from bench.cli.session import note, open_farm
from bench.cli.suggestions import issue_ids, slices
from bench.intake.errors import IntakeError
from bench.intake.issue import Issue
from bench.intake.slices import find_slice, select
from bench.submit.backlog import DEFAULT_FILE, READERS, read_backlog, report_plan, store_backlog
from bench.terminal import styled, table
from db.repositories.issues import Issues
from planner.cli.formats import Answer, Output, json_value, output_options
from planner.cli.tables import rows_markdown
from planner.system.foreign_text import visible_text

_PROSE = {"description": None, "design": "Design", "notes": "Notes"}
"""Long texts of an issue, each shown below the table under its heading."""


@click.group()
def issues() -> None:
    """The backlog: bring it in, look at it."""


@issues.command("import")
@click.argument("file", type=click.Path(path_type=Path), required=False)
@click.option(
    "--format",
    "form",
    type=click.Choice(list(READERS)),
    default="beads",
    show_default=True,
    help="A Beads file, or a plan tracker: Markdown with a card in each fenced YAML block.",
)
@click.option(
    "--prune", is_flag=True, help="Close the open issues that FILE brought earlier and has no more."
)
@click.option("--force", is_flag=True, help="Take what FILE says even where something newer is stored.")
@click.option("--dry-run", is_flag=True, help="Show what would change; nothing is stored.")
@output_options(*IMPORT_TABLES, json_help="The same as -o json: what was imported, every change in full.")
def import_(file: Path | None, form: str, output: Output, **how: bool) -> None:
    """Import a Beads file (both dialects) or a plan tracker.

    FILE is .beads/issues.jsonl unless given; a deps.jsonl beside it is read, too. Of an issue that is stored
    already the state that was updated last counts. Bad lines and cards are named and left out; all the rest is
    imported. Of a plan tracker the cycles, the cards that depend on finished or unknown ones, and the critical
    path are reported.

    \b
    Examples:
      bench issues import .beads/issues.jsonl
      bench issues import --prune --dry-run
      bench issues import --format plan-tracker PLAN.md
    """
    if file is None and form != "beads":
        raise IntakeError(f"which {form}? name it: bench issues import --format {form} FILE")
    file = file or DEFAULT_FILE
    report = read_backlog(file, form)
    with open_farm(create=True) as farm:
        stored = store_backlog(farm.engine, report, **how)
        plan = report_plan(farm.engine, report) if form == "plan-tracker" else None

    def write_notes() -> None:
        tell_report(file, report)
        if plan is not None:
            tell_plan(plan, [issue.id for issue in report.issues])
        tell_stored(file, stored, form, pruned=how["prune"], dry_run=how["dry_run"])

    document = import_document(report, stored, plan)
    rows = import_rows(document)
    output.show(Answer(lambda: document, write_notes, lambda: rows_markdown(rows, json_value), lambda: rows))


@issues.command("list")
@click.option(
    "--slice", "slice_name", shell_complete=slices, default=None, help="Only the issues of this slice."
)
@click.option("--config", type=click.Path(path_type=Path), default=None, help="A bench config with slices.")
@output_options("issues", json_help="The same as -o json: a list with the contract's field names.")
def list_(slice_name: str | None, config: Path | None, output: Output) -> None:
    """List the imported issues."""
    from bench.config.load import find_config, load_config

    with open_farm() as farm:
        found = [Issue.from_document(document) for document in Issues(farm.engine).all_documents()]
    if slice_name is not None:
        slices = load_config(config or find_config(Path.cwd())).slices
        found = select(found, slice_name, find_slice(slice_name, slices))
    show_answer(output, lambda: [issue.as_document() for issue in found], lambda: [_issues_table(found)])
    if output.is_for_people:
        note(f"{len(found)} issues")


def _issues_table(found: list[Issue]) -> Table:
    rows = [
        (
            issue.id,
            issue.dk_priority,
            issue.dk_risk,
            issue.dk_size,
            issue.status,
            ", ".join(issue.tags),
            issue.title,
        )
        for issue in found
    ]
    return table(None, ("issue", "priority", "risk", "size", "status", "tags", "title"), rows)


@issues.command("show")
@click.argument("issue_id", shell_complete=issue_ids)
@output_options()
def show_issue(issue_id: str, output: Output) -> None:
    """Show one issue."""
    with open_farm() as farm:
        document = Issues(farm.engine).get(issue_id)
    if document is None:
        raise IntakeError(f"unknown issue {issue_id!r}; `bench issues list` shows what is imported")
    issue = Issue.from_document(document)
    show_answer(output, issue.as_document, lambda: _issue_parts(issue, document))


def _issue_parts(issue: Issue, document: dict[str, Any]) -> list[RenderableType]:
    parts: list[RenderableType] = [styled((issue.id, "bold"), f"  {issue.title}"), ""]
    rows = [
        (key, value)
        for key, value in document.items()
        if value not in (None, [], {}, "") and key not in _PROSE
    ]
    parts.append(table(None, ("field", "value"), rows))
    for key, heading in _PROSE.items():
        text = getattr(issue, key)
        if not text.strip():
            continue
        if heading is not None:
            parts += ["", styled((heading, "bold"))]
        parts.append(_indented(text))
    return parts


def _indented(text: str) -> Text:
    """Set in, so that none of its lines looks like one of ours."""
    return Text("\n".join(f"  {line}".rstrip() for line in visible_text(text).split("\n")))
