"""Bundles become policies, and a bench says what each would have done: once, whoever asks and how often."""

import json
import random
import shutil
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from bench.cli.main import main
from bench.errors import BenchError
from bench.experiment.regret import regret
from bench.results.policies import register, score
from bench.results.read import read_results
from db.errors import DbError
from db.repositories.plans import Plans
from db.repositories.policies import Policies, PolicyAction
from planner.bundles.bundle import METADATA, BundleError, open_bundle
from planner.bundles.policy import BundlePolicy
from tests.fixtures.bundles import EPOCH
from tests.fixtures.random_benches import new_policy, score_at_random, write_benches
from tests.fixtures.rows import new_bench
from tests.unit.planner.bundles.resign import rewrite

Said = pytest.CaptureFixture[str]


@pytest.fixture
def bench(engine: sa.Engine) -> str:
    """A bench with decided cases."""
    benches = write_benches(engine, random.Random(5), 3)
    return max(benches, key=lambda name: len(read_results(engine, name).decided))


@pytest.fixture
def other_bundle(small_bundle: Path, tmp_path: Path) -> Path:
    """Whole and signed, and not the small bundle."""
    other = Path(shutil.copytree(small_bundle, tmp_path / "other"))
    rewrite(other, METADATA, lambda metadata: metadata.update(epoch="another"))
    return other


def stored(engine: sa.Engine, name: str) -> list[dict[str, Any]]:
    statement = sa.text("SELECT * FROM report.policy_actions WHERE policy = :name ORDER BY case_id")
    with engine.connect() as connection:
        return [dict(row) for row in connection.execute(statement, {"name": name}).mappings()]


