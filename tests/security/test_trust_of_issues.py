"""Promise: a line of a backlog is no code with the farm's keys. What an issue may set, and who may let it set more."""

import json
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
import yaml
from pydantic import ValidationError

from bench.cli.main import main
from bench.config.errors import ConfigError
from bench.config.load import config_hash, load_config, resolve_workcell, trust_issue_workcells
from bench.config.models import BenchConfig, WorkcellDefaults
from bench.config.trust import Trust
from bench.intake.issue import Issue
from bench.stream.board import Board
from bench.stream.open import open_stream
from bench.stream.state import StoredStreamState
from bench.stream.view import queue_view
from bench.submit.issue_workcell import objector
from tests.fixtures.rows import store_issues
from workers.errors import WorkerError
from workers.execution.changes import FileChange, choose
from workers.execution.prompt import protected_paths
from workers.settings import WorkerSettings
from workers.spec import ToolchainRef, WorkOrder
from workers.toolchains.base import RoundContext
from workers.toolchains.surroundings import environment

Said = pytest.CaptureFixture[str]
Json = dict[str, Any]

GATES = [{"name": "test", "command": ["true"]}]
THIEF = {"name": "command", "argv": ["sh", "-c", "env > stolen"], "env": ["BENCH_DATABASE_URL"]}
PLAIN = {"name": "command", "argv": ["true"]}
COMMANDS: Json = {"gates": GATES, "setup": ["true"]}
PLACES: Json = {"repo": "/other", "base": "v1", "known_good": "v2", "protected_paths": ["golden/**"]}
# Every other key of a workcell, each with a value of its type.
POWERS: Json = {
    "toolchains": [PLAIN],
    "sandbox": "none",
    "rates": {"usd_per_minute": 0},
    "tags": ["gpu"],
    "git": {"submodules": True},
    "setup_timeout_seconds": 9.0,
    "seconds_per_minute": 600.0,
    "default_candidates": 5,
    "default_iterations": 10,
    "flaky_reruns": 5,
    "further_protected_paths": ["golden/**"],
    "max_output_bytes": 2048,
    "provider": {"patience_seconds": 1.0},
    "egress": ["packages.example.org"],
    "image": "registry.example.org/team/tools:1",
}


def _defaults(**keys: Any) -> WorkcellDefaults:
    return WorkcellDefaults.model_validate({"repo": "/srv/shop", "gates": GATES, **keys})


def test_every_key_of_a_workcell_is_judged_here() -> None:
    assert {*PLACES, *COMMANDS, *POWERS} == set(WorkcellDefaults.model_fields)


@pytest.mark.parametrize("key", POWERS)
def test_an_untrusted_issue_sets_no_power(key: str) -> None:
    for value in (POWERS[key], None):
        for level in ("gates", "none"):
            with pytest.raises(ConfigError) as caught:
                resolve_workcell(_defaults(), {key: value}, "i-1", level)
            line = str(caught.value)
            assert line.startswith(f"issue i-1: workcell.{key} is not taken from an issue; ")
            assert "trust.sources" in line
            assert "--trust-issue-workcells" in line


def test_places_are_always_taken_and_commands_unless_trust_is_none() -> None:
    cell = resolve_workcell(_defaults(), {**PLACES, **COMMANDS}, "i")
    assert (cell.repo, cell.base, cell.setup, cell.gates[0].command) == ("/other", "v1", ["true"], ["true"])
    assert resolve_workcell(_defaults(), PLACES, "i", "none").base == "v1"
    for key in COMMANDS:
        with pytest.raises(ConfigError, match=rf"workcell\.{key} is not taken"):
            resolve_workcell(_defaults(), {key: COMMANDS[key]}, "i", "none")


def test_protected_paths_are_only_ever_added() -> None:
    for level in ("none", "gates", "all"):
        cell = resolve_workcell(_defaults(), {"protected_paths": ["golden/**"]}, "i", level)
        assert (cell.protected_paths, cell.further_protected_paths) == (None, ["golden/**"])
        cell = resolve_workcell(
            _defaults(protected_paths=["a"]), {"protected_paths": ["golden/**"]}, "i", level
        )
        assert (cell.protected_paths, cell.further_protected_paths) == (["a", "golden/**"], [])
        cell = resolve_workcell(
            _defaults(further_protected_paths=["a"]), {"protected_paths": ["b"]}, "i", level
        )
        assert (cell.protected_paths, cell.further_protected_paths) == (None, ["a", "b"])
        own = _defaults(protected_paths=["spec/**"])
        nothing: tuple[list[str] | None, ...] = ([], None)
        for paths in nothing:
            cell = resolve_workcell(own, {"protected_paths": paths}, "i", level)
            assert cell.protected_paths == ["spec/**"]
        with pytest.raises(ConfigError, match="takes protection away"):
            resolve_workcell(own, {"protected_paths": [" !spec/**"]}, "i", level)


