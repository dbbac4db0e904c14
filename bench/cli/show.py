"""`bench show`: one execution, arm or case."""

from typing import TYPE_CHECKING

import click

from bench.cli.answers import show_answer
from bench.cli.archives import archives_directory
from bench.cli.log_output import OF_BENCH, follow_logs, show_logs
from bench.cli.session import Farm, note, open_farm
from bench.cli.suggestions import references
from bench.errors import BenchError
from planner.cli.formats import Output, output_options

if TYPE_CHECKING:
    from bench.inspection.execution import ExecutionRecord
    from bench.inspection.references import Reference, Resolver

EXECUTION_TABLES = ("attempts", "candidates", "rounds", "gates", "files", "timeline", "artifacts")


@click.command()
@click.argument(
    "words", metavar="ISSUE|CASE|ARM|EXECUTION", nargs=-1, required=True, shell_complete=references
)
@OF_BENCH
@click.option("--conversation", is_flag=True, help="What agent and model said, step by step.")
@click.option("--logs", is_flag=True, help="The logs of all candidates, whole.")
@click.option("--gate", metavar="NAME", help="The whole output of this gate.")
@click.option("-f", "--follow", is_flag=True, help="Print the logs while it runs, then show it.")
@output_options("executions", *EXECUTION_TABLES, "logs", "steps", is_narrowed=True)
def show(
    words: tuple[str, ...],
    bench_id: str | None,
    conversation: bool,
    logs: bool,
    gate: str | None,
    follow: bool,
    output: Output,
) -> None:
    """Show what an execution did.

    Its outcome, attempts, rounds, gates, patch, money and times. An issue is shown by the winner's execution in its
    newest bench, or else by the newest execution there. A case shows its arms with their executions, an arm its
    replicates. -o json has everything, with the whole texts of all files.

    \b
    What can be named:
      dep-102                        an issue
      x123                           an execution, as tables name it
      x123-a1-c0-0d208a5d            a workcell: attempt 1, candidate 0 of x123
      c17, case 17, case dep-102     a case
      a12, arm 12, "serial_handoff x1 15m"   an arm

    \b
    Examples:
      bench show dep-102
      bench show case dep-102
      bench show x123 --gate test
      bench show x123 -o json > x123.json
    """
    from bench.inspection.references import Resolver

    if sum((conversation, logs, gate is not None)) > 1:
        raise BenchError("give one of --conversation, --logs and --gate")
    with open_farm() as farm:
        resolver = Resolver(farm.engine, bench_id)
        reference = resolver.reference(" ".join(words))
        if reference.kind != "execution" and (conversation or logs or gate or follow):
            address, candidate = resolver.to_execution(" ".join(words))
            reference = type(reference)("execution", address.execution_id, candidate)
        if reference.kind != "execution":
            _show_case(farm, resolver, reference, output.among("executions"))
            return
        if follow:
            _follow(farm, reference, output)
        if (older := resolver.older_winner(" ".join(words))) is not None:
            note(f"nothing has won in the newest bench; the winner of an older one: bench show x{older}")
        record = _read(farm, reference)
        if conversation:
            _show_conversation(record, output.among("steps"))
        elif logs or gate is not None:
            show_logs(record, output.among("logs"), gate)
        else:
            _show_execution(record, output.among(*EXECUTION_TABLES))


def _read(farm: Farm, reference: "Reference") -> "ExecutionRecord":
    from bench.inspection.execution import read_execution

    return read_execution(farm.engine, reference.number, archives_directory(), reference.candidate)


def _follow(farm: Farm, reference: "Reference", output: Output) -> None:
    if not output.is_for_people:
        raise BenchError(f"--follow prints text; leave out -o {output.form}")
    follow_logs(farm, reference.number, reference.candidate, is_shown=True)


def _show_case(farm: Farm, resolver: "Resolver", reference: "Reference", output: Output) -> None:
    from bench.inspection.case import CaseView

    arm_id = reference.number if reference.kind == "arm" else None
    case_id = reference.number if arm_id is None else resolver.arm(arm_id).case_id
    view = CaseView(farm.engine, resolver.case(case_id), arm_id)
    show_answer(output, view.document, view.parts, view.rows)


def _show_execution(record: "ExecutionRecord", output: Output) -> None:
    from bench.inspection.documents import execution_document, execution_rows
    from bench.inspection.show import execution_parts

    show_answer(
        output,
        lambda: execution_document(record),
        lambda: execution_parts(record),
        lambda: execution_rows(execution_document(record)),
    )


def _show_conversation(record: "ExecutionRecord", output: Output) -> None:
    from bench.inspection.conversation_show import conversation_parts
    from bench.inspection.texts import conversation_of
    from bench.results.conversations import step_rows

    conversation = conversation_of(record)
    workcell = record.name if record.shown is None else record.workcell(record.shown)
    name = record.name if record.named is None else workcell
    show_answer(
        output,
        lambda: conversation,
        lambda: conversation_parts(name, workcell, conversation),
        lambda: {"steps": step_rows(conversation)},
    )