def at_once(*calls: Callable[[], Any]) -> list[Any]:
    """What each call returned or raised, all begun together."""
    start = threading.Barrier(len(calls))
    said: list[Any] = [None] * len(calls)

    def go(place: int) -> None:
        start.wait()
        try:
            said[place] = calls[place]()
        except Exception as error:
            said[place] = error

    threads = [threading.Thread(target=go, args=(place,)) for place in range(len(calls))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return said


def test_a_policy_is_scored_by_what_its_bundle_decides_on_the_stored_inputs(
    engine: sa.Engine, bench: str, small_bundle: Path
) -> None:
    policy, done = register(engine, small_bundle)
    assert (done, policy.epoch, policy.path) == ("registered", EPOCH, str(small_bundle))
    before = read_results(engine, bench).summaries
    assert score(engine, bench, policy.name) == len(read_results(engine, bench).cases)

    results = read_results(engine, bench)
    asked = BundlePolicy(open_bundle(small_bundle))
    assert asked.policy_id == policy.name
    actions = results.policies[0].actions
    confidences = {row["case_id"]: row["confidence"] for row in stored(engine, policy.name)}
    for case in results.decided:
        decided = asked.decide(case.rows.case.planner_input)
        assert (actions[case.case_id], confidences[case.case_id]) == (decided.action, decided.confidence)
    expected = [regret(actions[case.case_id], case.verdict) for case in results.decided if case.observed]
    assert results.regrets[policy.name] == expected
    assert results.summaries[:-1] == before, "the controls do not change"
    assert read_results(engine, bench, ["another"]).summaries == before


def test_what_is_stored_needs_no_bundle_and_is_never_decided_again(
    engine: sa.Engine, bench: str, small_bundle: Path, tmp_path: Path
) -> None:
    bundle = Path(shutil.copytree(small_bundle, tmp_path / "bundle"))
    register(engine, bundle, "p")
    score(engine, bench, "p")
    found = stored(engine, "p")
    shutil.rmtree(bundle)
    assert score(engine, bench, "p") == 0
    assert stored(engine, "p") == found != []


def test_scorings_at_once_store_every_case_once(engine: sa.Engine, bench: str, small_bundle: Path) -> None:
    register(engine, small_bundle, "p")
    said = at_once(*[lambda: score(engine, bench, "p")] * 6)
    assert all(isinstance(one, int) for one in said), said
    assert len(stored(engine, "p")) == len(read_results(engine, bench).cases) == max(said)


def test_the_same_bundle_again_tells_only_where_it_lies_now(
    engine: sa.Engine, bench: str, small_bundle: Path, tmp_path: Path
) -> None:
    register(engine, small_bundle, "p")
    score(engine, bench, "p")
    found = stored(engine, "p")
    moved = Path(shutil.copytree(small_bundle, tmp_path / "moved"))
    for asked in (moved, small_bundle, moved):
        assert register(engine, asked, "p", replace=True)[1] == "unchanged"
    assert stored(engine, "p") == found
    assert [row.path for row in Policies(engine).list_all()] == [str(moved)]


def test_another_bundle_takes_a_name_only_when_asked_and_starts_anew(
    engine: sa.Engine, bench: str, small_bundle: Path, other_bundle: Path
) -> None:
    register(engine, small_bundle, "p")
    score(engine, bench, "p")
    found = stored(engine, "p")
    with pytest.raises(
        DbError, match=r"'p' is registered with another bundle .*; give another --name, or --rep"
    ):
        register(engine, other_bundle, "p")
    assert stored(engine, "p") == found
    assert Policies(engine).get("p").path == str(small_bundle)
    assert register(engine, other_bundle, "p", replace=True)[1] == "replaced"
    assert stored(engine, "p") == []
    assert Policies(engine).get("p").epoch == "another"
    assert score(engine, bench, "p") == len(found)


def test_registrations_at_once_leave_one_bundle_under_a_name(engine: sa.Engine) -> None:
    policies = Policies(engine)
    asked = [new_policy("p", bundle_hash=digit * 64) for digit in "aabbcc"]
    said = at_once(*[lambda policy=policy: policies.register(policy) for policy in asked])
    kept = policies.get("p").bundle_hash
    for policy, answer in zip(asked, said, strict=True):
        if policy.bundle_hash == kept:
            assert answer in ("registered", "unchanged")
        else:
            assert isinstance(answer, DbError)
    assert said.count("registered") == 1


def test_what_was_decided_for_a_bundle_is_refused_once_another_has_its_name(
    engine: sa.Engine, bench: str
) -> None:
    policies = Policies(engine)
    score_at_random(engine, random.Random(0), [bench], "p")
    late = policies.get("p")
    policies.register(new_policy("p", bundle_hash="1" * 64), replace=True)
    with pytest.raises(DbError, match="'p' was replaced or removed meanwhile; score it again"):
        policies.store(late, [])
    policies.remove("p")
    with pytest.raises(DbError, match="'p' was replaced or removed meanwhile"):
        policies.store(late, [])


def test_a_removed_policy_leaves_nothing(engine: sa.Engine, bench: str) -> None:
    before = read_results(engine, bench).summaries
    for name in ("p", "q"):
        score_at_random(engine, random.Random(0), [bench], name)
    assert len(read_results(engine, bench).summaries) == 5
    for name in ("p", "q"):
        Policies(engine).remove(name)
    assert read_results(engine, bench).summaries == before
    with pytest.raises(DbError, match="no policy is registered as 'p'; see: bench policies list"):
        Policies(engine).remove("p")


def spoil(bundle: Path) -> None:
    (bundle / "model.onnx").write_bytes((bundle / "model.onnx").read_bytes()[:-1])


def decide_otherwise(bundle: Path) -> None:
    def turn(goldens: dict[str, Any]) -> None:
        goldens["cases"][0]["confidence"] = 0.123

    rewrite(bundle, "golden.json", turn)


@pytest.mark.parametrize(
    ("damage", "why"),
    [
        (shutil.rmtree, "no such bundle"),
        (spoil, "model.onnx: its hash is not the one in metadata.json"),
        (decide_otherwise, "1 of its 120 golden decisions come out otherwise here"),
    ],
)
def test_a_bundle_that_is_not_whole_is_not_registered(
    engine: sa.Engine, small_bundle: Path, tmp_path: Path, damage: Callable[[Path], object], why: str
) -> None:
    bundle = Path(shutil.copytree(small_bundle, tmp_path / "bundle"))
    damage(bundle)
    with pytest.raises(BundleError, match=why):
        register(engine, bundle, "p")
    assert Policies(engine).list_all() == []


def test_a_bundle_that_went_or_changed_since_is_told_apart(
    engine: sa.Engine, bench: str, small_bundle: Path, other_bundle: Path, tmp_path: Path
) -> None:
    bundle = Path(shutil.copytree(small_bundle, tmp_path / "bundle"))
    register(engine, bundle, "p")
    bundle.rename(tmp_path / "moved")
    with pytest.raises(
        BenchError, match=r"'p' cannot be asked: .*no such bundle.*moved, run: bench policies reg"
    ):
        score(engine, bench, "p")
    shutil.copytree(other_bundle, bundle)
    with pytest.raises(BenchError, match="holds another bundle than the one registered as 'p'"):
        score(engine, bench, "p")
    assert stored(engine, "p") == []
    register(engine, tmp_path / "moved", "p")
    assert score(engine, bench, "p") > 0


@pytest.mark.parametrize("name", ["uniform", "best_fixed", "heuristic_baseline", "issue_id"])
def test_no_policy_takes_the_name_of_something_else(engine: sa.Engine, small_bundle: Path, name: str) -> None:
    with pytest.raises(BenchError, match="means something else in every report; choose another --name"):
        register(engine, small_bundle, name)
    with pytest.raises(sa.exc.IntegrityError, match="ck_policies_name"):
        Policies(engine).register(new_policy(name))


@pytest.mark.parametrize("name", ["", "a b", "[red]", "-x", "a\nb", "x" * 65])
def test_a_name_is_one_word(engine: sa.Engine, small_bundle: Path, name: str) -> None:
    with pytest.raises(BenchError, match="cannot name a policy"):
        register(engine, small_bundle, name)


def test_a_stream_compares_nothing(engine: sa.Engine) -> None:
    stream = new_bench([], bench_id="s-1", kind="stream")
    Plans(engine).write(stream)
    Policies(engine).register(new_policy("p"))
    with pytest.raises(BenchError, match="s-1 is a stream"):
        score(engine, "s-1", "p")


def test_a_policy_of_another_epoch_is_noted_and_shown(engine: sa.Engine, bench: str) -> None:
    policies = Policies(engine)
    ours = read_results(engine, bench).epoch
    case = read_results(engine, bench).decided[0].case_id
    for name, epoch in (("same", ours), ("other", "e" * 64), ("several", None)):
        policies.register(new_policy(name, epoch=epoch))
        policies.store(policies.get(name), [PolicyAction(case, "serial_handoff", 1, 15, None, 4, 0.5)])
    results = read_results(engine, bench)
    # One case has no verdict: the notes that this is a look come first.
    assert [note for note in results.notes if "policy epoch" in note] == [
        f"other was trained under policy epoch {'e' * 12}, this bench is of {ours[:12]}: "
        "rules, gates or toolchains may differ",
        "several was trained on mixed policy epochs",
    ]
    assert {"same", "other", "several"} <= {summary.policy for summary in results.summaries}


@pytest.fixture
def refused(database_url: str, monkeypatch: pytest.MonkeyPatch, capsys: Said) -> Callable[..., str]:
    """Runs a command that must be refused: its one line."""
    monkeypatch.setenv("BENCH_DATABASE_URL", database_url)

    def run(*arguments: str) -> str:
        capsys.readouterr()
        assert main(list(arguments)) == 2
        said = capsys.readouterr()
        assert said.out == ""
        (line,) = said.err.splitlines()
        return line

    return run


def test_the_commands_register_score_list_and_remove(
    engine: sa.Engine, bench: str, small_bundle: Path, refused: Callable[..., str], capsys: Said
) -> None:
    assert main(["policies", "register", str(small_bundle), "--name", "mlp-a"]) == 0
    assert capsys.readouterr().err == f"mlp-a is registered: mlp, epoch {EPOCH}, {small_bundle}\n"
    assert main(["regret", bench, "--policy", "mlp-a", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert [one["policy"] for one in document["policies"]] == [
        *("heuristic_baseline", "uniform", "best_fixed", "mlp-a")
    ]
    assert set(document["cases"][0]) == {one["policy"] for one in document["policies"]} | {"issue_id"}
    assert len([note for note in document["notes"] if "policy epoch" in note]) == 1
    assert main(["regret", bench]) == 0
    assert "mlp-a was trained under policy epoch epoch-1" in capsys.readouterr().out
    assert main(["policies", "list", "--json"]) == 0
    (listed,) = json.loads(capsys.readouterr().out)
    assert (listed["name"], listed["benches"], listed["path"]) == ("mlp-a", 1, str(small_bundle))
    assert main(["policies", "remove", "mlp-a"]) == 0
    assert "no policy is registered as 'mlp-a'" in refused("regret", bench, "--policy", "mlp-a")
    assert "no policy is registered as 'mlp-a'" in refused("policies", "remove", "mlp-a")
    assert "no such bundle" in refused("policies", "register", "nowhere")
    assert "no bench is named 'b-x'" in refused("regret", "b-x", "--policy", "mlp-a")
