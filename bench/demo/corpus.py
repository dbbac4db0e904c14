"""Idempotent builder of the demo corpus: a git repository with seeded bugs, a backlog of them, a bench config."""

import hashlib
import json
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from bench.demo.agents import REPLAYS, agent_config, write_replays
from bench.demo.backlog import backlog
from bench.demo.errors import DemoError
from bench.demo.history import base_commit, branch_commits, create_repository, import_stream
from planner.system.atomic import write_atomic

SECONDS_PER_MINUTE = 0.15
"""Time scale: real seconds of a planned minute. A budget of 15 minutes lasts 2.25 seconds, one of 120 lasts 18."""

_STAMP = ".demo-corpus.json"


@dataclass(frozen=True)
class DemoCorpus:
    """Paths and commits of a built demo corpus."""

    repo: Path
    """A git repository: `main` is the release, `issue-<id>` the commit an issue was reported against."""
    issues_file: Path
    """`.beads/issues.jsonl` in the Cyntra dialect."""
    config_file: Path
    """A bench config (YAML) for these issues."""
    commits: Mapping[str, str]
    """Commit by branch name."""


def check_directory(directory: Path) -> None:
    """Check that `directory` is empty or a demo corpus.

    Raises: `DemoError` where it holds anything else.
    """
    if directory.exists() and not (directory / _STAMP).is_file() and any(directory.iterdir()):
        raise DemoError(f"{directory} is not empty and not a demo's; name another directory")


def build_corpus(directory: Path, *, agents: bool = False) -> DemoCorpus:
    """Build the corpus in `directory`; idempotent: an intact corpus is left unchanged.

    With `agents` its config has a coding agent as its toolchain, and the answers of its model are written, too.

    The build is reproducible: the same version of the farm makes the same commits everywhere.

    Raises: `DemoError` where `directory` holds a `repo` that is not the demo's, where it cannot be written, or where
    git is missing.
    """
    directory = directory.resolve()
    corpus = DemoCorpus(directory / "repo", directory / ".beads/issues.jsonl", directory / "bench.yaml", {})
    stream = import_stream()
    stamp_file = directory / _STAMP
    stamp = _read_stamp(stamp_file)
    if stamp is None and corpus.repo.exists():
        raise DemoError(
            f"{corpus.repo} exists and is not the demo's; move it away or choose another directory"
        )
    try:
        commits = branch_commits(corpus.repo)
        digest = hashlib.sha256(stream).hexdigest()
        if not commits or stamp != {"stream": digest, "commits": commits}:
            commits = _replace_repository(directory, corpus.repo, stamp_file, stream)
        _write(corpus.issues_file, _issues_text(commits))
        config = _config(corpus)
        if agents:
            write_replays(directory / REPLAYS)
            config = agent_config(config)
        _write(corpus.config_file, yaml.safe_dump(config, sort_keys=False))
    except OSError as error:
        raise DemoError(f"cannot write the demo corpus to {directory}: {error.strerror}") from error
    return DemoCorpus(corpus.repo, corpus.issues_file, corpus.config_file, commits)


def _replace_repository(directory: Path, repo: Path, stamp_file: Path, stream: bytes) -> dict[str, str]:
    """Build in a temporary directory and rename. The stamp is written first: it marks an interrupted build as ours."""
    fresh = directory / f".repo-{os.getpid()}"
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir(parents=True)
    try:
        create_repository(fresh, stream)
        commits = branch_commits(fresh)
        _write(stamp_file, json.dumps({"stream": hashlib.sha256(stream).hexdigest(), "commits": commits}))
        if repo.exists():
            shutil.rmtree(repo)
        fresh.rename(repo)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
    return commits


def _read_stamp(path: Path) -> Any:
    try:
        return json.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        return None


def _write(path: Path, text: str) -> None:
    """Atomic write; a file of the same content is not touched."""
    if path.is_file() and path.read_bytes() == text.encode():
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomic(path, text)


def _issues_text(commits: Mapping[str, str]) -> str:
    rows = [issue.row(base_commit(issue, dict(commits))) for issue in backlog()]
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


def _config(corpus: DemoCorpus) -> dict[str, Any]:
    """The bench config; its gate is the default for issues without one."""
    everything = {
        "name": "test",
        "command": "python -m pytest -q tests",
        "timeout_seconds": 120,
        "junit": True,
    }
    return {
        "issue_selection": {"source": str(corpus.issues_file), "slice": "critical", "seed": 42},
        "action_sampling": {
            "K": 4,
            "strategy": "coverage",
            "include_baseline": True,
            # The last executed action would enter the plan; the demo needs the same plan at every repeat.
            "include_executed": False,
            "seed": 42,
        },
        "execution_limits": {"max_usd": 100.0, "max_usd_per_issue": 20.0, "max_executions": 200},
        "winner_selection": {"primary_objective": "minimize_duration"},
        "output": {"directory": str(corpus.repo.parent / "out")},
        "workcell": {
            "repo": str(corpus.repo),
            "base": "main",
            "gates": [everything],
            "protected_paths": ["tests/**"],
            "toolchains": [{"name": "repair"}],
            "seconds_per_minute": SECONDS_PER_MINUTE,
            "rates": {"usd_per_minute": 0.01, "max_usd_per_candidate": 0},
        },
    }
