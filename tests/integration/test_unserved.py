"""Work that no machine can run is named at submit, in status, watch and report, and in a view."""

import json

import pytest
import sqlalchemy as sa

from bench.cli.main import main
from bench.unserved import lines_at_submit, unserved_lines
from db.repositories.machines import Machines
from db.repositories.plans import Plans
from db.repositories.unserved import unserved_classes
from tests.fixtures.rows import CODE, TOKEN, new_arm, new_bench, new_case


@pytest.fixture
def bench(engine: sa.Engine) -> str:
    plan = new_bench(
        [new_case([new_arm(CODE[0])], rank, workcell={"repo": "/repo"}) for rank in range(2)],
        queues={"q-any": ["codex", "tag:gpu"]},
        config={"execution_limits": {"timeout_behavior": "mark_timeout"}, "output": {"directory": None}},
    )
    Plans(engine).write(plan)
    return plan.bench_id


def test_a_class_is_served_by_one_machine_that_has_all_of_it(engine: sa.Engine, bench: str) -> None:
    def lines() -> list[str]:
        return unserved_lines(unserved_classes(engine, bench))

    where = f"({bench}: 2 cases wait)"
    assert lines() == [f"! cannot be served now: needs codex, tag:gpu; no machine is there {where}"]
    Machines(engine).register("m-1", TOKEN, ["codex"], 1)
    assert lines() == [f"! cannot be served: needs tag:gpu; no machine has it {where}"]
    Machines(engine).register("m-2", TOKEN, ["repair", "tag:gpu"], 1)
    assert lines() == [f"! cannot be served: needs codex, tag:gpu; no machine has all of them {where}"]
    Machines(engine).register("m-2", TOKEN, ["codex", "repair", "tag:gpu"], 1)
    assert lines() == []
    with engine.begin() as connection:
        connection.execute(sa.text("UPDATE farm.machines SET suspended = true WHERE machine_id = 'm-2'"))
    assert lines() == [f"! cannot be served: needs tag:gpu; no machine has it {where}"]
    with engine.begin() as connection:
        connection.execute(
            sa.text("UPDATE farm.machines SET suspended = false, seen_at = now() - interval '2 minutes'")
        )
    assert lines() == [f"! cannot be served now: needs codex, tag:gpu; no machine is there {where}"]


def test_status_and_report_name_it(
    engine: sa.Engine,
    bench: str,
    database_url: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    Machines(engine).register("m-1", TOKEN, ["codex"], 1)
    monkeypatch.setenv("BENCH_DATABASE_URL", database_url)
    for command in (["status"], ["status", bench], ["report", bench]):
        assert main(command) == 0
        shown = " ".join(capsys.readouterr().out.split())
        assert shown.count("cannot be served: needs tag:gpu; no machine has it") == 1
    for command in (["status", "--json"], ["status", bench, "--json"], ["report", bench, "--json"]):
        assert main(command) == 0
        (unserved,) = json.loads(capsys.readouterr().out)["unserved"]
        assert (unserved["lacking"], unserved["machines_present"]) == (["tag:gpu"], 1)


def test_a_submission_is_compared_with_the_machines_that_are_there() -> None:
    queues = {"codex": ("codex",), "codex+tag:gpu": ("codex", "tag:gpu"), "pi+qwen": ("pi", "qwen")}
    assert lines_at_submit(queues, [["codex"], ["repair"]]) == [
        "cannot be served: needs tag:gpu; no machine has it",
        "cannot be served: needs pi, qwen; no machine has them",
    ]
    assert lines_at_submit({"codex": ("codex",)}, [["codex"]]) == []
    assert lines_at_submit({"codex": ("codex",)}, []) == [
        "cannot be served now: needs codex; no machine is there"
    ]