@pytest.mark.parametrize("forbidden", ["!tests/**", "!", "[z-a]", "tests\\"])
def test_a_forbidden_path_of_an_issue_takes_no_protection_away(forbidden: str) -> None:
    workcell = resolve_workcell(_defaults(), None, "i")
    order = WorkOrder(
        execution_id=1,
        attempt=1,
        lease_token="t",
        lease_seconds=180,
        kind="arm",
        bench_id="b",
        issue={"id": "i", "forbidden_paths": [forbidden]},
        job_type="code",
        workcell=workcell,
    )
    change = FileChange("100644", "100644", "a" * 40, "b" * 40, "tests/test_calc.py")
    assert choose([change], protected_paths(order), {change.path}).protected == (change,)


def test_a_pattern_that_nobody_can_read_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"workcell\.protected_paths: '\[z-a\]' is no pattern"):
        resolve_workcell(_defaults(), {"protected_paths": ["[z-a]"]}, "i")


@pytest.mark.parametrize(
    ("there", "own", "result"),
    [
        (None, "bwrap", "bwrap"),
        (None, "none", None),
        ("auto", "none", None),
        ("bwrap", "auto", None),
        ("bwrap", "none", None),
        ("bwrap", None, "bwrap"),
        ("none", "auto", "auto"),
        ("none", "none", "none"),
    ],
)
def test_a_trusted_issue_only_strengthens_the_sandbox(
    there: str | None, own: str | None, result: str | None
) -> None:
    if result is None:
        with pytest.raises(ConfigError, match=r"workcell\.sandbox: .* is weaker than the config's"):
            resolve_workcell(_defaults(sandbox=there), {"sandbox": own}, "i", "all")
    else:
        assert resolve_workcell(_defaults(sandbox=there), {"sandbox": own}, "i", "all").sandbox == result


def test_a_trusted_issue_only_raises_rates() -> None:
    config = _defaults(rates={"usd_per_minute": 0.5, "max_usd_per_candidate": 2})
    raised = resolve_workcell(config, {"rates": {"max_usd_per_candidate": 3}}, "i", "all").rates
    assert (raised.usd_per_minute, raised.max_usd_per_candidate) == (0.5, 3)
    assert resolve_workcell(config, {"rates": None}, "i", "all").rates.max_usd_per_candidate == 2
    for name in ("usd_per_minute", "max_usd_per_candidate"):
        with pytest.raises(ConfigError, match=rf"rates\.{name}: 0 is lower than the config's"):
            resolve_workcell(config, {"rates": {name: 0}}, "i", "all")
    with pytest.raises(ConfigError, match=r"is lower than the config's 0\.01"):
        resolve_workcell(_defaults(), {"rates": {"usd_per_minute": 0}}, "i", "all")


def test_trust_none_is_one_word_and_sources_are_meant_from_the_file(tmp_path: Path) -> None:
    file = tmp_path / "bench.yaml"
    file.write_text("trust: none\n")
    assert load_config(file).trust == Trust(issue_workcells="none")
    file.write_text("trust: {sources: [mine.jsonl]}\n")
    trust = load_config(file).trust
    assert trust.level(str(tmp_path / "mine.jsonl")) == "all"
    assert trust.level(str(tmp_path / "theirs.jsonl")) == "gates"
    # What was imported under its own name does not become another's by a link that is put there later.
    (tmp_path / "theirs.jsonl").symlink_to("mine.jsonl")
    for elsewhere in (None, "mine.jsonl", str(tmp_path / "theirs.jsonl")):
        assert trust.level(elsewhere) == "gates"
    file.write_text("trust: {issue_workcells: gate}\n")
    with pytest.raises(
        ConfigError, match=r"trust\.issue_workcells: 'gate' is not allowed; use 'none', 'gates'"
    ):
        load_config(file)


def test_a_config_without_trust_keeps_its_hash() -> None:
    assert config_hash(BenchConfig()).startswith("9c58f3196f0d6640")
    said = BenchConfig.model_validate({"trust": "none"})
    assert config_hash(said) != config_hash(BenchConfig())
    assert BenchConfig.model_validate(said.document()) == said


