"""JSON documents of executions: everything, with the whole texts of all files."""

import base64
from typing import Any

from bench.errors import FailureError
from bench.inspection.execution import ExecutionRecord
from bench.inspection.files import ExecutionFiles, KeptFile
from bench.inspection.patch_show import change_rows, file_changes
from db.rows import documents

Json = dict[str, Any]


def execution_document(record: ExecutionRecord) -> Json:
    """The whole execution; money in micro-dollars, durations in ms."""
    patch = None if record.shown is None else record.files.patch(*record.shown)
    text = None if patch is None else _text(record.files, patch)
    return {
        "execution": record.name,
        **record.facts._asdict(),
        "action": record.action,
        "shown_workcell": None if record.shown is None else record.workcell(record.shown),
        "attempts": documents(record.attempts),
        "candidates": [each.document | {"attempt": each.attempt} for each in record.candidates],
        "patch": text,
        "files": [] if text is None else change_rows(file_changes(text)),
        "ledger": documents(record.ledger),
        "timeline": documents(record.timeline),
        "artifacts": [file_document(record.files, file) for file in record.files.all],
    }


def execution_rows(document: Json) -> dict[str, list[Json]]:
    """The tables of `execution_document`, by the names of `bench show --table`."""
    candidates = document["candidates"]
    return {
        "attempts": document["attempts"],
        "candidates": [
            {k: v for k, v in each.items() if k not in ("rounds", "gates")} for each in candidates
        ],
        "rounds": _parts_of(candidates, "rounds"),
        "gates": _parts_of(candidates, "gates"),
        "files": document["files"],
        "timeline": document["timeline"],
        "artifacts": [
            {key: value for key, value in each.items() if key not in ("text", "base64")}
            for each in document["artifacts"]
        ],
    }


def _parts_of(candidates: list[Json], key: str) -> list[Json]:
    """Rounds or gates of all candidates, each with its workcell; a worker reported them, so the types are checked."""
    return [
        {"workcell_id": each.get("workcell_id"), "candidate": each.get("index"), **part}
        for each in candidates
        if isinstance(each.get(key), list)
        for part in each[key]
        if isinstance(part, dict)
    ]


def file_document(files: ExecutionFiles, file: KeptFile) -> Json:
    """One file with its whole text; `base64` holds the bytes where they are no UTF-8, `problem` why there are none."""
    document: Json = {
        "workcell": file.workcell,
        "attempt": file.attempt,
        "candidate": file.candidate,
        "name": file.name,
        "size": file.size,
        "left_out": file.left_out,
    }
    try:
        text = files.text(file)
    except FailureError as error:
        return {**document, "text": None, "problem": str(error)}
    if "�" in text and not file.name.endswith(".gz"):
        document["base64"] = base64.b64encode(files.read(file)).decode("ascii")
    return {**document, "text": text}


def _text(files: ExecutionFiles, file: KeptFile) -> str | None:
    try:
        return files.text(file)
    except FailureError:
        return None
