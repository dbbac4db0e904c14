"""The demo corpus: the same everywhere, broken where it says so, whole where it is not."""

import ast
import json
import os
import shutil
import subprocess
import sys
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import yaml

from bench.demo.backlog import DemoIssue, backlog, broken_files, released_tree
from bench.demo.corpus import DemoCorpus, build_corpus
from bench.demo.errors import DemoError
from workers.spec import Workcell

BENCHED = [issue for issue in backlog() if issue.bug]


@pytest.fixture(scope="session")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> DemoCorpus:
    return build_corpus(tmp_path_factory.mktemp("demo") / "corpus")


def git(repo: Path, *arguments: str) -> str:
    done = subprocess.run(["git", "-C", str(repo), *arguments], capture_output=True, text=True, check=True)
    return done.stdout


def run_gate(checkout: Path, *tests: str) -> subprocess.CompletedProcess[str]:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return subprocess.run(
        ["python", "-m", "pytest", "-q", "--tb=no", "-rf", *tests],
        cwd=checkout, capture_output=True, text=True, timeout=60, check=False,
        env={"PATH": path, "PYTHONDONTWRITEBYTECODE": "1"},
    )  # fmt: skip


def check_out(corpus: DemoCorpus, branch: str, target: Path) -> Path:
    git(corpus.repo, "clone", "-q", "--depth", "1", "-b", branch, f"file://{corpus.repo}", str(target))
    return target


def test_the_backlog_is_spread_over_risk_size_and_priority() -> None:
    risks = Counter(issue.risk for issue in BENCHED)
    assert len(BENCHED) >= 24
    assert risks["critical"] >= 7
    assert min(risks.values()) >= 3
    assert {issue.size for issue in BENCHED} == {"XS", "S", "M", "L", "XL"}
    assert {issue.priority for issue in BENCHED} == {"P0", "P1", "P2", "P3"}
    assert len({issue.id for issue in backlog()}) == len(backlog())


def test_some_issues_are_there_to_be_left_out() -> None:
    others = [issue for issue in backlog() if not issue.bug]
    assert {"closed", "escalated"} <= {issue.status for issue in others}
    tags = {tag for issue in others for tag in issue.tags}
    assert {"escalation", "needs-human"} <= tags


@pytest.mark.parametrize("issue", BENCHED, ids=lambda issue: issue.id)
def test_a_bug_applies_and_leaves_the_tests_alone(issue: DemoIssue) -> None:
    changed = broken_files(issue)
    assert changed
    assert issue.gate in released_tree()
    for path, text in changed.items():
        assert path.startswith("depot/")
        assert path in issue.context_files
        assert text != released_tree()[path]
        compile(text, path, "exec")


def test_modules_stand_alone_so_that_a_bug_stays_in_its_own_gate() -> None:
    """A gate other than the issue's can only fail where its tests reach the broken module."""
    imported = {}
    for path, text in released_tree().items():
        if path.endswith(".py"):
            nodes = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.ImportFrom)]
            imported[path] = {f"{node.module}".replace(".", "/") + ".py" for node in nodes}
    assert not any(
        "depot" in name for path in imported if path.startswith("depot/") for name in imported[path]
    )
    reached = {path: imported[path] for path in imported if path.startswith("tests/")}
    for issue in BENCHED:
        for broken in broken_files(issue):
            gates = {path for path, modules in reached.items() if broken in modules}
            assert issue.gate in gates
            assert gates == {issue.gate} or broken == "depot/routing.py"


def test_commits_are_the_same_whatever_the_users_git_is_set_to(
    corpus: DemoCorpus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hooks = tmp_path / "template/hooks"
    hooks.mkdir(parents=True)
    for name in ("reference-transaction", "post-checkout"):
        (hooks / name).write_text("#!/bin/sh\nexit 1\n")
        (hooks / name).chmod(0o755)
    (tmp_path / ".gitconfig").write_text(
        "[user]\nname=Somebody\nemail=else@example.org\n[commit]\ngpgSign=true\n[init]\ndefaultBranch=trunk\n"
        f"templateDir={tmp_path}/template\n[core]\nautocrlf=true\nfileMode=false\nhooksPath={hooks}\n"
    )
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("GIT_AUTHOR_DATE", "2001-01-01T00:00:00Z")
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "elsewhere"))
    monkeypatch.setenv("TZ", "Pacific/Auckland")
    before = os.umask(0o077)
    try:
        other = build_corpus(tmp_path / "other")
    finally:
        os.umask(before)
    assert other.commits == corpus.commits
    assert len(set(other.commits.values())) == len(BENCHED) + 1
    assert (other.repo / "depot/money.py").read_text() == released_tree()["depot/money.py"]


