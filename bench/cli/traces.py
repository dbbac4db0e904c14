"""`bench traces`: what ran, as OpenTelemetry traces."""

import re

import click

from bench.cli.session import note, open_farm
from bench.cli.suggestions import bench_ids
from bench.terminal import counted
from planner.cli.progress import progress


@click.command()
@click.argument("of", metavar="[BENCH_ID|xEXECUTION]", required=False, shell_complete=bench_ids)
@click.option(
    "--to",
    "address",
    metavar="URL",
    help="The collector (OTLP over HTTP).  [default: OTEL_EXPORTER_OTLP_ENDPOINT, else http://localhost:4318]",
)
def traces(of: str | None, address: str | None) -> None:
    """Send what ran to an OpenTelemetry collector.

    One trace for each execution: its admission, its wait in the queue, attempts, candidates, rounds, model and tool
    calls, and gates, with their recorded times, outcomes, tokens and costs, and without a word of a conversation. Ids
    are derived from those of executions: the same trace sent again has the same ids. It is the newest bench by default.

    \b
    Examples:
      bench traces --to http://127.0.0.1:4318
      bench traces x123
    """
    from bench.traces.otlp import SpanSender
    from bench.traces.read import spans_of_bench, spans_of_execution
    from db.repositories.benches import Benches

    sender = SpanSender(address)
    with progress("sending traces"), open_farm() as farm:
        if of is not None and re.fullmatch(r"x\d{1,18}", of):
            spans = spans_of_execution(farm.engine, int(of[1:]))
        else:
            of = of or Benches(farm.engine).latest()
            spans = spans_of_bench(farm.engine, of)
        sent = sender.send(spans)
    sender.close()
    note(f"sent {counted(sent, 'span')} of {of} to {sender.endpoint}")
