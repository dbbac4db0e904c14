"""One case: its arms beside each other, and two of their patches side by side."""

from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from bench.errors import BenchError, FailureError
from bench.inspection.case import CaseView
from bench.inspection.execution import ExecutionRecord, read_execution
from bench.inspection.references import Resolver
from bench.ui.render import render
from bench.ui.views.arms import arm_runs
from bench.ui.views.patch import PAGE_CHARACTERS, patch_page
from db.repositories.benches import Benches
from db.repositories.patch_sizes import patch_sizes


def case(request: Request) -> Response:
    """The whole page of a case."""
    return render(request, "case.html.j2", **_values(request))


def arms(request: Request) -> Response:
    """The arms of a case alone, for a page that shows it already."""
    return render(request, "case_arms.html.j2", **_values(request))


def compare(request: Request) -> Response:
    """The patches of two executions of a case, side by side."""
    values = _values(request)
    named = [_of_case(values["runs"], request.query_params.get(side, "")) for side in ("left", "right")]
    sides = [_side(request, number) for number in named]
    return render(request, "case_compare.html.j2", sides=sides, chosen=named, **values)


def _values(request: Request) -> dict[str, Any]:
    engine = request.app.state.engine
    view = CaseView(engine, Resolver(engine).case(_number(request, "case_id")))
    runs = arm_runs(view, patch_sizes(engine, view.case.case_id))
    return {
        "case": view.case,
        "shape": view.shape,
        "slice": Benches(engine).get(view.case.bench_id).slice,
        "to_take": view.to_take,
        "runs": runs,
        "is_live": view.case.state != "finished",
        "is_compared": sum(run.lines is not None for run in runs) > 1,
    }


def _number(request: Request, name: str) -> int:
    number: int = request.path_params[name]
    if number >= 2**63:
        raise BenchError(f"there is no {name.removesuffix('_id')} {number}")
    return number


def _of_case(runs: list[Any], text: str) -> int:
    known = [run.execution_id for run in runs]
    if text not in map(str, known):
        raise BenchError(f"no execution {text!r:.40} in this case; choose two of its executions")
    return int(text)


def _side(request: Request, execution_id: int) -> dict[str, Any]:
    """One of two patches; each has half of the page."""
    record = read_execution(request.app.state.engine, execution_id, None)
    text, problem = patch_text(record)
    page = patch_page(text, 0, PAGE_CHARACTERS // 2) if text else None
    return {"record": record, "page": page, "problem": problem}


def patch_text(record: ExecutionRecord) -> tuple[str, str | None]:
    """The patch of the candidate that is shown, or an empty text and why there is none."""
    file = None if record.shown is None else record.files.patch(*record.shown)
    if file is None:
        return "", "No patch is stored (yet)."
    try:
        text = record.files.text(file)
    except FailureError as error:
        return "", str(error)
    return text, None if text else "This candidate changed nothing."


routes = [
    Route("/cases/{case_id:int}", case, name="case"),
    Route("/cases/{case_id:int}/arms", arms, name="case_arms"),
    Route("/cases/{case_id:int}/compare", compare, name="case_compare"),
]
