"""One execution: overview, conversation, diff, logs and files, each at an address of its own."""

import re
from collections.abc import Callable, Iterable
from typing import Any, Final

from rich.console import RenderableType
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from bench.inspection.execution import ExecutionRecord, read_execution
from bench.inspection.files import KeptFile
from bench.inspection.references import CandidateKey
from bench.inspection.show import execution_parts
from bench.inspection.texts import is_report, log_files, log_parts
from bench.ui.errors import NoSuchPageError
from bench.ui.live_tail import tail_parts
from bench.ui.paging import pages_of
from bench.ui.parts import parts_of
from bench.ui.render import render
from bench.ui.texts import conversation, diff

_CANDIDATE: Final = re.compile(r"(\d{1,9})\.(\d{1,4})")


def execution(request: Request) -> Response:
    """One tab of the page."""
    record, tab = _record(request), request.path_params.get("tab", "overview")
    if tab not in _TABS:
        raise NoSuchPageError(f"there is no page {tab!r} of an execution")
    return render(request, "execution.html.j2", **_values(request, record, tab))


def section(request: Request) -> Response:
    """What changes of a tab while the execution runs."""
    record, tab = _record(request), request.path_params["tab"]
    if tab not in _TABS:
        raise NoSuchPageError(f"there is no page {tab!r} of an execution")
    return render(request, "execution_section.html.j2", **_values(request, record, tab))


def download(request: Request) -> Response:
    """One file of a candidate, as bytes to save: never as a page, whatever it contains."""
    record, number = _record(request), request.path_params["number"]
    if number >= len(record.files.all):
        raise NoSuchPageError(f"{record.name} has no file number {number}")
    file = record.files.all[number]
    name = re.sub(r"[^A-Za-z0-9._-]", "_", f"{file.workcell}-{file.title}")
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return Response(record.files.read(file), media_type="application/octet-stream", headers=headers)


def _record(request: Request) -> ExecutionRecord:
    named = _CANDIDATE.fullmatch(request.query_params.get("candidate", ""))
    candidate = None if named is None else CandidateKey(int(named[1]), int(named[2]))
    return read_execution(
        request.app.state.engine, request.path_params["execution_id"], request.app.state.archives, candidate
    )


def _values(request: Request, record: ExecutionRecord, tab: str) -> dict[str, Any]:
    renderables = _TABS[tab](record)
    pages = pages_of(parts_of(renderables))
    number = min(max(_number(request.query_params.get("page", "1")), 1), len(pages))
    keys = sorted({CandidateKey(file.attempt, file.candidate) for file in record.files.all})
    return {
        "record": record,
        "facts": record.facts,
        "tab": tab,
        "tabs": list(_TABS),
        "parts": pages[number - 1],
        "page": number,
        "pages": len(pages),
        "candidates": [(f"{key.attempt}.{key.candidate}", record.workcell(key)) for key in keys],
        "shown": "" if record.shown is None else f"{record.shown.attempt}.{record.shown.candidate}",
        "named": "" if record.named is None else f"{record.named.attempt}.{record.named.candidate}",
        "tail": list(parts_of(tail_parts(request.app.state.engine, record))) if tab == "logs" else [],
        "files": list(enumerate(record.files.all)) if tab == "files" else [],
    }


def _number(text: str) -> int:
    return int(text) if text.isdecimal() and len(text) < 9 else 1


def _logs(record: ExecutionRecord) -> Iterable[RenderableType]:
    files: list[KeptFile] = [file for file in log_files(record) if not is_report(file)]
    return log_parts(record, files) if files else ["no stored logs yet"]


_TABS: Final[dict[str, Callable[[ExecutionRecord], Iterable[RenderableType]]]] = {
    "overview": execution_parts,
    "conversation": conversation,
    "diff": diff,
    "logs": _logs,
    "files": lambda _: [],
}
routes = [
    Route("/executions/{execution_id:int}", execution, name="execution"),
    Route("/executions/{execution_id:int}/files/{number:int}", download, name="file"),
    Route("/executions/{execution_id:int}/{tab}", execution, name="execution_tab"),
    Route("/executions/{execution_id:int}/{tab}/section", section, name="execution_section"),
]