def test_every_issue_commit_is_a_child_of_the_release_with_its_bug_alone(corpus: DemoCorpus) -> None:
    for issue in BENCHED:
        assert git(corpus.repo, "rev-parse", f"{issue.branch}^").strip() == corpus.commits["main"]
        changed = git(corpus.repo, "diff", "--name-only", "main", issue.branch).split()
        assert changed == sorted(broken_files(issue))


def test_issue_lines_keep_the_contract(corpus: DemoCorpus) -> None:
    rows = [json.loads(line) for line in corpus.issues_file.read_text("utf-8").splitlines()]
    config = yaml.safe_load(corpus.config_file.read_text("utf-8"))
    assert [row["id"] for row in rows] == [issue.id for issue in backlog()]
    for row, issue in zip(rows, backlog(), strict=True):
        assert row["dk_risk"] in ("low", "medium", "high", "critical")
        assert row["dk_size"] in ("XS", "S", "M", "L", "XL")
        assert row["dk_priority"] in ("P0", "P1", "P2", "P3")
        assert row["created"] <= row["updated"]
        assert ("workcell" in row) == bool(issue.bug)
        cell = Workcell.model_validate({**config["workcell"], **row.get("workcell", {})})
        assert cell.gates[0].junit
        if issue.bug:
            assert cell.base == corpus.commits[issue.branch]
            assert issue.gate in cell.gates[0].command


def test_an_intact_corpus_is_left_untouched(corpus: DemoCorpus) -> None:
    files = [path for path in corpus.repo.parent.rglob("*") if path.is_file()]
    before = {path: path.stat().st_mtime_ns for path in files}
    assert build_corpus(corpus.repo.parent) == corpus
    assert {path: path.stat().st_mtime_ns for path in files} == before


@pytest.mark.parametrize("damage", ["branch", "objects", "gone", "issues"])
def test_a_damaged_corpus_is_mended(corpus: DemoCorpus, tmp_path: Path, damage: str) -> None:
    built = build_corpus(tmp_path)
    if damage == "branch":
        git(built.repo, "branch", "-D", "-q", "issue-dep-101")
    elif damage == "objects":
        pack = next((built.repo / ".git/objects/pack").glob("*.pack"))
        pack.chmod(0o644)
        pack.write_bytes(pack.read_bytes()[:-100])
    elif damage == "gone":
        shutil.rmtree(built.repo)
    else:
        built.issues_file.write_text("{}\n")
    again = build_corpus(tmp_path)
    assert again.commits == corpus.commits
    assert git(again.repo, "cat-file", "-t", again.commits["issue-dep-101"]).strip() == "commit"
    assert len(again.issues_file.read_text().splitlines()) == len(backlog())


def test_somebody_elses_repository_is_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "repo").mkdir()
    (tmp_path / "repo/work.txt").write_text("mine")
    with pytest.raises(DemoError, match="move it away"):
        build_corpus(tmp_path)
    assert (tmp_path / "repo/work.txt").read_text() == "mine"


def test_missing_git_is_said_in_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(DemoError, match="install git"):
        build_corpus(tmp_path / "corpus")
    assert not (tmp_path / "corpus/repo").exists()


def test_the_release_passes_and_a_broken_commit_fails(corpus: DemoCorpus, tmp_path: Path) -> None:
    released = check_out(corpus, "main", tmp_path / "main")
    assert run_gate(released).returncode == 0
    assert git(released, "status", "--porcelain") == ""
    broken = check_out(corpus, "issue-dep-101", tmp_path / "dep-101")
    failed = run_gate(broken, "tests/test_money.py", "tests/test_pricing.py")
    lines = [line for line in failed.stdout.splitlines() if line.startswith("FAILED")]
    assert failed.returncode == 1
    assert lines
    assert all("tests/test_money.py::test_allocate" in line for line in lines)


@pytest.mark.slow
def test_every_issues_gate_fails_at_its_commit_and_no_other_does(corpus: DemoCorpus, tmp_path: Path) -> None:
    def failing(issue: DemoIssue) -> tuple[str, int, set[str]]:
        checkout = check_out(corpus, issue.branch, tmp_path / issue.id)
        tests = {str(issue.gate)}
        if issue.context_files == ("depot/routing.py",):
            tests = {"tests/test_routing.py", "tests/test_tours.py"}
        done = run_gate(checkout, *sorted(tests))
        failed = [line.split()[1] for line in done.stdout.splitlines() if line.startswith("FAILED")]
        return issue.id, done.returncode, {name.partition("::")[0] for name in failed}

    with ThreadPoolExecutor(2) as pool:
        shown = list(pool.map(failing, BENCHED))
    assert shown == [(issue.id, 1, {issue.gate}) for issue in BENCHED]
