"""`bench apply` and `bench pr` in a person's check-out: where a patch goes, and what is refused before any change."""

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy as sa

from bench.cli.main import main
from db.repositories.plans import Plans
from tests.fixtures.landing_world import commit_file, git
from tests.fixtures.rows import CODE, new_arm, new_bench, new_case, row
from tests.fixtures.solved_cases import patch_between, solve

Told = pytest.CaptureFixture[str]
Bench = Callable[..., tuple[int, str]]


@pytest.fixture
def bench(
    engine: sa.Engine, database_url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: Told
) -> Bench:
    """Runs a command against this test's database; returns exit code and text."""
    monkeypatch.setenv("BENCH_DATABASE_URL", database_url)
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", "/dev/null")
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str) -> tuple[int, str]:
        capsys.readouterr()
        code = main([*arguments])
        said = capsys.readouterr()
        return code, said.out + said.err

    return run


@pytest.fixture
def ann(repo: Path) -> Path:
    """A check-out of `main` by Ann."""
    git(repo, "switch", "-q", "main")
    git(repo, "config", "user.name", "Ann")
    git(repo, "config", "user.email", "ann@example.org")
    return repo


@pytest.fixture
def solved(engine: sa.Engine, ann: Path) -> str:
    """Issue `a`, solved on `main` by a patch that changes one file and makes another; its execution."""
    patch = patch_between(ann, {"readme.txt": "a better shop\n", "new.txt": "new\n"})
    return f"x{solve(engine, str(ann), git(ann, 'rev-parse', 'main'), 'a', patch)}"


def test_a_patch_is_applied_to_the_files_and_the_index_stays(bench: Bench, ann: Path, solved: str) -> None:
    assert bench("apply", "a", "-C", "shop") == (
        0,
        f"{solved} of a: applied to {ann}; nothing is committed\n",
    )
    assert (ann / "readme.txt").read_text() == "a better shop\n"
    assert git(ann, "diff", "--cached", "--name-only") == ""


def test_a_commit_a_branch_and_a_work_tree_are_the_same_commit(bench: Bench, ann: Path, solved: str) -> None:
    base = git(ann, "rev-parse", "main")
    (ann / "readme.txt").write_text("unfinished work\n")
    assert bench("apply", "a", "-C", "shop", "--branch", "mine")[0] == 0
    assert bench("apply", "a", "-C", "shop", "--worktree", "tree")[0] == 0
    assert (ann / "readme.txt").read_text() == "unfinished work\n"
    assert (Path("tree") / "new.txt").read_text() == "new\n"
    git(ann, "checkout", "-q", "readme.txt")
    assert bench("apply", "a", "-C", "shop", "--commit", "--execution", solved)[0] == 0
    assert git(ann, "rev-parse", "mine") == git(ann, "rev-parse", "bench/a") == git(ann, "rev-parse", "main")
    assert git(ann, "rev-parse", "main^") == base
    assert git(ann, "status", "--porcelain") == ""
    assert git(ann, "show", "-s", "--format=%an %ae").startswith("Ann ann@example.org")


def test_what_is_not_as_it_was_benched_is_refused_before_any_change(
    bench: Bench, ann: Path, solved: str, tmp_path: Path
) -> None:
    (ann / "shared.txt").write_text("unfinished work\n")
    code, text = bench("apply", "a", "-C", "shop")
    assert (code, "uncommitted changes in shared.txt" in text) == (2, True)
    git(ann, "checkout", "-q", "shared.txt")
    (ann / "new.txt").write_text("not tracked\n")
    code, text = bench("apply", "a", "-C", "shop")
    assert (code, "nothing was changed" in text) == (1, True)
    assert (ann / "readme.txt").read_text() == "a shop\n"
    (ann / "new.txt").unlink()
    git(ann, "switch", "-qc", "later")
    git(ann, "switch", "-q", "--detach")
    commit_file(ann, "later", "later.txt", "later\n")
    git(ann, "switch", "-q", "later")
    code, text = bench("apply", "a", "-C", "shop")
    assert code == 2
    assert "but 1 commit ahead of it: use --3way" in text
    other = tmp_path / "other"
    other.mkdir()
    git(other, "init", "-q")
    code, text = bench("apply", "a", "-C", "other")
    assert (code, "this is not the benched repository" in text) == (2, True)
    assert bench("apply", "a", "-C", "shop", "--arm", "none")[0] == 2
    assert bench("apply", "a", "-C", "shop", "--execution", "x99")[0] == 2
    assert bench("apply", "b", "-C", "shop")[0] == 2
    assert git(ann, "status", "--porcelain") == ""


