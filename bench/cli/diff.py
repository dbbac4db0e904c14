"""`bench diff`: the patch of an execution, or the difference between two."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bench.cli.answers import answer_of
from bench.cli.archives import archives_directory
from bench.cli.log_output import OF_BENCH
from bench.cli.session import Farm, note, open_farm
from bench.cli.suggestions import references
from bench.cli.taking import winner_of
from bench.errors import BenchError
from bench.terminal import show
from planner.cli.formats import Output, output_options
from planner.cli.output import echo_bytes

if TYPE_CHECKING:
    from bench.inspection.compare import NamedPatch
    from bench.inspection.execution import ExecutionRecord
    from bench.inspection.references import Resolver


@click.command()
@click.argument(
    "words", metavar="ISSUE|CASE|ARM|EXECUTION", nargs=-1, required=True, shell_complete=references
)
@OF_BENCH
@click.option(
    "--arm", metavar="ARM", help='Of this arm instead of the winner: a12, or "serial_handoff x1 15m".'
)
@click.option("--execution", metavar="EXECUTION", help="Of this execution of the issue: x123.")
@click.option(
    "--against", metavar="ARM", help="What differs between this arm or execution of the case and the other."
)
@output_options("files")
def diff(
    words: tuple[str, ...],
    bench_id: str | None,
    arm: str | None,
    execution: str | None,
    against: str | None,
    output: Output,
) -> None:
    """Print the patch that solves an issue.

    Of an issue it is the winner's; anything that `bench show` takes can be named. In a pipe or a file the patch is
    printed exactly as it was made, so that git applies it; on a terminal it has colours. -o csv lists its files.

    With --against, the difference between two results: from the files that the named arm left to those of the other,
    both on their base commit, where a repository with that commit is on this machine; otherwise the difference
    between the texts of both patches. A note names which of the two it is.

    \b
    Examples:
      bench diff dep-102
      bench diff dep-102 > fix.patch && git -C repo apply ../fix.patch
      bench diff dep-102 --against "speculate_vote x3 30m"
    """
    from bench.inspection.patch_show import REDACTED
    from bench.inspection.references import Resolver

    if arm is not None and execution is not None:
        raise BenchError("give one of --arm and --execution")
    with open_farm() as farm:
        resolver = Resolver(farm.engine, bench_id)
        record = _record(farm, resolver, " ".join(words), arm, execution)
        named = _patch(record)
        if record.is_patch_redacted:
            note(f"{named.name}: {REDACTED}")
        if against is None:
            patch, what = named.patch, f"patch of {named.name}: {record.facts.status or record.facts.state}"
        else:
            other = _patch(_of_case(farm, resolver, record.facts.case_id, against))
            patch, what = _difference(farm, record, other, named)
    _print(output, patch, what, record, named.name)


def _record(
    farm: Farm, resolver: "Resolver", text: str, arm: str | None, execution: str | None
) -> "ExecutionRecord":
    from bench.inspection.execution import read_execution

    case = resolver.case_named(text)
    if arm is not None or execution is not None:
        case_id = resolver.to_execution(text)[0].case_id if case is None else case.case_id
        return _of_case(farm, resolver, case_id, arm or execution or "")
    if case is None:
        address, candidate = resolver.to_execution(text)
        return read_execution(farm.engine, address.execution_id, archives_directory(), candidate)
    return read_execution(farm.engine, winner_of(resolver, case), archives_directory())


def _of_case(farm: Farm, resolver: "Resolver", case_id: int, text: str) -> "ExecutionRecord":
    from bench.inspection.execution import read_execution

    address, candidate = resolver.execution_of_case(text, case_id)
    return read_execution(farm.engine, address.execution_id, archives_directory(), candidate)


def _patch(record: "ExecutionRecord") -> "NamedPatch":
    from bench.inspection.compare import NamedPatch

    file = None if record.shown is None else record.files.patch(*record.shown)
    if file is None:
        raise BenchError(f"{record.name} has no patch: it is {record.facts.status or record.facts.state}")
    return NamedPatch(file.workcell, record.files.read(file))


def _difference(
    farm: Farm, record: "ExecutionRecord", first: "NamedPatch", second: "NamedPatch"
) -> tuple[bytes, str]:
    from bench.inspection.compare import difference, repositories_with

    facts = record.facts
    repositories = repositories_with(facts.base or "", facts.repo or "", farm.mirrors, Path.cwd())
    return difference(first, second, facts.base, repositories)


def _print(output: Output, patch: bytes, what: str, record: "ExecutionRecord", workcell: str) -> None:
    from bench.inspection.patch_show import change_rows, changes_line, colored_patch, file_changes

    text = patch.decode("utf-8", "replace")
    changes = file_changes(text)
    note(f"{what}; {changes_line(changes)}" if patch else f"{what}; it is empty")
    if output.is_for_people and not sys.stdout.isatty():
        echo_bytes(patch)
        return

    def document() -> dict[str, Any]:
        facts = {"issue_id": record.facts.issue_id, "execution_id": record.facts.execution_id}
        return {**facts, "workcell": workcell, "what": what, "patch": text, "files": change_rows(changes)}

    answer = answer_of(document, lambda: [colored_patch(text)[0]])
    if output.is_for_people:
        show(*([colored_patch(text)[0]] if patch else []))
    else:
        output.show(answer)
