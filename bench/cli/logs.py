"""`bench logs`: the logs of an execution, also while it runs."""

import click

from bench.cli.archives import archives_directory
from bench.cli.log_output import OF_BENCH, follow_logs, show_logs
from bench.cli.session import Farm, open_farm
from bench.cli.suggestions import references
from bench.errors import BenchError
from bench.inspection.references import CandidateKey
from planner.cli.formats import Output, output_options


@click.command()
@click.argument("words", metavar="[EXECUTION|ISSUE]", nargs=-1, shell_complete=references)
@OF_BENCH
@click.option("-f", "--follow", is_flag=True, help="Print new output while it runs, until it ends.")
@click.option("--gate", metavar="NAME", help="Only the output of this gate; test.junit.xml is its report.")
@click.option(
    "--file", "name", metavar="NAME", help="Only the log of this name, such as gate-1-test.junit.xml."
)
@output_options("logs")
def logs(
    words: tuple[str, ...],
    bench_id: str | None,
    follow: bool,
    gate: str | None,
    name: str | None,
    output: Output,
) -> None:
    """Print the logs of an execution.

    They are the output of each round and of each gate, in this order, for every candidate of its last attempt; a
    workcell names one candidate. No line is wrapped; control characters are escaped. JUnit reports are left out unless
    --file or --gate names them; -o json has them. Anything that `bench show` takes can be named; without
    a name it is the execution that started last.

    With -f, output is fetched from its machine, wherever that is, about every two seconds; the first may take until
    the worker's next heartbeat (20 seconds by default). Of output that grows faster than 24 KiB a second a part is left
    out, with a mark; the stored logs have it.

    \b
    Examples:
      bench logs x123
      bench logs -f dep-102
      bench logs x123-a1-c0-0d208a5d -o json
    """
    from bench.inspection.execution import read_execution

    if follow and not output.is_for_people:
        raise BenchError(f"--follow prints text; leave out -o {output.form}")
    if (gate is not None) + (name is not None) + follow > 1:
        raise BenchError("give one of --follow, --gate and --file")
    with open_farm() as farm:
        execution_id, candidate = _named(farm, " ".join(words), bench_id, running=follow)
        if follow:
            follow_logs(farm, execution_id, candidate)
            return
        show_logs(
            read_execution(farm.engine, execution_id, archives_directory(), candidate), output, gate, name
        )


def _named(farm: Farm, text: str, bench_id: str | None, *, running: bool) -> tuple[int, CandidateKey | None]:
    from bench.inspection.references import Resolver
    from db.repositories.references import References

    addresses = References(farm.engine)
    if not text:
        newest = (addresses.newest(running=True) if running else None) or addresses.newest()
        if newest is None:
            raise BenchError("nothing has run yet; start a bench with: bench submit")
        return newest.execution_id, None
    resolver = Resolver(farm.engine, bench_id)
    case = resolver.case_named(text) if running else None
    runs_now = None if case is None else addresses.unfinished_of_case(case.case_id)
    if runs_now is not None:
        return runs_now.execution_id, None
    address, candidate = resolver.to_execution(text)
    return address.execution_id, candidate
