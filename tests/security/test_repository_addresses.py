"""Promise: an address of a repository runs no program, and no password in it is kept; the farm signs in otherwise."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from pydantic import ValidationError

from bench.cli.main import main
from bench.config.errors import ConfigError
from bench.config.load import load_config, resolve_workcell
from bench.config.models import WorkcellDefaults
from tests.fixtures.private_repository import PrivateRepository
from workers.addresses import has_credential, without_credentials
from workers.errors import WorkerError
from workers.execution.archive import CandidateRecord, manifest
from workers.repository.git import git
from workers.repository.mirror import ensure_commit, resolve_ref
from workers.result import CandidateResult
from workers.spec import PlannedAction, Workcell, WorkOrder

Said = pytest.CaptureFixture[str]

GATES = [{"name": "t", "command": ["true"]}]
HELPERS = [
    "fd::17/x",
    "ext::sh -c 'touch owned'",
    "EXT::sh -c x",
    "::x",
    "remote-x+y.z::address",
    "ftp://host/x.git",
    "HTTPS://host/x.git",
    "testsvn::file:///x",
    "rsync://host/x",
    "git-remote-ext://x",
    "ht\ntps://host/x",
]
ADDRESSES = [
    "https://example.org/x.git",
    "http://127.0.0.1:8080/x",
    "ssh://git@example.org:22/x",
    "git@example.org:a/b.git",
    "host:x",
    "git://example.org/x",
    "file:///srv/x.git",
    "/srv/a::b",
    "/srv/with space/ü",
]
CREDENTIALS = [
    "https://bot:ghp_sesame@example.org/x.git",
    "https://ghp_sesame@example.org/x.git",
    "https://bot:se@sesame@example.org/x.git",
    "http://:sesame@example.org/x.git",
    "ssh://bot:sesame@example.org/x.git",
    "bot:sesame@example.org:x.git",
    "https://example.org/x.git?private_token=sesame",
    "https://example.org/x.git?a=b&Auth=sesame",
]


def _defaults(**keys: Any) -> WorkcellDefaults:
    return WorkcellDefaults.model_validate({"gates": GATES, **keys})


@pytest.mark.parametrize("repo", HELPERS)
def test_an_address_that_makes_git_run_a_program_is_refused_at_every_door(repo: str, tmp_path: Path) -> None:
    file = tmp_path / "bench.yaml"
    file.write_text(f"workcell: {{repo: {json.dumps(repo)}}}\n")
    with pytest.raises(ConfigError, match=r"bench\.yaml:1: workcell\.repo: "):
        load_config(file)
    with pytest.raises(ConfigError, match=r"^issue i: workcell\.repo: "):
        resolve_workcell(_defaults(), {"repo": repo}, "i", "all")
    with pytest.raises(ValidationError, match="repo"):  # what a worker does with a work order
        Workcell.model_validate({"repo": repo, "gates": GATES})


@pytest.mark.parametrize("repo", ADDRESSES)
def test_plain_addresses_are_taken(repo: str) -> None:
    assert resolve_workcell(_defaults(repo=repo), None, "i").repo == repo
    assert resolve_workcell(_defaults(), {"repo": repo}, "i").repo == repo
    assert without_credentials(repo) == repo.replace("git@example.org:22", "…@example.org:22")


@pytest.mark.parametrize("repo", CREDENTIALS)
def test_a_credential_is_refused_and_told_to_nobody(repo: str, tmp_path: Path) -> None:
    file = tmp_path / "bench.yaml"
    file.write_text(f"workcell: {{repo: {json.dumps(repo)}}}\n")
    with pytest.raises(ConfigError, match="BENCH_GIT_CONFIG") as of_config:
        load_config(file)
    with pytest.raises(ConfigError, match="BENCH_GIT_CONFIG") as of_issue:
        resolve_workcell(_defaults(), {"repo": repo}, "i")
    for caught in (of_config, of_issue):
        assert "sesame" not in str(caught.value)
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize("repo", CREDENTIALS)
def test_an_import_stores_none_and_the_submission_says_why(
    repo: str,
    tmp_path: Path,
    database_url: str,
    broker_url: str,
    engine: sa.Engine,
    monkeypatch: pytest.MonkeyPatch,
    capsys: Said,
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("BENCH_DATABASE_URL", database_url)
    monkeypatch.setenv("BENCH_BROKER_URL", broker_url)
    (tmp_path / "bench.yaml").write_text("workcell: {gates: [{name: t, command: 'true'}]}\n")
    (tmp_path / "issues.jsonl").write_text(json.dumps({"id": "one", "workcell": {"repo": repo}}) + "\n")
    assert main(["issues", "import", "issues.jsonl"]) == 0
    told = capsys.readouterr().err
    with engine.connect() as connection:
        told += str(connection.scalar(sa.text("SELECT document FROM farm.issues")))
    assert main(["submit", "--slice", "all"]) == 2
    line = capsys.readouterr().err
    assert "issue one: workcell.repo: holds a user, password or token" in line
    assert line.count("\n") == 1
    assert "sesame" not in told + line
    assert has_credential(repo)


def test_the_archive_of_an_older_bench_keeps_none() -> None:
    repo = CREDENTIALS[0]
    order = WorkOrder(
        execution_id=1,
        attempt=1,
        lease_token="t",
        lease_seconds=180,
        kind="arm",
        bench_id="b",
        issue={"id": "i", "workcell": {"repo": repo}},
        job_type="code",
        workcell=Workcell.model_validate({"repo": repo, "gates": GATES}),
    )
    action = PlannedAction(swarm_id="serial_handoff", candidates=1, minutes=1, iterations=1)
    result = CandidateResult(index=0, workcell_id="x", seed=0, status="failed", duration_ms=1, billed_ms=1)
    written = manifest(CandidateRecord(order, action, result), {})
    assert written["toolchain_config"]["repo"] == "https://…@example.org/x.git"
    assert "sesame" not in json.dumps(written)


def _helper(place: Path, more: str = "") -> str:
    config = place / "farm.gitconfig"
    script = place / "helper"
    script.write_text("#!/bin/sh\necho username=bot\necho password=sesame\n")
    script.chmod(0o755)
    config.write_text(f"[credential]\n\thelper = {script}\n{more}")
    return str(config)


def test_a_named_configuration_is_read_in_place_of_the_accounts(
    private: PrivateRepository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "home" / ".gitconfig").write_text(Path(_helper(tmp_path)).read_text())
    (tmp_path / "empty").touch()
    monkeypatch.setenv("BENCH_GIT_CONFIG", str(tmp_path / "empty"))
    with pytest.raises(WorkerError, match=r"cannot be reached: .*BENCH_GIT_CONFIG"):
        resolve_ref(private.url, "main")
    (tmp_path / "home" / ".gitconfig").unlink()
    monkeypatch.setenv("BENCH_GIT_CONFIG", _helper(tmp_path))
    commit = resolve_ref(private.url, "main")
    mirror = ensure_commit(tmp_path / "mirrors", private.url, commit)
    kept = subprocess.run(["grep", "-r", "sesame", str(mirror)], capture_output=True, check=False)
    assert kept.stdout == b""
    monkeypatch.setenv("BENCH_GIT_CONFIG", str(tmp_path / "nowhere"))
    with pytest.raises(
        WorkerError, match=r"BENCH_GIT_CONFIG is .*nowhere', which is no absolute path of a file"
    ):
        resolve_ref(private.url, "main")


def test_git_that_touches_files_of_candidates_knows_no_helper(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BENCH_GIT_CONFIG", _helper(tmp_path))
    git("init", "-q", str(tmp_path / "checkout"))
    assert b"credential" not in git("config", "--list", cwd=tmp_path / "checkout")


def test_a_named_configuration_cannot_turn_an_address_into_a_program(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    owned = tmp_path / "owned"
    rewrite = (
        f'[url "ext::touch {owned} #"]\n\tinsteadOf = https://example.org/\n[protocol]\n\tallow = always\n'
    )
    monkeypatch.setenv("BENCH_GIT_CONFIG", _helper(tmp_path, rewrite))
    with pytest.raises(WorkerError, match="ext"):
        resolve_ref("https://example.org/x.git", "main")
    assert not owned.exists()


def test_a_submission_with_a_helper_goes_through(
    private: PrivateRepository,
    tmp_path: Path,
    database_url: str,
    broker_url: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (tmp_path / "issues.jsonl").write_text('{"id": "one"}\n')
    workcell = {"repo": private.url, "base": "main", "gates": GATES}
    (tmp_path / "bench.yaml").write_text(json.dumps({"workcell": workcell}))
    env = {**os.environ, "BENCH_DATABASE_URL": database_url, "BENCH_BROKER_URL": broker_url}
    env["BENCH_GIT_CONFIG"] = _helper(tmp_path)
    for arguments in (["issues", "import", "issues.jsonl"], ["submit", "--slice", "all", "--dry-run"]):
        done = subprocess.run(
            [sys.executable, "-m", "bench.cli.main", *arguments],
            cwd=tmp_path,
            env=env,
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert done.returncode == 0, done.stderr
        assert "sesame" not in done.stdout + done.stderr
