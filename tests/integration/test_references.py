"""What people type names the execution, arm or case that they mean, or the answer is what they could have meant."""

import pytest
import sqlalchemy as sa

from bench.errors import BenchError
from bench.experiment.decide import action_of
from bench.inspection.references import CandidateKey, Reference, Resolver
from db.repositories.artifacts import execution_to_take, executions_to_take
from db.repositories.plans import Plans
from db.repositories.references import References
from db.repositories.verdicts import NewVerdict, Verdicts
from tests.fixtures.lease_scenarios import complete
from tests.fixtures.rows import CODE, admit_all, case_ids, claim, new_arm, new_bench, new_case, row


def bench_of(engine: sa.Engine, *issues: str, replicates: int = 1) -> str:
    """A bench of two arms for each issue, admitted."""
    arms = [new_arm(CODE[0], replicates, is_baseline=True), new_arm(CODE[5], replicates)]
    bench = new_bench([new_case(arms, rank, issue_id=issue) for rank, issue in enumerate(issues)])
    Plans(engine).write(bench)
    admit_all(engine, bench.bench_id)
    return bench.bench_id


def decide(engine: sa.Engine, bench: str, winner: int | None) -> None:
    """The verdict of the first case of a bench; its winner is the arm at this position."""
    (case, *_) = case_ids(engine, bench)
    arms = References(engine).arms(case_id=case)
    arm = None if winner is None else arms[winner].arm_id
    Verdicts(engine).store(case, "minimize_duration", NewVerdict(arm, None, 1, {}))


def play(engine: sa.Engine, statuses: dict[int, str]) -> list[int]:
    """Run all that is ready; `statuses` by the order of the claims, else success. The executions."""
    played = []
    for number in range(row(engine, "SELECT count(*) AS n FROM farm.executions WHERE state = 'ready'")["n"]):
        lease = claim(engine)
        complete(engine, lease, status=statuses.get(number, "success"))
        played.append(lease.execution)
    return played


def test_an_issue_is_the_winners_passing_execution_with_the_lowest_replicate(engine: sa.Engine) -> None:
    bench = bench_of(engine, "dep-1", replicates=3)
    second_arm = References(engine).arms(bench)[1].arm_id
    of_arm = "SELECT execution_id FROM farm.executions WHERE arm_id = :a ORDER BY replicate"
    with engine.connect() as connection:
        runs = list(connection.scalars(sa.text(of_arm), {"a": second_arm}))
    while (ready := row(engine, "SELECT count(*) AS n FROM farm.executions WHERE state = 'ready'")["n"]) > 0:
        lease = claim(engine)
        complete(engine, lease, status="failed" if lease.execution == runs[0] else "success")
        assert ready
    decide(engine, bench, 1)
    assert Resolver(engine).reference("dep-1") == Reference("execution", runs[1])
    take = execution_to_take(engine, "dep-1")
    assert take is not None
    assert executions_to_take(engine, bench) == {take.case_id: runs[1]}
    view = row(engine, "SELECT execution_id FROM report.winners WHERE bench_id = :b", b=bench)
    # The view chooses the winner anew from the outcomes; its rule of the execution is the same.
    expected = row(
        engine,
        """SELECT min(e.execution_id) AS execution_id FROM report.winners w JOIN farm.executions e
           ON e.arm_id = w.winner_arm_id JOIN farm.outcomes o ON o.execution_id = e.execution_id
           AND o.status = 'success'""",
    )
    assert view == expected


def test_an_issue_without_a_winner_is_the_newest_execution_of_its_newest_bench(engine: sa.Engine) -> None:
    older = bench_of(engine, "dep-1")
    first = play(engine, {})
    decide(engine, older, 0)
    newer = bench_of(engine, "dep-1")
    assert Resolver(engine).reference("dep-1").number not in first, "it waits, and is the newest all the same"
    second = play(engine, {0: "failed", 1: "failed"})
    decide(engine, newer, None)
    assert Resolver(engine).reference("dep-1") == Reference("execution", second[-1])
    assert Resolver(engine, older).reference("dep-1").number in first
    case = Resolver(engine).case_named("dep-1")
    assert case is not None
    assert Resolver(engine).winner_of(case) in first, "the patch that solves it is an older bench's"
    assert Resolver(engine).older_winner("dep-1") in first
    assert Resolver(engine, older).older_winner("dep-1") is None
    with pytest.raises(BenchError, match=f"dep-1 has no winner in {newer}: .*bench diff x{second[-1]}"):
        Resolver(engine, newer).winner_of(case)


def test_ids_prefixes_labels_and_workcells(engine: sa.Engine) -> None:
    bench = bench_of(engine, "dep-1")
    arm, other = References(engine).arms(bench)
    execution = play(engine, {})[0]
    resolver = Resolver(engine)
    for text in (f"x{execution}", f"execution {execution}", f" execution  x{execution} "):
        assert resolver.reference(text) == Reference("execution", execution)
    for text in (f"a{arm.arm_id}", f"arm {arm.arm_id}", action_of(arm).label().replace("×", "x").upper()):
        assert resolver.reference(text) == Reference("arm", arm.arm_id)
    for text in (f"c{arm.case_id}", f"case {arm.case_id}", "case dep-1"):
        assert resolver.reference(text) == Reference("case", arm.case_id)
    workcell = resolver.reference(f"x{execution}-a1-c2-0d208a5d")
    assert workcell == Reference("execution", execution, CandidateKey(1, 2))
    assert resolver.execution_of_case(action_of(other).label(), arm.case_id)[0].arm_id == other.arm_id


def test_what_is_unknown_or_ambiguous_names_the_nearest(engine: sa.Engine) -> None:
    bench = bench_of(engine, "dep-101", "dep-102")
    other = bench_of(engine, "x1")
    resolver = Resolver(engine)
    newest = row(engine, "SELECT max(execution_id) AS n FROM farm.executions")["n"]
    refused = {
        "dep-103": "there is no issue 'dep-103'; the nearest issues are dep-10",
        "x999999": f"there is no execution x999999; the newest is x{newest}",
        "c999999": "there is no case c999999",
        "case 999999": "there is no case c999999",
        "x1": "'x1' is an issue and may be an id: write `issue x1` or `execution 1`",
    }
    for text, words in refused.items():
        with pytest.raises(BenchError) as error:
            resolver.reference(text)
        assert words in str(error.value)
    (arm, *_) = References(engine).arms(bench)
    with pytest.raises(
        BenchError, match=r"is the action of 2 arms of .*: a\d+ \(dep-101\), a\d+ \(dep-102\)"
    ):
        Resolver(engine, bench).reference(action_of(arm).label())
    with pytest.raises(BenchError, match=f"a{arm.arm_id} is of {bench}, not of {other}"):
        Resolver(engine, other).reference(f"a{arm.arm_id}")
    assert resolver.case_named("issue x1") is not None
