"""One execution: overview, conversation, diff, gates, logs and attempts, each under its own address."""

import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Final

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from bench.errors import BenchError
from bench.inspection.execution import ExecutionRecord, read_execution
from bench.inspection.patch_show import REDACTED
from bench.inspection.references import CandidateKey
from bench.inspection.reported import diff_lines, files_modified, gates_line, gates_of, rounds_of
from bench.inspection.show import outcome_text
from bench.inspection.texts import conversation_of, is_report
from bench.ui.pages.case import patch_text
from bench.ui.parts import parts_of
from bench.ui.render import render
from bench.ui.views.patch import patch_page
from bench.ui.views.steps import step_page, whole_step
from bench.ui.views.texts import gate_texts, shown_texts
from bench.ui.views.timeline import WIDTH, timeline_bars
from db.repositories.execution_facts import CandidateFacts
from db.states import TERMINAL

_CANDIDATE: Final = re.compile(r"(\d{1,9})\.(\d{1,4})")
Values = dict[str, Any]


def execution(request: Request) -> Response:
    """The whole page of one tab."""
    return render(request, "execution.html.j2", **_values(request))


def head(request: Request) -> Response:
    """What is above the tabs, for a page that shows it already."""
    return render(request, "execution_head.html.j2", **_values(request, has_tab=False))


def section(request: Request) -> Response:
    """What is below the tabs, for a page that shows it already."""
    return render(request, "execution_section.html.j2", **_values(request))


def read_record(request: Request) -> tuple[ExecutionRecord, str]:
    """The execution of an address and the candidate that it names, as `attempt.candidate`; empty where it names none.

    Raises `BenchError` where there is no such execution or candidate.
    """
    number: int = request.path_params["execution_id"]
    if number >= 2**63:
        raise BenchError(f"there is no execution x{number}")
    wanted = request.query_params.get("candidate", "")
    matched = _CANDIDATE.fullmatch(wanted)
    if wanted and not matched:
        raise BenchError("a candidate is named by its attempt and number, such as ?candidate=1.0")
    key = CandidateKey(int(matched[1]), int(matched[2])) if matched else None
    # Files of archives on this machine are not shown: a page serves what the farm stored.
    return read_execution(request.app.state.engine, number, None, key), wanted


def _values(request: Request, *, has_tab: bool = True) -> Values:
    record, wanted = read_record(request)
    tab = request.path_params.get("tab", "overview")
    if tab not in _TABS:
        raise HTTPException(404)
    (outcome,) = parts_of([outcome_text(record)])
    return {
        "record": record,
        "facts": record.facts,
        "outcome": outcome,
        "is_live": record.facts.state not in TERMINAL,
        "candidates": [_candidate(record, each) for each in record.candidates],
        "shown": record.shown,
        "tab": tab,
        "tabs": list(_TABS),
        "suffix": f"?candidate={wanted}" if wanted else "",
        "more": f"&candidate={wanted}" if wanted else "",
        **(_TABS[tab](request, record) if has_tab else {}),
    }


def _candidate(record: ExecutionRecord, each: CandidateFacts) -> Values:
    facts = record.facts
    return {
        "key": f"{each.attempt}.{each.candidate}",
        "facts": each,
        "is_shown": record.shown == (each.attempt, each.candidate),
        "is_chosen": (facts.outcome_attempt, facts.chosen) == (each.attempt, each.candidate),
        "gates": gates_line(gates_of(each.document)),
        "lines": diff_lines(each.document),
        "files": files_modified(each.document),
    }


def _overview(_request: Request, record: ExecutionRecord) -> Values:
    candidate = record.candidate(record.shown)
    return {
        "bars": timeline_bars(record, datetime.now(UTC)),
        "scale": WIDTH,
        "events": record.timeline,
        "rounds": [] if candidate is None else rounds_of(candidate.document),
    }


def _conversation(request: Request, record: ExecutionRecord) -> Values:
    try:
        conversation = conversation_of(record)
    except BenchError as error:
        return {"page": None, "step": None, "problem": str(error), "file": None}
    assert record.shown is not None
    query = request.query_params
    step = whole_step(conversation, _count(query.get("step"))) if "step" in query else None
    page = step_page(conversation, _count(query.get("from")))
    return {"page": page, "step": step, "problem": None, "file": record.files.conversation(*record.shown)}


def _diff(request: Request, record: ExecutionRecord) -> Values:
    text, problem = patch_text(record)
    return {
        "page": patch_page(text, _count(request.query_params.get("file"))) if text else None,
        "problem": problem,
        "file": None if record.shown is None else record.files.patch(*record.shown),
        "redacted": REDACTED if record.is_patch_redacted else None,
    }


def _gates(_request: Request, record: ExecutionRecord) -> Values:
    return {
        "gates": gate_texts(record),
        "baseline": record.attempts[-1].baseline if record.attempts else None,
    }


def _logs(_request: Request, record: ExecutionRecord) -> Values:
    files = [] if record.shown is None else record.files.of(*record.shown)
    logs = [file for file in files if file.name.startswith("logs/") and not is_report(file)]
    return {"logs": shown_texts(record, logs), "files": files}


def _attempts(_request: Request, record: ExecutionRecord) -> Values:
    return {"ledger": record.ledger}


def _count(text: str | None) -> int:
    """A position from an address; 0 for anything else."""
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < 10 else 0


_TABS: Final[dict[str, Callable[[Request, ExecutionRecord], Values]]] = {
    "overview": _overview,
    "conversation": _conversation,
    "diff": _diff,
    "gates": _gates,
    "logs": _logs,
    "attempts": _attempts,
}
routes = [
    Route("/executions/{execution_id:int}", execution, name="execution"),
    Route("/executions/{execution_id:int}/head", head, name="execution_head"),
    Route("/executions/{execution_id:int}/{tab}", execution, name="execution_tab"),
    Route("/executions/{execution_id:int}/{tab}/section", section, name="execution_section"),
]
