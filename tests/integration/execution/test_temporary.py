"""Temporary files lie at a short path, however deep the farm does: Unix sockets have room below it."""

import os
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.fixtures.executions import FIX, Orders, Repository, python
from tests.fixtures.rungs import OFFERED, forced
from workers.control import Control
from workers.execution.machine import Machine
from workers.execution.run import run_execution
from workers.spec import Gate
from workers.testing import file_gate

_SOCKETS = """
import os, socket, tempfile

def test_a_socket_below_a_test_of_a_rather_long_name(tmp_path):
    for place in (tmp_path, tempfile.mkdtemp()):
        with socket.socket(socket.AF_UNIX) as one:
            one.bind(os.path.join(place, "server.sock"))
    assert len(os.environ["TMPDIR"]) <= 40
"""
_TELLS = (
    "import os; d = os.environ['TMPDIR']; print(d, sorted(os.listdir(d)));"
    "open(d + '/note', 'a').write('x'); " + FIX
)
_LINKS = "import os; inside = os.path.dirname(os.environ['HOME']); os.rename(inside + '/tmp', inside + '/t');"


@pytest.fixture
def deep(machine: Machine, tmp_path: Path) -> Machine:
    """A machine whose directories lie more than 150 bytes deep."""
    place = tmp_path.joinpath(*["a-directory-of-some-length"] * 6)
    assert len(os.fsencode(place)) > 150
    return replace(
        machine,
        work_dir=place / "work",
        archives_dir=place / "archives",
        mirrors_dir=place / "work" / "mirrors",
    )


@pytest.mark.parametrize("rung", OFFERED)
def test_tests_make_sockets_in_a_deep_farm(
    rung: str, deep: Machine, order: Orders, repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[Path] = []
    make = tempfile.mkdtemp

    def make_and_record(*arguments: Any, **options: Any) -> str:
        made.append(Path(make(*arguments, **options)))
        return str(made[-1])

    # By name, not by a listing of /tmp: other test processes make directories there at the same time.
    monkeypatch.setattr("workers.sandbox.temporary.tempfile.mkdtemp", make_and_record)
    at = repository.add({"test_sockets.py": _SOCKETS})
    gate = Gate(name="test", command=["python", "-m", "pytest", "-q", "test_sockets.py"], junit=True)
    with forced(rung):
        result = run_execution(order(python(FIX), at=at, gates=[gate], baseline=[]), deep, Control())
    assert result.status == "success", [gate.output_tail for gate in result.gates]
    own = [path for path in made if path.name.startswith(f"bench-{os.geteuid()}-tmp-")]
    assert own or rung != "group"
    assert not [path for path in own if path.exists()]
    mount_point = Path(f"/tmp/bench-{os.geteuid()}-tmp")
    assert not (mount_point.exists() and any(mount_point.iterdir()))


@pytest.mark.parametrize("rung", [name for name in OFFERED if name != "group"])
def test_rounds_of_a_candidate_share_it_and_candidates_do_not(
    rung: str, deep: Machine, order: Orders
) -> None:
    never = file_gate("nowhere.txt")
    with forced(rung):
        result = run_execution(
            order(python(_TELLS), gates=[never], iterations=2, candidates=1), deep, Control()
        )
        other = run_execution(order(python(_TELLS), gates=[never], attempt=2), deep, Control())
    archives = [deep.archives_dir / one.candidates[0].workcell_id / "logs" for one in (result, other)]
    said = [(archives[0] / f"round-{number}.stdout").read_text().split(" ", 1)[1] for number in (1, 2)]
    assert said == ["[]\n", "['note']\n"]
    assert (archives[1] / "round-1.stdout").read_text().split(" ", 1)[1] == "[]\n"


@pytest.mark.parametrize("rung", OFFERED)
def test_a_link_in_its_place_leads_nowhere(rung: str, deep: Machine, order: Orders, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    code = f"{_LINKS} os.symlink({str(outside)!r}, inside + '/tmp')"
    writes = "import os; open(os.environ['TMPDIR'] + '/note', 'w').write('x')"
    with forced(rung):
        run_execution(
            order(python(code), python(writes), gates=[file_gate("nowhere.txt")], iterations=2),
            deep,
            Control(),
        )
    assert list(outside.iterdir()) == []