@pytest.mark.parametrize(
    "name", ["BENCH_DATABASE_URL", "BENCH_SECRET_X", "bench_broker_url", "PGPASSWORD", "PGPASSFILE"]
)
def test_the_farms_own_variables_reach_no_toolchain(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ValidationError, match="variable of the farm itself"):
        ToolchainRef(name="command", env=["LANG", name])
    file = tmp_path / "bench.yaml"
    file.write_text(f"workcell:\n  toolchains:\n    - {{name: repair, env: [{name}]}}\n")
    with pytest.raises(
        ConfigError, match=rf"bench.yaml:3: workcell.toolchains.0.env: '{name}' is a variable"
    ):
        load_config(file)
    with pytest.raises(ConfigError, match=r"workcell\.toolchains\.0\.env: "):
        resolve_workcell(_defaults(), {"toolchains": [{**PLAIN, "env": [name]}]}, "i", "all")
    # However it came to be in an order: the worker refuses it again.
    monkeypatch.setenv(name, "sesame")
    smuggled = ToolchainRef.model_construct(**{**ToolchainRef(name="command").__dict__, "env": [name]})
    context = RoundContext(smuggled, tmp_path, tmp_path, tmp_path, tmp_path, tmp_path, 0, 1, 60.0, 0)
    with pytest.raises(WorkerError, match="variable of the farm itself"):
        environment(context)
    with pytest.raises(WorkerError, match="BENCH_PASS_ENV: "):
        WorkerSettings.from_environment({"BENCH_PASS_ENV": f"LANG,{name}"})


@pytest.mark.parametrize("name", ["OPENAI_API_KEY", "CLAUDE_CODE_OAUTH_TOKEN", "GEMINI_API_KEY_FILE"])
def test_the_worker_passes_no_key_of_a_provider_by_name(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, "sesame")
    ref = ToolchainRef(name="command", argv=["agent"], network=True, env=[name])
    context = RoundContext(ref, tmp_path, tmp_path, tmp_path, tmp_path, tmp_path, 0, 1, 60.0, 0)
    with pytest.raises(WorkerError, match=f"env: {name} is a provider key that the gateway holds"):
        environment(context)
    off = replace(context, ref=ref.model_copy(update={"gateway": False}))
    assert environment(off)[name] == "sesame"


