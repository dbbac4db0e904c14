"""Texts of an execution for people: its logs, the output of one gate, its conversation."""

from collections.abc import Iterable, Iterator
from typing import Any

from rich.console import RenderableType

from bench.config.money import format_usd
from bench.errors import BenchError, FailureError
from bench.inspection.documents import file_document
from bench.inspection.execution import ExecutionRecord
from bench.inspection.files import KeptFile, logs_of
from bench.results.conversations import shortened, step_rows
from bench.terminal import preformatted, styled, table
from workers.conversation.store import unpacked
from workers.untrusted import dollars, micro

Json = dict[str, Any]


def log_files(record: ExecutionRecord, gate: str | None = None) -> list[KeptFile]:
    """The logs of the candidates of the attempt that is shown, or of the one that was named; of one gate where given.

    Raises `BenchError` where there is no log, or none of this gate.
    """
    files = logs_of(
        record.files.of(record.shown_attempt, None if record.named is None else record.named.candidate)
    )
    if gate is not None and record.named is None and record.shown is not None:
        files = [file for file in files if file.candidate == record.shown.candidate]
    if gate is None:
        return files
    of_gate = [file for file in files if _gate_of(file) == gate]
    if not of_gate:
        known = sorted({name for file in files if (name := _gate_of(file))})
        raise BenchError(
            f"{record.name} has no output of a gate {gate!r}; there is: {', '.join(known) or 'none'}"
        )
    return of_gate


def _gate_of(file: KeptFile) -> str | None:
    """The gate of a log named `gate-<round>-<gate>.log`."""
    parts = file.title.removesuffix(".log").split("-", 2)
    return parts[2] if len(parts) == 3 and parts[0] == "gate" else None


def file_heading(workcell: str, title: str, size: int, left_out: int = 0) -> str:
    """The line above a log."""
    cut = f", {left_out} of them left out" if left_out else ""
    return f"==> {workcell} {title} ({size:,} bytes{cut}) <=="


def log_parts(record: ExecutionRecord, files: Iterable[KeptFile]) -> Iterator[RenderableType]:
    """Each log under a line with its name; of empty ones the line alone."""
    for file in files:
        yield styled((file_heading(file.workcell, file.title, file.size, file.left_out), "bold"))
        try:
            text = record.files.text(file).removesuffix("\n")
        except FailureError as error:
            yield str(error)
            continue
        if text:
            yield preformatted((line, "") for line in text.split("\n"))


def log_documents(record: ExecutionRecord, files: Iterable[KeptFile]) -> list[Json]:
    """The logs with their whole texts."""
    return [file_document(record.files, file) for file in files]


def conversation_of(record: ExecutionRecord) -> Json:
    """The conversation of the candidate that is shown, an ATIF trajectory. Raises `BenchError` where there is none."""
    file = None if record.shown is None else record.files.conversation(*record.shown)
    if file is None:
        raise BenchError(f"{record.name} has no conversation (yet); see its logs: bench logs {record.name}")
    try:
        return unpacked(record.files.read(file))
    except (OSError, ValueError, EOFError) as error:
        raise FailureError(f"the conversation of {file.workcell} cannot be read: {error}") from None


def conversation_parts(name: str, conversation: Json) -> list[RenderableType]:
    """A table with one row a step; long texts are shortened."""
    cells = [
        (
            row["step"],
            row["agent"],
            row["source"],
            shortened(row["message"]),
            shortened(row["tool_calls"]),
            shortened(row["results"]),
            "" if row["usd"] is None else format_usd(micro(dollars(row["usd"]))),
        )
        for row in step_rows(conversation)
    ]
    columns = ("step>", "agent", "source", "message", "tool calls", "results", "cost>")
    return [table(f"Conversation of {name}", columns, cells)]
