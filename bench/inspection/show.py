"""Terminal sections of one execution: outcome, attempts, candidates, rounds, gates, patch, money and timeline."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any, Final

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from bench.config.money import format_usd
from bench.errors import FailureError
from bench.inspection.execution import ExecutionRecord
from bench.inspection.patch_show import REDACTED, changes_line, colored_patch, file_changes
from bench.inspection.reported import (
    ReportedRound,
    diff_lines,
    files_modified,
    gates_line,
    gates_of,
    rounds_of,
)
from bench.terminal import Bullet, preformatted, seconds, styled, table
from workers.untrusted import mapping

_PATCH_LINES: Final = 60
_GATE_LINES: Final = 12
_MOST_CHARACTERS: Final = 400
_STYLES: Final = {"success": "green", "failed": "red", "timeout": "red", "error": "yellow"}
OUTCOME_WORDS: Final = {"success": "passed", "failed": "did not pass", "timeout": "ran out of time"}


def execution_parts(record: ExecutionRecord) -> list[RenderableType]:
    """All sections, for one or two screens; longer texts are shortened, with the command that prints them whole."""
    return [
        *_head(record),
        *_attempts(record),
        *_candidates(record),
        *_rounds(record),
        *_gates(record),
        *_baseline(record),
        *_patch(record),
        *_timeline(record),
        *_more(record),
    ]


def _head(record: ExecutionRecord) -> Iterator[RenderableType]:
    facts = record.facts
    yield styled((record.name, "bold"), f"  {facts.issue_id}", f"  {facts.title}" if facts.title else "")
    yield Text.assemble(outcome_text(record), styled(f"; {_money(record)}"))
    arm = "" if facts.arm_id is None else f"arm a{facts.arm_id}: "
    baseline = ", the baseline's action" if facts.is_baseline else ""
    run = "" if not facts.replicates else f", run {facts.replicate + 1} of {facts.replicates}"
    chance = "" if facts.propensity is None else f", propensity {facts.propensity:.3g}"
    yield f"{arm}{record.action}{baseline}{run}{chance}"
    shape = f"{facts.dk_risk}/{facts.dk_size}"
    yield f"case c{facts.case_id} ({shape}) of {facts.kind} {facts.bench_id}, seed {facts.seed}"
    for line in (facts.message, facts.reason):
        if line:
            yield line


def outcome_text(record: ExecutionRecord) -> Text:
    """The outcome in a few words: passed, failed, an error of a class, or the state it is in."""
    facts = record.facts
    if facts.status is None:
        since = f" on {facts.machine_id}" if facts.state == "running" else ""
        return styled((facts.state, "cyan"), since)
    word = OUTCOME_WORDS.get(facts.status, f"error ({facts.error_class}), no evidence about its arm")
    winner = ", its arm is the winner" if facts.is_winning_arm else ""
    took = f" in {seconds(facts.duration_ms)}"
    waited = (
        f" ({seconds(facts.provider_wait_ms)} of it waiting for a provider)" if facts.provider_wait_ms else ""
    )
    return styled((word, _STYLES[facts.status]), f"{took}{waited}{winner}")


def _money(record: ExecutionRecord) -> str:
    facts = record.facts
    reserved = f"reserved {format_usd(facts.reserved_micro_usd)}"
    if facts.status is None:
        live = "" if facts.live_micro_usd is None else f", spent so far {format_usd(facts.live_micro_usd)}"
        return reserved + live
    cost = (
        "cost unknown"
        if facts.micro_usd is None
        else f"cost {format_usd(facts.micro_usd)} ({facts.cost_source})"
    )
    charged = (
        f", charged {format_usd(facts.charged_micro_usd)}"
        if facts.charged_micro_usd != facts.micro_usd
        else ""
    )
    overrun = f", overrun {format_usd(facts.overrun_micro_usd)}" if facts.overrun_micro_usd else ""
    return f"{cost}{charged}{overrun}, {reserved}"


def _table(title: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> Table:
    """A table without the columns that are empty in every row."""
    kept = [n for n in range(len(columns)) if any(row[n] not in (None, "") and str(row[n]) for row in rows)]
    result = table(title, [columns[n] for n in kept], [[row[n] for n in kept] for row in rows])
    # A name that is copied stays on one line.
    result.columns[0].no_wrap = True
    return result


def _attempts(record: ExecutionRecord) -> Iterator[RenderableType]:
    rows = [
        (
            each.attempt,
            each.machine_id,
            f"{each.claimed_at:%Y-%m-%d %H:%M:%S}",
            ""
            if each.ended_at is None
            else seconds((each.ended_at - each.claimed_at).total_seconds() * 1000),
            each.ending + (", with a late result" if each.has_late_result else ""),
            format_usd(each.micro_usd),
            each.message if each.attempt != record.facts.outcome_attempt else "",
        )
        for each in record.attempts
    ]
    columns = ("attempt>", "machine", "claimed (UTC)", "held for>", "ending", "cost>", "")
    if rows:
        yield _table("Attempts", columns, rows)


def _candidates(record: ExecutionRecord) -> Iterator[RenderableType]:
    rows = [
        (
            each.workcell_id,
            styled((each.status, _STYLES[each.status])),
            "chosen"
            if record.facts.chosen == each.candidate and each.attempt == record.facts.outcome_attempt
            else "",
            gates_line(gates_of(each.document)),
            diff_lines(each.document),
            files_modified(each.document),
            seconds(each.duration_ms),
            format_usd(each.micro_usd),
        )
        for each in record.candidates_shown
    ]
    columns = ("candidate", "status", "vote", "gates", "lines>", "files>", "time>", "cost>")
    if rows:
        yield _table("Candidates", columns, rows)


def _rounds(record: ExecutionRecord) -> Iterator[RenderableType]:
    rows = [
        _round_row(f"c{each.candidate}.{number}", played, record.facts.message)
        for each in record.candidates_shown
        for number, played in enumerate(rounds_of(each.document), 1)
    ]
    columns = ("round>", "toolchain", "status", "time>", "calls>", "tokens in/out>", "model cost>", "message")
    if rows:
        yield _table("Rounds", columns, rows)


def _round_row(name: str, played: ReportedRound, headline: str | None) -> tuple[Any, ...]:
    tokens = (played.tokens_in, played.tokens_out)
    return (
        name,
        *(played.toolchain, played.status, seconds(played.duration_ms), played.model_calls),
        ""
        if tokens == (None, None)
        else "/".join("?" if count is None else f"{count:,}" for count in tokens),
        # A candidate pays for its minutes as a whole: of a round only the models' cost is known.
        format_usd(played.micro_usd or None),
        played.message if played.message != headline else "",
    )


def _gates(record: ExecutionRecord) -> Iterator[RenderableType]:
    shown = record.candidate(record.shown)
    gates = gates_of({"gates": record.facts.gates} if shown is None else shown.document)
    rows = [
        (
            gate.name,
            styled(("passed", "green") if gate.passed else ("failed", "red")),
            "" if gate.score is None else f"{100 * gate.score:.0f} %",
            *(seconds(gate.duration_ms), gate.exit_code, " ".join(gate.codes)),
        )
        for gate in gates
    ]
    columns = ("gate", "result", "tests passed>", "time>", "exit code>", "fail codes")
    if rows:
        of = "" if record.shown is None else f" of {record.workcell(record.shown)}"
        yield _table(f"Gates{of}", columns, rows)
    for gate in gates:
        lines = gate.output_tail.rstrip().split("\n")
        if not gate.passed and lines != [""]:
            yield styled((f"End of the output of {gate.name}", "table.title"))
            yield preformatted((line[:_MOST_CHARACTERS], "") for line in lines[-_GATE_LINES:])
            yield ""


def _baseline(record: ExecutionRecord) -> Iterator[RenderableType]:
    rows = [
        (gate.get("name"), "ran" if gate.get("ran") else "could not run", gate.get("detail"))
        for each in record.attempts[-1:]
        for gate in map(mapping, each.baseline or ())
    ]
    if rows:
        yield _table("Gates of the base commit", ("gate", "", "what it showed"), rows)


def _patch(record: ExecutionRecord) -> Iterator[RenderableType]:
    file = None if record.shown is None else record.files.patch(*record.shown)
    if file is None:
        return
    try:
        patch = record.files.text(file)
    except FailureError as error:
        yield str(error)
        return
    if not patch:
        yield f"{file.workcell} changed nothing"
        return
    yield styled(("Patch", "table.title"), f"  {changes_line(file_changes(patch))}")
    if record.is_patch_redacted:
        yield REDACTED
    text, left_out = colored_patch(patch, _PATCH_LINES)
    yield text
    if left_out:
        yield f"… {left_out} more lines: bench diff {file.workcell}"


def _timeline(record: ExecutionRecord) -> Iterator[RenderableType]:
    events = record.timeline
    if events:
        yield ""
        yield styled((f"Timeline ({events[0].at:%Y-%m-%d}, UTC)", "table.title"))
        yield preformatted(
            (f"{event.at:%H:%M:%S} {_after(events[0].at, event.at):>10}  {event.what}", "")
            for event in events
        )
        yield ""


def _after(start: datetime, end: datetime) -> str:
    return f"+{seconds((end - start).total_seconds() * 1000)}"


def _more(record: ExecutionRecord) -> Iterator[RenderableType]:
    name = record.name if record.named is None else record.workcell(record.named)
    if record.facts.status is None and record.facts.state == "running":
        yield Bullet(f"follow it: bench logs -f {name}")
    if record.shown is not None:
        yield Bullet(
            f"more of it: bench show {name} --conversation, --logs, --gate NAME, -o json; bench diff {name}"
        )
    if record.facts.arm_id is not None:
        yield Bullet(f"the other arms of the case: bench show c{record.facts.case_id}")
