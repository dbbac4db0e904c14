"""Texts of an execution for people: its logs, the output of one gate, its stored conversation."""

from collections.abc import Iterable, Iterator
from typing import Any, Final

from rich.console import RenderableType

from bench.errors import BenchError, FailureError
from bench.inspection.documents import file_document
from bench.inspection.execution import ExecutionRecord
from bench.inspection.files import KeptFile, logs_of
from bench.terminal import styled, verbatim
from workers.conversation.store import unpacked

Json = dict[str, Any]
_REPORT: Final = ".junit.xml"


def log_files(record: ExecutionRecord, gate: str | None = None, name: str | None = None) -> list[KeptFile]:
    """The logs of the candidates of the attempt that is shown, or of the one that was named; of one gate where given.

    With `name`, the files of that name. Reports of tests (JUnit XML) are among them.

    Raises `BenchError` where there is no log, or none of this gate or name.
    """
    files = logs_of(
        record.files.of(record.shown_attempt, None if record.named is None else record.named.candidate)
    )
    if gate is not None and record.named is None and record.shown is not None:
        files = [file for file in files if file.candidate == record.shown.candidate]
    known: Iterable[str | None]
    if name is not None:
        chosen = [file for file in files if name in (file.title, file.name)]
        known, what = (file.title for file in files), "file"
    elif gate is not None:
        chosen = [file for file in files if _gate_of(file) == gate]
        known, what = (_gate_of(file) for file in files if not is_report(file)), "output of a gate"
    else:
        return files
    if not chosen:
        names = ", ".join(sorted({each for each in known if each})) or "none"
        raise BenchError(f"{record.name} has no {what} {name or gate!r}; there is: {names}")
    return chosen


def is_report(file: KeptFile) -> bool:
    """Whether a file among the logs is a gate's report of its tests, for programs."""
    return file.title.endswith(_REPORT)


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
            yield verbatim(text)


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
