"""Stored texts of an execution as a page shows them: the end of each log, bounded, with what is left out before it."""

from collections.abc import Iterable
from typing import Final, NamedTuple

from markupsafe import escape

from bench.errors import BenchError, FailureError
from bench.inspection.execution import ExecutionRecord
from bench.inspection.files import KeptFile
from bench.inspection.reported import ReportedGate, gates_of
from bench.inspection.texts import is_report, log_files
from planner.system.foreign_text import visible_text

PAGE_CHARACTERS: Final = 64_000


class ShownText(NamedTuple):
    """The end of one file."""

    file: KeptFile
    text: str
    left_out: int
    """Characters before it."""
    problem: str | None
    """Why there is no text."""


class GateText(NamedTuple):
    """A gate with its stored output, else with the end that was reported."""

    gate: ReportedGate
    outputs: tuple[ShownText, ...]


def shown_texts(
    record: ExecutionRecord, files: Iterable[KeptFile], most_characters: int = PAGE_CHARACTERS
) -> list[ShownText]:
    """The ends of files, each with an equal share of the page at least."""
    chosen = [file for file in files if not is_report(file)]
    shown: list[ShownText] = []
    room = most_characters
    for number, file in enumerate(chosen):
        share = room // (len(chosen) - number)
        try:
            text = record.files.text(file)
        except FailureError as error:
            shown.append(ShownText(file, "", 0, str(error)))
            continue
        end = _end(text, share)
        room -= len(escape(visible_text(end)))
        shown.append(ShownText(file, end, len(text) - len(end), None))
    return shown


def gate_texts(record: ExecutionRecord) -> list[GateText]:
    """The gates of the candidate that is shown, or of the outcome where no candidate is recorded."""
    candidate = record.candidate(record.shown)
    gates = gates_of({"gates": record.facts.gates} if candidate is None else candidate.document)
    share = PAGE_CHARACTERS // max(1, len(gates))
    return [GateText(gate, tuple(shown_texts(record, _outputs(record, gate.name), share))) for gate in gates]


def _outputs(record: ExecutionRecord, gate: str) -> list[KeptFile]:
    try:
        files = log_files(record, gate=gate)
    except BenchError:
        return []
    return [file for file in files if record.shown == (file.attempt, file.candidate)]


def _end(text: str, most: int) -> str:
    """The end of a text whose markup takes at most `most` characters, from the start of a line where there is one."""
    end = text[-most:] if most > 0 else ""
    while end and len(escape(visible_text(end))) > most:
        end = end[len(end) // 4 + 1 :]
    if len(end) < len(text) and "\n" in end[:-1]:
        end = end.partition("\n")[2]
    return end
