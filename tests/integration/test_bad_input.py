"""Bad input gets one clear line that names what mends it, and nothing is written."""

import json
import subprocess
import threading
from pathlib import Path

import pytest
import sqlalchemy as sa
import yaml

from bench.cli.main import main
from bench.coordinator.loop import sole_coordinator
from bench.errors import BenchError

Said = pytest.CaptureFixture[str]


@pytest.fixture
def farm(database_url: str, broker_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory with a small repository, two issues and a config, on a fleet's URLs."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("BENCH_DATABASE_URL", database_url)
    monkeypatch.setenv("BENCH_BROKER_URL", broker_url)
    _git(tmp_path / "repo", "init", "-q", "-b", "main")
    (tmp_path / "repo" / "a.txt").write_text("a")
    _git(tmp_path / "repo", "add", ".")
    _git(tmp_path / "repo", "-c", "user.name=t", "-c", "user.email=t@t", "commit", "-qm", "one")
    issues = [{"id": "one", "dk_risk": "critical"}, {"id": "two", "dk_risk": "low", "tags": ["needs-human"]}]
    (tmp_path / "issues.jsonl").write_text("".join(json.dumps(issue) + "\n" for issue in issues))
    _write_config(tmp_path)
    return tmp_path


def _git(directory: Path, *arguments: str) -> None:
    directory.mkdir(exist_ok=True)
    subprocess.run(["git", *arguments], cwd=directory, check=True)


def _write_config(directory: Path, **changes: object) -> None:
    workcell: dict[str, object] = {
        "repo": "repo",
        "base": "main",
        "gates": [{"name": "t", "command": "true"}],
        "toolchains": [{"name": "command", "argv": ["true"]}],
    }
    text = yaml.safe_dump({"workcell": {**workcell, **changes}})
    (directory / "bench.yaml").write_text(text)


def _refused(capsys: Said, *arguments: str, code: int = 2) -> str:
    """The one line of a refusal."""
    capsys.readouterr()
    assert main(list(arguments)) == code
    captured = capsys.readouterr()
    lines = captured.err.strip().splitlines()
    assert len(lines) == 1, captured.err
    assert captured.out == ""
    return lines[0]


def _nothing_submitted(engine: sa.Engine) -> None:
    with engine.connect() as connection:
        assert connection.scalar(sa.text("SELECT count(*) FROM farm.benches")) == 0


def test_a_good_submission_is_accepted(farm: Path, capsys: Said, engine: sa.Engine) -> None:
    assert main(["issues", "import", "issues.jsonl"]) == 0
    assert main(["submit", "--k", "2", "--slice", "critical", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["executions"] == 2


def test_selections_that_choose_nothing(farm: Path, capsys: Said, engine: sa.Engine) -> None:
    assert "bench issues import" in _refused(capsys, "submit", "--slice", "critical")
    main(["issues", "import", "issues.jsonl"])
    assert "did you mean 'critical'" in _refused(capsys, "submit", "--slice", "critcal").replace(
        "critical?", "'critical'"
    )
    assert "'lane-a'" in _refused(capsys, "submit", "--slice", "lane-a")
    assert "'nine'" in _refused(capsys, "submit", "--issues", "nine")
    _nothing_submitted(engine)


def test_a_wrong_key_or_value_in_the_config(farm: Path, capsys: Said, engine: sa.Engine) -> None:
    main(["issues", "import", "issues.jsonl"])
    (farm / "bench.yaml").write_text("action_sampling: {strategie: coverage}\n")
    line = _refused(capsys, "submit", "--slice", "critical")
    assert "action_sampling.strategie" in line
    assert "strategy" in line
    _nothing_submitted(engine)


def test_more_arms_than_there_are_valid_actions(farm: Path, capsys: Said, engine: sa.Engine) -> None:
    main(["issues", "import", "issues.jsonl"])
    assert "30" in _refused(capsys, "submit", "--slice", "critical", "--k", "31")
    _nothing_submitted(engine)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"repo": "/nowhere/repo"}, ("/nowhere/repo", "cannot be reached")),
        ({"base": "no-such-branch"}, ("no-such-branch", "base")),
        ({"toolchains": [{"name": "clod"}]}, ("clod", "claude")),
        ({"gates": []}, ("gates",)),
    ],
)
def test_workcells_that_cannot_be(
    farm: Path, capsys: Said, engine: sa.Engine, changes: dict[str, object], words: tuple[str, ...]
) -> None:
    main(["issues", "import", "issues.jsonl"])
    _write_config(farm, **changes)
    line = _refused(capsys, "submit", "--slice", "critical")
    assert all(word in line for word in words), line
    _nothing_submitted(engine)


def test_broken_lines_are_named_and_the_rest_is_imported(farm: Path, capsys: Said) -> None:
    (farm / "dirty.jsonl").write_text('{"id": "good"}\n<<<<<<< HEAD\nnot json\n{"title": "no id"}\n')
    assert main(["issues", "import", "dirty.jsonl"]) == 0
    said = capsys.readouterr().err
    assert all(f"dirty.jsonl:{number}:" in said for number in (2, 3, 4))
    assert "1 new" in said
    (farm / "empty.jsonl").write_text("rubbish\n")
    assert "line 1" in _refused(capsys, "issues", "import", "empty.jsonl")
    assert "nowhere.jsonl" in _refused(capsys, "issues", "import", "nowhere.jsonl")


def test_another_schema_in_the_database(farm: Path, capsys: Said, engine: sa.Engine) -> None:
    with engine.begin() as connection:
        connection.execute(sa.text("UPDATE farm.settings SET value = '\"older\"' WHERE key = 'code_hash'"))
    assert "bench db upgrade" in _refused(capsys, "status")
    assert main(["db", "upgrade"]) == 0
    with engine.begin() as connection:
        connection.execute(sa.text("UPDATE farm.alembic_version SET version_num = '9999'"))
    assert "newer than this program" in _refused(capsys, "status")
    assert "newer than this program" in _refused(capsys, "db", "upgrade")
    with engine.begin() as connection:
        connection.execute(sa.text("UPDATE farm.alembic_version SET version_num = '0001'"))


def test_an_empty_database(
    farm: Path, capsys: Said, empty_database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BENCH_DATABASE_URL", empty_database_url)
    assert "bench db upgrade" in _refused(capsys, "status")


def test_servers_that_cannot_be_reached(farm: Path, capsys: Said, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BENCH_DATABASE_URL", "mysql://x@localhost/y")
    assert "PostgreSQL" in _refused(capsys, "status")
    monkeypatch.setenv("BENCH_DATABASE_URL", "postgresql://x@/y?host=/nowhere")
    assert "cannot be reached" in _refused(capsys, "status", code=1)
    monkeypatch.delenv("BENCH_DATABASE_URL")
    assert "BENCH_DATABASE_URL" in _refused(capsys, "status")


def test_a_second_standing_coordinator_is_told_who_the_first_is(engine: sa.Engine) -> None:
    second = pytest.raises(BenchError, match=r"another coordinator .* since .*--standby")
    with sole_coordinator(engine), second, sole_coordinator(engine):
        pass
    # The first is over once the database has seen its session end.
    with sole_coordinator(engine, standby=threading.Event()) as election:
        assert election.is_leader()


def test_unknown_benches_and_machines(farm: Path, capsys: Said) -> None:
    assert "'b-none'" in _refused(capsys, "winners", "b-none")
    assert "bench submit" in _refused(capsys, "report")
    assert "m-none" in _refused(capsys, "machines", "trust", "m-none")
