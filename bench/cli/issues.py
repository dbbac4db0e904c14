"""`bench issues`: import, list, show."""

from pathlib import Path

import click
from rich.text import Text

from bench.cli.session import note, open_farm
from bench.cli.tables import show, show_json, styled, table
from bench.intake.beads import ImportReport
from bench.intake.chain_words import chain_words
from bench.intake.errors import IntakeError
from bench.intake.issue import Issue
from bench.intake.nearest import did_you_mean
from bench.intake.plan_report import PlanReport
from bench.intake.slices import find_slice, select
from bench.submit.backlog import READERS, read_backlog, report_plan, store_backlog
from db.repositories.issues import Issues
from planner.foreign_text import visible_text

DEFAULT_FILE = ".beads/issues.jsonl"
_SHOWN_PROBLEMS = 20


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
@click.option("--json", "as_json", is_flag=True, help="Print what was imported as JSON.")
def import_(file: Path | None, form: str, as_json: bool) -> None:
    """Import a Beads file (both dialects) or a plan tracker; an issue that is known already is replaced.

    FILE is .beads/issues.jsonl unless given. Bad lines and cards are named and left out; all the rest is
    imported. Of a plan tracker the cycles, the cards that depend on finished or unknown ones, and the critical
    path are reported.

    \b
    Examples:
      bench issues import .beads/issues.jsonl
      bench issues import --format plan-tracker PLAN.md
    """
    if file is None and form != "beads":
        raise IntakeError(f"which {form}? name it: bench issues import --format {form} FILE")
    file = file or Path(DEFAULT_FILE)
    report = read_backlog(file, form)
    with open_farm() as farm:
        new, replaced = store_backlog(farm.engine, report)
        plan = report_plan(farm.engine, report) if form == "plan-tracker" else None
    if as_json:
        show_json(
            {
                "new": new,
                "replaced": replaced,
                "duplicates": report.duplicates,
                "skipped_memory": report.skipped_memory,
                "escalations": report.escalations,
                "bad_lines": [{"line": number, "reason": reason} for number, reason in report.bad_lines],
                "warnings": [{"line": number, "text": text} for number, text in report.warnings],
                **({} if plan is None else {"plan": plan.document()}),
            }
        )
        return
    _tell(file, report)
    if plan is not None:
        _tell_plan(plan, [issue.id for issue in report.issues])
    note(f"{new} new, {replaced} replaced")


def _tell(file: Path, report: ImportReport) -> None:
    _tell_some([f"{file}:{number}: left out: {reason}" for number, reason in report.bad_lines])
    _tell_some([f"{file}:{number}: {text}" for number, text in report.warnings])
    if report.duplicates:
        note(f"{report.duplicates} ids came twice: the newest stays")
    if report.escalations:
        note(f"{len(report.escalations)} escalations: known, never benched")


def _tell_plan(plan: PlanReport, ids: list[str]) -> None:
    _tell_some(
        [
            f"cycle: {chain_words(ring, closed=True)}: none of these can start; drop one wait"
            for ring in plan.cycles
        ]
    )
    _tell_some([f"{one} depends on {other}, which is finished: harmless" for one, other in plan.on_finished])
    _tell_some(
        [
            f"{one} depends on {other!r}, which is unknown and blocks nothing{did_you_mean(other, ids)}"
            for one, other in plan.on_unknown[:_SHOWN_PROBLEMS]
        ],
        len(plan.on_unknown),
    )
    if plan.critical_path:
        note(f"critical path: {plan.critical_hours} hours: {chain_words(plan.critical_path)}")


def _tell_some(lines: list[str], count: int | None = None) -> None:
    """The first lines; how many more there are of `count`, which is all of them unless given."""
    for line in lines[:_SHOWN_PROBLEMS]:
        note(line)
    more = (len(lines) if count is None else count) - _SHOWN_PROBLEMS
    if more > 0:
        note(f"… and {more} more like this; --json lists them all")


@issues.command("list")
@click.option("--slice", "slice_name", default=None, help="Only the issues of this slice.")
@click.option("--config", type=click.Path(path_type=Path), default=None, help="A bench config with slices.")
@click.option("--json", "as_json", is_flag=True, help="Print a list with the contract's field names.")
def list_(slice_name: str | None, config: Path | None, as_json: bool) -> None:
    """List the imported issues."""
    from bench.config.load import find_config, load_config

    with open_farm() as farm:
        found = [Issue.from_document(document) for document in Issues(farm.engine).all_documents()]
    if slice_name is not None:
        slices = load_config(config or find_config(Path.cwd())).slices
        found = select(found, slice_name, find_slice(slice_name, slices))
    if as_json:
        show_json([issue.as_document() for issue in found])
        return
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
    show(table(None, ("issue", "priority", "risk", "size", "status", "tags", "title"), rows))
    note(f"{len(found)} issues")


@issues.command("show")
@click.argument("issue_id")
@click.option("--json", "as_json", is_flag=True, help="Print the issue as JSON.")
def show_issue(issue_id: str, as_json: bool) -> None:
    """Show one issue."""
    with open_farm() as farm:
        document = Issues(farm.engine).get(issue_id)
    if document is None:
        raise IntakeError(f"unknown issue {issue_id!r}; `bench issues list` shows what is imported")
    if as_json:
        show_json(Issue.from_document(document).as_document())
        return
    issue = Issue.from_document(document)
    show(styled((issue.id, "bold"), f"  {issue.title}"), "")
    rows = [
        (key, value)
        for key, value in document.items()
        if value not in (None, [], {}, "") and key != "description"
    ]
    show(table(None, ("field", "value"), rows), _indented(issue.description))


def _indented(description: str) -> Text:
    """Set in, so that none of its lines looks like one of ours."""
    return Text("\n".join(f"  {line}".rstrip() for line in visible_text(description).split("\n")))
