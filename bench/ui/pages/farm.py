"""The whole farm: spend against caps, machines, what runs, what waits and why."""

from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from bench.farm_show import benches_table, machines_table
from bench.pauses import pause_lines
from bench.ui.parts import parts_of
from bench.ui.render import render
from bench.unserved import unserved_lines
from db.repositories.benches import Benches
from db.repositories.circuits import Circuits
from db.repositories.machines import Machines
from db.repositories.page_rows import PageRows
from db.repositories.unserved import unserved_classes

_BENCHES = 10


def farm(request: Request) -> Response:
    """The whole page."""
    return render(request, "farm.html.j2", **_values(request))


def section(request: Request) -> Response:
    """What changes of it."""
    return render(request, "farm_section.html.j2", **_values(request))


def machines(request: Request) -> Response:
    """The machines alone."""
    parts = list(parts_of([machines_table(Machines(request.app.state.engine).list_all())]))
    return render(request, "machines.html.j2", parts=parts)


def machines_section(request: Request) -> Response:
    """What changes of the machines."""
    parts = list(parts_of([machines_table(Machines(request.app.state.engine).list_all())]))
    return render(request, "machines_section.html.j2", parts=parts)


def _values(request: Request) -> dict[str, Any]:
    engine = request.app.state.engine
    rows, listed = PageRows(engine), Machines(engine).list_all()
    present = [machine for machine in listed if machine.is_present and not machine.suspended]
    benches = Benches(engine).list_all(_BENCHES)
    pages = {bench.bench_id: f"/benches/{bench.bench_id}" for bench in benches}
    waits = [*pause_lines(Circuits(engine).paused()), *unserved_lines(unserved_classes(engine))]
    return {
        "caps": rows.caps(),
        "queues": rows.queues(),
        "slots": sum(machine.concurrency for machine in present),
        "busy": sum(machine.running for machine in listed),
        "present": len(present),
        "known": len(listed),
        "suspended": [machine.machine_id for machine in listed if machine.suspended],
        "waits": waits,
        "parts": list(parts_of([machines_table(listed), benches_table(benches)], pages)),
    }


routes = [
    Route("/farm", farm, name="farm"),
    Route("/farm/section", section, name="farm_section"),
    Route("/machines", machines, name="machines"),
    Route("/machines/section", machines_section, name="machines_section"),
]
