"""`bench issues`: import, list and show the backlog."""

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
    note_plan,
    note_report,
    note_stored,
)
from bench.cli.session import note, open_farm
from bench.cli.suggestions import issue_ids, slices
from bench.intake.errors import IntakeError
from bench.intake.formats.mapped import parse_field_map
from bench.intake.formats.registry import NAMES
from bench.intake.issue import Issue
from bench.intake.slices import find_slice, select
from bench.submit.backlog import DEFAULT_FILE, read_any, report_plan, store_backlog
from bench.terminal import styled, table
from db.repositories.issues import Issues
from planner.cli.formats import Answer, Output, json_value, output_options
from planner.cli.progress import progress
from planner.cli.tables import rows_markdown
from planner.system.foreign_text import visible_text

_PROSE = {"description": None, "design": "Design", "notes": "Notes"}
"""Long texts of an issue, each shown under its heading, below the table."""


@click.group()
def issues() -> None:
    """Import and show the issues of the backlog."""


@issues.command("import")
@click.argument("file", type=click.Path(path_type=Path), required=False)
@click.option(
    "--format",
    "form",
    type=click.Choice(list(NAMES)),
    help="beads: JSON lines of Beads. plan-tracker: Markdown with a card in each fenced YAML block. github, gitlab, "
    "jira, linear: JSON exports. swe-bench: JSON lines of instances. harbor: a directory of tasks.  "
    "[default: by the content]",
)
@click.option(
    "--map",
    "maps",
    metavar="FIELD=JSONPATH",
    multiple=True,
    help="Take a field of the issue from a JSON record, over what the format has for it; repeatable.",
)
@click.option("--items", metavar="JSONPATH", help="Where the records of the issues are in the document.")
@click.option(
    "--prune",
    is_flag=True,
    help="Close open issues of earlier imports of FILE that it does not have any more; of - only those of its format "
    "and projects.",
)
@click.option("--force", is_flag=True, help="Store the state in FILE even where a newer one is stored.")
@click.option("--dry-run", is_flag=True, help="Show what would change; store nothing.")
@output_options(*IMPORT_TABLES, json_help="The same as -o json: what was imported, every change in full.")
def import_(
    file: Path | None, form: str | None, maps: tuple[str, ...], items: str | None, output: Output, **how: bool
) -> None:
    """Import issues from Beads or another tool's export.

    FILE is .beads/issues.jsonl by default, in either dialect of Beads; a deps.jsonl in the same directory is read,
    too. - is standard input: bd 0.56 and later write no file, but export. Where an issue is stored already, the state
    that was updated last is kept. Bad lines and cards are reported and skipped; the rest is imported. For a plan
    tracker, cycles, dependencies on finished or unknown cards, and the critical path are reported. An id that an issue
    of another repository has already is stored as REPOSITORY:ID.

    \b
    Examples:
      bench issues import .beads/issues.jsonl
      bd export | bench issues import -
      bench issues import --prune --dry-run
      bench issues import --format plan-tracker PLAN.md
      gh issue list --json number,title,body,labels,state,url,createdAt,updatedAt | bench issues import -
      bench issues import --map 'id=$.ref' --map 'title=$.name' --items '$.tickets[*]' tickets.json
    """
    if file is None and (form not in (None, "beads") or maps or items):
        option = f"--format {form}" if form else "--map"
        raise IntakeError(f"{option} needs a file: bench issues import {option} … FILE")
    file = file or DEFAULT_FILE
    with progress("importing issues") as bar:
        read = read_any(file, form, parse_field_map(maps, items), bar)
        report = read.report
        with open_farm(create=True) as farm:
            stored = store_backlog(farm.engine, report, progress=bar, **how)
            plan = report_plan(farm.engine, report) if read.form == "plan-tracker" else None
    options = [*(("--format", form) if form else ()), *(part for entry in maps for part in ("--map", entry))]
    options += ["--items", items] if items else []

    def write_notes() -> None:
        note_report(report)
        if plan is not None:
            note_plan(plan, [issue.id for issue in report.issues])
        note_stored(report.source, stored, options, file, pruned=how["prune"], dry_run=how["dry_run"])

    document = import_document(report, stored, plan)
    rows = import_rows(document)
    output.show(Answer(lambda: document, write_notes, lambda: rows_markdown(rows, json_value), lambda: rows))


@issues.command("list")
@click.option(
    "--slice", "slice_name", shell_complete=slices, default=None, help="List only the issues of this slice."
)
@click.option(
    "--config",
    type=click.Path(path_type=Path),
    default=None,
    help="Config file with slices.  [default: the project's]",
)
@output_options("issues", json_help="The same as -o json: a list with the contract's field names.")
def list_(slice_name: str | None, config: Path | None, output: Output) -> None:
    """List the imported issues.

    \b
    Examples:
      bench issues list
      bench issues list --slice critical -o csv
    """
    from bench.config.load import find_config, load_config

    with open_farm() as farm:
        listed = [Issue.from_document(document) for document in Issues(farm.engine).all_documents()]
    if slice_name is not None:
        slices = load_config(config or find_config(Path.cwd())).slices
        listed = select(listed, slice_name, find_slice(slice_name, slices))
    show_answer(output, lambda: [issue.as_document() for issue in listed], lambda: [_issues_table(listed)])
    if output.is_for_people:
        note(f"{len(listed)} issues")


def _issues_table(listed: list[Issue]) -> Table:
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
        for issue in listed
    ]
    return table(None, ("issue", "priority", "risk", "size", "status", "tags", "title"), rows)


@issues.command("show")
@click.argument("issue_id", shell_complete=issue_ids)
@output_options()
def show_issue(issue_id: str, output: Output) -> None:
    """Show all fields of an issue.

    \b
    Example:
      bench issues show SHOP-12
    """
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
    """Indented, so that no line of the text looks like one of the output's own."""
    return Text("\n".join(f"  {line}".rstrip() for line in visible_text(text).split("\n")))