def test_a_three_way_merge_fits_or_leaves_markers_and_exit_code_1(
    bench: Bench, ann: Path, solved: str
) -> None:
    git(ann, "switch", "-q", "--detach")
    git(ann, "branch", "fits", "main")
    git(ann, "branch", "clashes", "main")
    commit_file(ann, "fits", "later.txt", "later\n")
    commit_file(ann, "clashes", "readme.txt", "another shop\n")
    git(ann, "switch", "-q", "fits")
    assert bench("apply", "a", "-C", "shop", "--3way", "--commit")[0] == 0
    assert git(ann, "show", "-s", "--format=%s%n%P").splitlines()[1] != git(ann, "rev-parse", "main")
    assert {"later.txt", "new.txt"} <= {path.name for path in ann.iterdir()}
    git(ann, "switch", "-q", "clashes")
    for more in ([], ["--commit"]):
        code, text = bench("apply", "a", "-C", "shop", "--3way", *more)
        assert (code, "conflict markers are in these files" in text) == (1, True)
        assert "<<<<<<<" in (ann / "readme.txt").read_text()
        git(ann, "reset", "-q", "--hard")
        (ann / "new.txt").unlink(missing_ok=True)


def test_an_execution_names_its_patch_and_other_names_are_refused_with_what_there_is(
    bench: Bench, ann: Path, solved: str
) -> None:
    assert bench("apply", solved, "-C", "shop")[0] == 0
    assert (ann / "new.txt").read_text() == "new\n"
    refusals = {
        ("b",): "there is no issue 'b'; the nearest issues are a",
        ("x99",): f"there is no execution x99; the newest is {solved}",
        (f"{solved}-a1-c0",): f"is one candidate of {solved}",
        (solved, "--arm", "none"): "is no issue; leave out --arm and --execution",
        ("a", "-C", "nowhere"): "nowhere is no directory; name a check-out with -C DIR",
    }
    for words, refusal in refusals.items():
        code, text = bench("apply", *words)
        assert (code, refusal in text) == (2, True), text


def test_outside_of_a_check_out_the_patch_goes_to_the_benched_repository_which_is_named(
    bench: Bench, ann: Path, solved: str, tmp_path: Path
) -> None:
    code, text = bench("apply", "a", "--branch", "fix/a")
    assert (code, f"the check-out is {ann}, the benched repository" in text) == (0, True), text
    assert git(ann, "show", "fix/a:readme.txt") == "a better shop"
    other = tmp_path / "other"
    other.mkdir()
    code, text = bench("apply", "a", "--branch", "fix/a", "-C", "other")
    assert (code, "is in no check-out of a git repository; name one with -C DIR" in text) == (2, True)


def test_a_head_with_the_patch_is_left_as_it_is(bench: Bench, ann: Path, solved: str) -> None:
    assert bench("apply", "a", "-C", "shop", "--commit")[0] == 0
    head = git(ann, "rev-parse", "HEAD")
    for more in ([], ["--3way"], ["--3way", "--commit"]):
        code, text = bench("apply", "a", "-C", "shop", *more)
        assert (code, "has this patch already; nothing was changed" in text) == (0, True), text
    assert git(ann, "rev-parse", "HEAD") == head
    assert git(ann, "status", "--porcelain") == ""


def test_the_winner_of_an_older_bench_is_named(
    bench: Bench, engine: sa.Engine, ann: Path, solved: str
) -> None:
    newest = new_bench([new_case([new_arm(CODE[0])], issue_id="a")])
    Plans(engine).write(newest)
    older = row(engine, "SELECT bench_id FROM farm.executions WHERE execution_id = :x", x=int(solved[1:]))
    line = f"the newest bench of a, {newest.bench_id}, has no winner; {solved} is of {older['bench_id']}"
    for words in (("diff", "a"), ("apply", "a", "-C", "shop")):
        code, text = bench(*words)
        assert (code, line in text) == (0, True), text


