"""Each event is found in the rows that the farm writes, once, and again only when it happens again."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from bench.experiment.decide import decide
from bench.notices.detect import Detector, drift_notices
from db.repositories.benches import Benches, CapChanges
from db.repositories.leases import Leases
from db.repositories.machines import Machines
from db.repositories.new_bench import BenchCaps
from db.repositories.notice_settings import change_notice_settings
from db.repositories.notices import Notices
from db.repositories.plans import Plans
from db.repositories.ticks import Ticks
from db.repositories.verdicts import Verdicts
from tests.fixtures.known_benches import write_known_bench
from tests.fixtures.rows import (
    CODE,
    QUEUE,
    TOKEN,
    admit_all,
    case_ids,
    claim,
    make_bench,
    new_arm,
    new_bench,
    new_case,
    result,
)

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)


@pytest.fixture
def detect(
    engine: sa.Engine, notices: Notices, add_target: Callable[..., None]
) -> Callable[..., list[tuple[str, str, str]]]:
    """Kind, subject and text of each notice that a detection adds."""
    add_target("http://127.0.0.1:9/")
    notices.set_drift_day(NOW.date())
    seen: set[str] = set()

    def run(now: datetime = NOW) -> list[tuple[str, str, str]]:
        new = Detector(engine).run(now)
        with engine.connect() as connection:
            rows = connection.execute(
                sa.text("SELECT notice_id, kind, subject, text FROM farm.notices ORDER BY at, key")
            )
            added = [tuple(each) for each in rows if each.notice_id not in seen]
        seen.update(each[0] for each in added)
        assert len(added) == new
        return [each[1:] for each in added]

    return run


Detect = Callable[..., list[tuple[str, str, str]]]


def sql(engine: sa.Engine, statement: str, **values: object) -> None:
    with engine.begin() as connection:
        connection.execute(sa.text(statement), values)


def complete(engine: sa.Engine, status: str = "success", micro_usd: int = 40) -> None:
    Leases(engine).complete(*claim(engine).key, result(status, micro_usd), None)


def finish(engine: sa.Engine, bench: str) -> None:
    decide(Verdicts(engine), case_ids(engine, bench))
    assert Ticks(engine).finish_benches() == [bench]


def test_without_a_target_nothing_is_detected(engine: sa.Engine, notices: Notices) -> None:
    bench = make_bench(engine)
    admit_all(engine, bench)
    complete(engine)
    finish(engine, bench)
    assert Detector(engine).run(NOW) == 0
    assert notices.recent(9) == []


def test_a_finished_bench_is_noticed_with_its_result(engine: sa.Engine, detect: Detect) -> None:
    bench = make_bench(engine, cases=2, limits=BenchCaps(micro_usd=2_000_000), worst_micro_usd=1_000_000)
    admit_all(engine, bench)
    complete(engine, "success", 250_000)
    assert detect() == []
    complete(engine, "failed", 1_000_000)
    finish(engine, bench)
    text = f"1 of 2 cases solved, $1.25 of $2.00 spent. See: bench report {bench}"
    assert detect() == [("bench_finished", f"bench {bench} is finished", text)]
    assert detect() == []


def test_what_ended_before_the_first_target_is_not_noticed(engine: sa.Engine, detect: Detect) -> None:
    bench = make_bench(engine)
    admit_all(engine, bench)
    complete(engine)
    finish(engine, bench)
    sql(engine, "UPDATE farm.benches SET finished_at = now() - interval '2 hours'")
    assert detect() == []


def test_each_halt_is_an_event_also_when_it_is_resumed_at_once(engine: sa.Engine, detect: Detect) -> None:
    bench = make_bench(engine, cases=3, limits=BenchCaps(micro_usd=100_000_000))
    admit_all(engine, bench)
    complete(engine, micro_usd=40_000_000)
    ((kind, subject, text),) = detect()
    assert (kind, subject) == ("bench_halted", f"bench {bench} is halted")
    assert text.startswith("execution x1 spent $40.00 beyond its reservation. Nothing of it starts until")
    assert detect() == []
    Benches(engine).resume(bench, CapChanges())
    assert detect() == []
    complete(engine, micro_usd=5_000_000)
    Benches(engine).resume(bench, CapChanges())
    ((kind, _, text),) = detect()
    assert kind == "bench_halted"
    assert text.startswith("it was resumed since")


def test_a_cap_warns_once_and_again_for_a_raised_limit(engine: sa.Engine, detect: Detect) -> None:
    bench = make_bench(engine, cases=10, limits=BenchCaps(micro_usd=1000))
    admit_all(engine, bench)
    for _ in range(7):
        complete(engine, micro_usd=100)
    assert detect() == []
    complete(engine, micro_usd=100)
    subject = f"80 % of the cap on dollars of bench {bench} is used"
    assert detect() == [("cap_warning", subject, "$0.0008 of $0.0010.")]
    complete(engine, micro_usd=100)
    assert detect() == []
    complete(engine, micro_usd=100)
    ((kind, subject, text),) = detect()
    assert (kind, subject) == ("cap_reached", f"the cap on dollars of bench {bench} is used up")
    assert text == f"$0.0010 of $0.0010. Raise it with: bench resume {bench}"
    Benches(engine).resume(bench, CapChanges(micro_usd=1200))
    assert [each[0] for each in detect()] == ["cap_warning"]
    assert detect() == []


def test_a_cap_that_is_reached_at_once_gives_no_warning_after_it(engine: sa.Engine, detect: Detect) -> None:
    bench = make_bench(engine, cases=2, worst_ms=500, limits=BenchCaps(ms=1000))
    admit_all(engine, bench)
    complete(engine)
    complete(engine)
    assert [(kind, text.partition(".")[0]) for kind, _, text in detect()] == [("cap_reached", "0")]
    sql(engine, "UPDATE farm.caps SET ms_spent = 900 WHERE bench_id = :b", b=bench)
    assert detect() == []


def test_a_cap_is_used_up_where_what_is_left_does_not_hold_the_next_case(
    engine: sa.Engine, detect: Detect
) -> None:
    change_notice_settings(engine, {"cap_percent": 99})
    bench = make_bench(engine, cases=3, limits=BenchCaps(micro_usd=199))
    assert admit_all(engine, bench)[0] == "admitted"
    complete(engine, micro_usd=100)
    assert admit_all(engine, bench)[1:] == ["never: dollars per bench"] * 2
    ((kind, _, text),) = detect()
    assert kind == "cap_reached"
    assert text.startswith("$0.0001 of $0.0002; what waits does not fit into the rest.")


def test_a_case_that_is_larger_than_the_whole_cap_does_not_use_it_up(
    engine: sa.Engine, detect: Detect
) -> None:
    cases = [
        new_case([new_arm(CODE[0], worst_micro_usd=worst)], rank) for rank, worst in enumerate((10, 9000))
    ]
    bench = new_bench(cases, BenchCaps(micro_usd=1000))
    Plans(engine).write(bench)
    assert admit_all(engine, bench.bench_id) == ["admitted", "never: dollars per bench"]
    complete(engine, micro_usd=10)
    assert detect() == []


def test_the_cap_of_the_day_is_used_up_where_nothing_more_fits_and_nothing_comes_back(
    engine: sa.Engine, detect: Detect
) -> None:
    Benches(engine).set_daily_cap(150)
    bench = make_bench(engine, cases=2)
    assert admit_all(engine, bench) == ["admitted", "waits: dollars per day"]
    assert detect() == [], "the first one may cost less than it reserved"
    complete(engine, micro_usd=70)
    ((kind, subject, text),) = detect()
    assert kind == "cap_reached"
    assert subject.startswith("the cap on dollars of the farm on 20")
    assert text.endswith("does not fit into the rest. Raise it with: bench caps --daily-usd")
    assert detect() == []


def test_a_cap_of_the_day_warns(engine: sa.Engine, detect: Detect) -> None:
    Benches(engine).set_daily_cap(300)
    change_notice_settings(engine, {"cap_percent": 30})
    bench = make_bench(engine, cases=3)
    admit_all(engine, bench)
    complete(engine, micro_usd=100)
    ((kind, subject, _),) = detect()
    assert (kind, subject.partition(" on 20")[0]) == (
        "cap_warning",
        "33 % of the cap on dollars of the farm",
    )


def test_each_suspension_of_a_machine_is_an_event(engine: sa.Engine, detect: Detect) -> None:
    def fail_three_times() -> None:
        make = make_bench(engine, cases=3)
        admit_all(engine, make)
        for _ in range(3):
            broken = result("error", error_class="infra")
            Leases(engine).complete(*claim(engine).key, broken, None)

    fail_three_times()
    ((kind, subject, _),) = detect()
    assert (kind, subject) == ("machine_suspended", "machine m-1 is suspended")
    assert detect() == []
    Machines(engine).trust_again("m-1")
    assert detect() == []
    sql(engine, "UPDATE farm.machines SET suspended = true")
    assert [each[0] for each in detect()] == ["machine_suspended"]


def stream(engine: sa.Engine, needs: tuple[str, ...] = (), checked: bool = True) -> str:
    waiting_since = (datetime.now(UTC) - timedelta(minutes=40)).isoformat()
    cases = [
        new_case([new_arm(CODE[0])], rank, checked, planner_input={"created_at": waiting_since})
        for rank in range(2)
    ]
    bench = new_bench(cases, kind="stream", queues={QUEUE: list(needs)})
    Plans(engine).write(bench)
    admit_all(engine, bench.bench_id)
    return bench.bench_id


def reserved_minutes_ago(engine: sa.Engine, minutes: int) -> None:
    with engine.begin() as connection:
        connection.execute(sa.text("SET LOCAL session_replication_role = replica"))
        values = {"minutes": minutes}
        for statement in (
            "UPDATE farm.ledger SET moved_at = now() - make_interval(mins => :minutes)",
            "UPDATE farm.attempts SET claimed_at = now() - make_interval(mins => :minutes)",
        ):
            connection.execute(sa.text(statement), values)


def test_a_stream_starves_once_an_episode(engine: sa.Engine, detect: Detect) -> None:
    bench = stream(engine)
    assert detect() == [], "it waits for a moment only"
    reserved_minutes_ago(engine, 31)
    ((kind, subject, text),) = detect()
    assert kind == "stream_starving"
    assert subject.startswith(f"stream {bench} starves: no claim since 20")
    assert text == (
        f"2 executions of class {QUEUE} ready: no machine that is present can run it; see: bench machines list"
    )
    assert detect() == []
    claim(engine)
    assert detect() == [], "the class is served"
    reserved_minutes_ago(engine, 35)
    Machines(engine).register("m-2", TOKEN, [], 1)
    ((kind, _, text),) = detect()
    assert (kind, text) == (
        "stream_starving",
        f"1 execution of class {QUEUE} ready: every machine that can run it is busy; add machines or slots",
    )
    sql(engine, "UPDATE farm.benches SET state = 'halted'")
    assert [each[0] for each in detect()] == ["bench_halted"]


def test_a_check_of_a_base_commit_starves_from_the_start_of_its_run(
    engine: sa.Engine, detect: Detect
) -> None:
    stream(engine, ("codex",), checked=False)
    ((kind, _, text),) = detect()
    assert kind == "stream_starving"
    assert "no machine that is present can run it" in text


def test_a_paused_class_is_the_reason(engine: sa.Engine, detect: Detect) -> None:
    stream(engine)
    reserved_minutes_ago(engine, 31)
    sql(
        engine,
        """INSERT INTO farm.circuits (queue, failures, opened_at, backoff_seconds, probe_at)
           VALUES (:queue, 3, now(), 30, now() + interval '1 hour')""",
        queue=QUEUE,
    )
    ((_, _, text),) = detect()
    assert text.endswith("the class is paused, because its provider fails; see: bench circuits list")


def test_a_bench_that_waits_for_machines_does_not_starve(engine: sa.Engine, detect: Detect) -> None:
    admit_all(engine, make_bench(engine))
    reserved_minutes_ago(engine, 90)
    assert detect() == []


def canaries(engine: sa.Engine, name: str, day: datetime, version: str, chance: float) -> None:
    """The same 30 issues with the same arms, run on a day by a version of a toolchain."""
    bench, _ = write_known_bench(engine, 30, name=name, K=3, chance=lambda _issue, _cell: chance, seed=7)
    document = {"rounds": [{"toolchain": "repair", "toolchain_version": version}], "gates": []}
    values = {"bench": bench, "at": day, "document": json.dumps(document)}
    with engine.begin() as connection:
        connection.execute(sa.text("SET LOCAL session_replication_role = replica"))
        for statement in (
            """INSERT INTO farm.attempts (execution_id, attempt, lease_token, machine_id, ended_at, ending)
               SELECT execution_id, 1, gen_random_uuid(), 'm-1', :at, 'done' FROM farm.executions
               WHERE bench_id = :bench AND arm_id IS NOT NULL""",
            """INSERT INTO farm.candidates (execution_id, attempt, candidate, workcell_id, status, duration_ms,
                                            cost_source, document)
               SELECT execution_id, 1, 0, 'w', 'success', 1, 'unknown', CAST(:document AS jsonb)
               FROM farm.executions WHERE bench_id = :bench AND arm_id IS NOT NULL""",
            """UPDATE farm.outcomes o SET recorded_at = :at FROM farm.executions e
               WHERE e.execution_id = o.execution_id AND e.bench_id = :bench""",
        ):
            connection.execute(sa.text(statement), values)


def test_drift_is_looked_for_once_a_day_and_noticed_once(engine: sa.Engine, detect: Detect) -> None:
    canaries(engine, "march", NOW - timedelta(days=40), "1.0", 0.7)
    canaries(engine, "april", NOW - timedelta(days=10), "2.0", 0.3)
    sql(engine, "UPDATE farm.benches SET finished_at = now() - interval '2 hours' WHERE state = 'finished'")
    assert [each[0] for each in detect()] == [], "the day has been looked at"
    assert len(drift_notices(engine, NOW)) == 2
    added = detect(NOW + timedelta(days=1))
    assert len(added) == 2
    assert detect(NOW + timedelta(days=2)) == []
    assert {(kind, subject) for kind, subject, _ in added} == {
        ("drift_found", "the same work passes less often than before")
    }
    assert any("repair 2.0 passes less often than repair 1.0: odds × " in text for _, _, text in added)
