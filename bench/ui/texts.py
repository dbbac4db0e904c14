"""Long texts of an execution, as parts of a report: its conversation and its patch."""

from collections.abc import Iterable

from rich.console import RenderableType

from bench.errors import BenchError
from bench.inspection.conversation_show import conversation_parts
from bench.inspection.execution import ExecutionRecord
from bench.inspection.patch_show import REDACTED, changes_line, colored_patch, file_changes
from bench.inspection.texts import conversation_of
from bench.terminal import styled


def conversation(record: ExecutionRecord) -> Iterable[RenderableType]:
    """Every step of the candidate that is shown, or why there is none."""
    if record.shown is None:
        return ["no conversation yet"]
    try:
        return conversation_parts(record.name, record.workcell(record.shown), conversation_of(record))
    except BenchError as error:
        return [str(error)]


def diff(record: ExecutionRecord) -> Iterable[RenderableType]:
    """What its patch changes, then the whole patch, or why there is none."""
    file = None if record.shown is None else record.files.patch(*record.shown)
    if file is None:
        return ["no patch yet"]
    try:
        patch = record.files.text(file)
    except BenchError as error:
        return [str(error)]
    if not patch:
        return [f"{file.workcell} changed nothing"]
    note = [REDACTED] if record.is_patch_redacted else []
    return [styled(changes_line(file_changes(patch))), *note, colored_patch(patch, patch.count("\n") + 1)[0]]