@pytest.fixture
def farm(database_url: str, broker_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory with a repository, a config and a backlog of one good issue and one that is a thief."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("BENCH_DATABASE_URL", database_url)
    monkeypatch.setenv("BENCH_BROKER_URL", broker_url)
    (tmp_path / "repo").mkdir()
    for arguments in (["init", "-q", "-b", "main"], ["commit", "-qm", "one", "--allow-empty"]):
        named = ["-c", "user.name=t", "-c", "user.email=t@t", *arguments]
        subprocess.run(["git", *named], cwd=tmp_path / "repo", check=True)
    _configure(tmp_path)
    _backlog(tmp_path, toolchains=[PLAIN])
    return tmp_path


def _configure(place: Path, **more: Any) -> None:
    workcell = {"repo": "repo", "base": "main", "gates": GATES, "toolchains": [PLAIN]}
    (place / "bench.yaml").write_text(yaml.safe_dump({"workcell": workcell, **more}))


def _backlog(place: Path, **own: Any) -> None:
    issues = [{"id": "good", "workcell": {"base": "main", "gates": GATES}}, {"id": "thief", "workcell": own}]
    (place / "issues.jsonl").write_text("".join(json.dumps(issue) + "\n" for issue in issues))
    assert main(["issues", "import", "issues.jsonl"]) == 0


def _refused(capsys: Said, *arguments: str) -> str:
    capsys.readouterr()
    assert main(["submit", "--k", "1", "--slice", "all", *arguments]) == 2
    said = capsys.readouterr()
    assert (said.out, said.err.count("\n")) == ("", 1), said.err
    return said.err


def _dry_run(capsys: Said, *arguments: str) -> Json:
    capsys.readouterr()
    assert main(["submit", "--k", "1", "--slice", "all", "--dry-run", "--json", *arguments]) == 0
    found: Json = json.loads(capsys.readouterr().out)
    return {case["issue_id"]: case["overrides"] for case in found["cases"]}


def test_submit_refuses_the_whole_backlog_for_one_such_line(
    farm: Path, engine: sa.Engine, capsys: Said
) -> None:
    assert "issue thief: workcell.toolchains is not taken from an issue" in _refused(capsys)
    with engine.connect() as connection:
        assert connection.scalar(sa.text("SELECT count(*) FROM farm.benches")) == 0


def test_flag_variable_and_source_let_it_through_and_the_dry_run_shows_it(
    farm: Path, capsys: Said, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = _dry_run(capsys, "--trust-issue-workcells")
    assert set(shown["good"]) == {"base", "gates"}
    assert shown["thief"]["toolchains"][0]["argv"] == ["true"]
    assert main(["submit", "--k", "1", "--slice", "all", "--dry-run", "--trust-issue-workcells"]) == 0
    assert 'thief sets workcell.toolchains: [{"name": "command", "argv": ["true"]' in capsys.readouterr().err
    with monkeypatch.context() as patch:
        patch.setenv("BENCH_TRUST_ISSUE_WORKCELLS", "1")
        assert "thief" in _dry_run(capsys)
    _configure(farm, trust={"sources": ["issues.jsonl"]})
    assert "thief" in _dry_run(capsys)
    # The same line from another file is trusted no more.
    (farm / "issues.jsonl").rename(farm / "others.jsonl")
    assert main(["issues", "import", "others.jsonl"]) == 0
    assert "thief" in _refused(capsys)
    _configure(farm, issue_selection={"source": "others.jsonl"}, trust={"sources": ["issues.jsonl"]})
    assert "thief" in _refused(capsys)
    _configure(farm, issue_selection={"source": "others.jsonl"}, trust={"sources": ["others.jsonl"]})
    assert "thief" in _dry_run(capsys)


def test_the_farms_keys_are_refused_even_to_a_trusted_backlog(farm: Path, capsys: Said) -> None:
    _backlog(farm, toolchains=[THIEF])
    line = _refused(capsys, "--trust-issue-workcells")
    assert "issue thief: workcell.toolchains.0.env: 'BENCH_DATABASE_URL' is a variable of the farm" in line


def test_trust_none_takes_no_command_either(farm: Path, capsys: Said) -> None:
    _configure(farm, trust="none")
    assert "issue good: workcell.gates is not taken" in _refused(capsys)


def test_a_stream_holds_such_an_issue_and_runs_the_others(farm: Path, engine: sa.Engine) -> None:
    config = load_config(farm / "bench.yaml")
    view = queue_view(engine, config, datetime.now(UTC))
    assert [row["issue_id"] for row in view["ready"]] == ["good"]
    assert view["held"]["thief"].startswith("workcell.toolchains is not taken from an issue; ")
    trusting = queue_view(engine, trust_issue_workcells(config), datetime.now(UTC))
    assert [row["issue_id"] for row in trusting["ready"]] == ["good", "thief"]


@pytest.mark.slow
def test_bench_run_goes_on_past_such_an_issue(farm: Path, engine: sa.Engine) -> None:
    store_issues(engine, "elsewhere", [Issue(id="good", status="closed").document()])
    done = subprocess.run(
        [sys.executable, "-m", "bench.cli.main", "run", "--once"],
        cwd=farm,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    assert "thief: held, workcell.toolchains is not taken from an issue" in done.stderr
    assert "0 started, 1 held" in done.stderr


def test_the_queue_trusts_as_the_stream_does_that_is_open(farm: Path, engine: sa.Engine) -> None:
    config = load_config(farm / "bench.yaml")
    open_stream(engine, trust_issue_workcells(config), datetime.now(UTC))
    assert queue_view(engine, config, datetime.now(UTC))["held"] == {}


def test_a_stream_starts_a_held_issue_once_its_source_is_trusted(farm: Path, engine: sa.Engine) -> None:
    _configure(farm, trust={"sources": ["mine.jsonl"]})
    config = load_config(farm / "bench.yaml")
    state = StoredStreamState(engine, "s-1", config, None)
    board = Board(3, objector(config))

    def ready() -> list[str]:
        changed = state.backlog_if_changed()
        if changed is not None:
            board.load(changed)
        return [issue.id for issue in board.state([]).ready]

    assert ready() == ["good"]
    with pytest.raises(ConfigError, match=r"issue thief: workcell\.toolchains is not taken"):
        state.make_ready(board.issues["thief"], [])
    # The same text from another file changes no issue, but what it is trusted with.
    (farm / "issues.jsonl").rename(farm / "mine.jsonl")
    assert main(["issues", "import", "mine.jsonl"]) == 0
    assert ready() == ["good", "thief"]
    assert state.make_ready(board.issues["thief"], []).workcell.toolchains[0].name == "command"
    # And back.
    (farm / "mine.jsonl").rename(farm / "others.jsonl")
    assert main(["issues", "import", "others.jsonl"]) == 0
    assert ready() == ["good"]