def test_without_an_author_no_commit_is_made(bench: Bench, ann: Path, solved: str) -> None:
    git(ann, "config", "--unset", "user.email")
    code, text = bench("apply", "a", "-C", "shop", "--branch", "mine")
    assert (code, "set stream.land_author" in text) == (2, True)
    assert git(ann, "branch", "--list", "mine") == ""
    Path("bench.yaml").write_text('stream: {land_author: "Farm <farm@example.org>"}\n')
    assert bench("apply", "a", "-C", "shop", "--branch", "mine")[0] == 0
    assert git(ann, "show", "-s", "--format=%an", "mine") == "Farm"


@pytest.fixture(params=["gh", "glab"])
def program(request: pytest.FixtureRequest) -> str:
    """The program that opens requests."""
    return str(request.param)


def test_a_pull_request_is_opened_once_by_the_program_of_its_host(
    bench: Bench,
    ann: Path,
    hub: Path,
    solved: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    program: str,
) -> None:
    host = "example.org" if program == "gh" else "gitlab.example.org"
    wrapper = tmp_path / "ssh"
    wrapper.write_text(f'#!/bin/sh\nPATH={os.environ["PATH"]}\nshift $(($# - 1))\nexec sh -c "$1"\n')
    wrapper.chmod(0o755)
    monkeypatch.setenv("GIT_SSH_COMMAND", str(wrapper))
    assert "has no remote origin" in bench("pr", "a", "-C", "shop")[1]
    git(ann, "remote", "add", "origin", f"ssh://git@{host}:2222{hub}")
    without = tmp_path / "without"
    without.mkdir()
    (without / "git").symlink_to(str(shutil.which("git")))
    monkeypatch.setenv("PATH", str(without))
    code, text = bench("pr", "a", "-C", "shop", "--draft")
    assert code == 0
    verb = "pr create" if program == "gh" else "mr create"
    assert f"{program} {verb} --repo https://{host}{hub}" in text
    assert "--draft --fill" in text
    stand_ins = Path(__file__).parents[2] / "stand_ins"
    (without / program).symlink_to(stand_ins / program)
    (without / "env").symlink_to("/usr/bin/env")
    (without / "python3").symlink_to(os.path.realpath("/proc/self/exe"))
    calls = tmp_path / "calls"
    monkeypatch.setenv("STAND_IN_FORGE", str(calls))
    for _ in range(2):
        code, text = bench("pr", "a", "-C", "shop")
        assert (code, "https://forge.example.org/shop/" in text, "/7\n" in text) == (0, True, True), text
    made = [call for call in map(json.loads, calls.read_text().splitlines()) if "create" in call]
    assert len(made) == 1
    assert made[0][made[0].index("--title") + 1] == "a: mend a"
    assert git(hub, "rev-parse", "bench/a^") == git(ann, "rev-parse", "main")
    assert git(ann, "status", "--porcelain") == ""
    monkeypatch.setenv("STAND_IN_FORGE_FAILS", "1")
    code, text = bench("pr", "a", "-C", "shop")
    assert (code, "HTTP 422" in text) == (2, True)


def test_a_patch_that_was_stored_redacted_is_printed_with_a_note_and_never_applied(
    bench: Bench, engine: sa.Engine, ann: Path
) -> None:
    patch = patch_between(ann, {"readme.txt": "[secret]\n"})
    execution = solve(engine, str(ann), git(ann, "rev-parse", "main"), "a", patch, redacted=True)
    git(ann, "remote", "add", "origin", str(ann))
    for words in (("apply", "a"), ("apply", "a", "--branch", "b"), ("pr", "a")):
        code, text = bench(*words, "-C", "shop")
        assert (code, "was stored redacted" in text, len(text.splitlines())) == (1, True, 1), text
    assert git(ann, "status", "--porcelain") + git(ann, "branch", "--list", "b", "bench/*") == ""
    for command in ("diff", "show"):
        code, text = bench(command, f"x{execution}")
        assert (code, "+[secret]" in text) == (0, True)
        assert "and no command lands it" in " ".join(text.split()), text
