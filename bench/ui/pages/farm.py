"""The farm now: slots, queues, spend against caps, what waits and why; and its machines."""

from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from bench.farm_tables import machines_table, paused_table
from bench.pauses import pause_lines
from bench.ui.parts import TablePart, parts_of
from bench.ui.render import render
from bench.unserved import unserved_lines
from db.repositories.circuits import Circuits
from db.repositories.farm_load import class_loads, open_benches, spend_today
from db.repositories.machines import Machines
from db.repositories.unserved import unserved_classes


def farm(request: Request) -> Response:
    """The whole page of the farm."""
    return render(request, "farm.html.j2", **_farm_values(request))


def farm_now(request: Request) -> Response:
    """The changing part of the page of the farm."""
    return render(request, "farm_now.html.j2", **_farm_values(request))


def machines(request: Request) -> Response:
    """The whole page of machines."""
    return render(request, "machines.html.j2", **_machine_values(request))


def machines_now(request: Request) -> Response:
    """The changing part of the page of machines."""
    return render(request, "machines_now.html.j2", **_machine_values(request))


def _farm_values(request: Request) -> dict[str, Any]:
    engine = request.app.state.engine
    loads, paused = class_loads(engine), Circuits(engine).paused()
    known = Machines(engine).list_all()
    serving = [machine for machine in known if machine.is_present and not machine.suspended]
    return {
        "slots": sum(machine.concurrency for machine in serving),
        "busy": sum(machine.running for machine in serving),
        "serving": len(serving),
        "machines": len(known),
        "loads": loads,
        "today": spend_today(engine),
        "benches": open_benches(engine),
        "waits": [*unserved_lines(unserved_classes(engine)), *pause_lines(paused)],
        "paused": paused,
        "paused_table": _only_table(paused_table(paused)),
    }


def _machine_values(request: Request) -> dict[str, Any]:
    known = Machines(request.app.state.engine).list_all()
    return {
        "machines": known,
        "suspended": [machine for machine in known if machine.suspended],
        "table": _only_table(machines_table(known)),
    }


def _only_table(table: Any) -> TablePart:
    (part,) = parts_of([table])
    assert isinstance(part, TablePart)
    return part


routes = [
    Route("/farm", farm, name="farm"),
    Route("/farm/now", farm_now, name="farm_now"),
    Route("/machines", machines, name="machines"),
    Route("/machines/now", machines_now, name="machines_now"),
]
