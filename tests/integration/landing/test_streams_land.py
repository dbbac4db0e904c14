"""A stream's solved issues land in the source repository, and dependents start from bases that contain them."""

from pathlib import Path

import pytest

from tests.fixtures.landing_world import World, commit_file, git, issue

pytestmark = pytest.mark.slow


def test_a_dependent_starts_from_a_base_with_the_fix_and_both_are_branches(world: World, repo: Path) -> None:
    main = git(repo, "rev-parse", "main")
    world.add(issue("a", "a.txt"), issue("b", "b.txt", needs=("a.txt",), waits=("a",)))
    text = world.run(world.config(land="branch"))
    assert world.states() == {"a": "landed", "b": "landed"}, (text, world.story())
    assert git(repo, "rev-parse", "bench/b^") == git(repo, "rev-parse", "bench/a")
    assert git(repo, "rev-parse", "bench/a^") == main == git(repo, "rev-parse", "main")
    assert git(repo, "ls-tree", "--name-only", "bench/b").split() == [
        "a.txt",
        "b.txt",
        "readme.txt",
        "shared.txt",
    ]
    message = git(repo, "show", "-s", "--format=%an <%ae>%n%B", "bench/a")
    assert message.startswith("Bench <bench@example.org>\na: write a.txt as a\n")
    assert "Bench-Issue: a\n" in message
    assert git(repo, "status", "--porcelain") == ""


def test_without_landing_a_dependent_starts_as_configured_which_is_noted_once(world: World) -> None:
    world.add(issue("a", "a.txt"), issue("b", "b.txt", waits=("a",)), issue("c", "c.txt", waits=("a",)))
    text = world.run(world.config(land="none"))
    assert text.count("without the fix of a: stream.land is none") == 1, text
    assert world.states() == {}
    assert world.solved()[0] == "a"


def test_a_merge_is_checked_by_a_worker_before_the_target_moves(world: World, repo: Path) -> None:
    world.add(issue("a", "a.txt"), issue("b", "b.txt", needs=("a.txt",), waits=("a",)), issue("c", "c.txt"))
    text = world.run(world.config(land="merge"))
    assert world.states() == {"a": "landed", "b": "landed", "c": "landed"}, (text, world.story())
    assert {"a.txt", "b.txt", "c.txt"} <= set(git(repo, "ls-tree", "--name-only", "main").split())
    checks = world.farm.rows("""
        SELECT e.arm_id, e.state, o.status, e.machine_id, k.commit_id FROM farm.checks k
        JOIN farm.executions e USING (execution_id) JOIN farm.outcomes o USING (execution_id)""")
    assert [each[:4] for each in checks] == [(None, "done", "success", "w1")] * 3, (
        "one target, one check at a time"
    )
    for *_, commit in checks:
        git(repo, "merge-base", "--is-ancestor", commit, "main")
    cases = world.farm.rows("SELECT DISTINCT state FROM farm.cases")
    assert cases == [("finished",)], "a check changes no case"


def test_a_conflict_waits_for_a_person_with_both_diffs_and_continues_after_the_merge(
    world: World, repo: Path
) -> None:
    world.add(issue("a", "a.txt"), issue("b", "b.txt", waits=("a",)))
    config = world.config(base=git(repo, "rev-parse", "main"), land="merge", land_target="main")
    commit_file(repo, "main", "a.txt", "a person's own\n")
    text = world.run(config)
    assert world.states() == {"a": "held"}, (text, world.story())
    report = next((world.directory / "home" / "landing" / "conflicts").glob("a.md")).read_text()
    assert "+a person's own" in report
    assert "+a\n" in report
    assert "git merge bench/a" in report
    tree = world.directory / "by-hand"
    git(repo, "worktree", "add", "-q", str(tree), "main")
    git(tree, "merge", "-q", "-X", "ours", "bench/a")
    git(repo, "worktree", "remove", "--force", str(tree))
    text = world.run(config)
    assert world.states() == {"a": "landed", "b": "landed"}, (text, world.story())


def test_gates_that_fail_on_the_merge_result_hold_it(world: World, repo: Path) -> None:
    base = git(repo, "rev-parse", "main")
    tree = world.directory / "without"
    git(repo, "worktree", "add", "-q", str(tree), "main")
    git(tree, "rm", "-q", "readme.txt")
    git(tree, "commit", "-qm", "a person removes what the gate wants")
    git(repo, "worktree", "remove", "--force", str(tree))
    main = git(repo, "rev-parse", "main")
    config = world.config(base=base, land="merge", land_target="main")
    world.add(issue("a", "a.txt", needs=("readme.txt",)))
    text = world.run(config)
    assert world.states() == {"a": "held"}
    assert "the gates fail on the merge result" in text
    assert git(repo, "rev-parse", "main") == main
    world.run(config)
    assert world.farm.scalar("SELECT count(*) FROM farm.checks") == 1, "the same merge is not checked again"


def test_blockers_that_conflict_wait_for_a_person_who_makes_the_base(world: World, repo: Path) -> None:
    world.add(issue("a", "new.txt"), issue("b", "new.txt"), issue("c", "c.txt", waits=("a", "b")))
    config = world.config(land="branch")
    text = world.run(config)
    assert world.states() == {"a": "landed", "b": "landed"}, (text, world.story())
    assert "c: held, waits for a person: the commits it builds on conflict in new.txt" in text
    queue = world.farm.command("queue", "--config", str(config), "--json")
    assert queue.process.wait(60) == 0
    assert "the commits it builds on conflict" in queue.log.read_text()
    tree = world.directory / "by-hand"
    git(repo, "worktree", "add", "-q", "--detach", str(tree), "bench/a")
    git(tree, "merge", "-q", "-X", "ours", "bench/b")
    git(repo, "update-ref", "refs/bench/bases/c", git(tree, "rev-parse", "HEAD"))
    text = world.run(config)
    assert world.states() == {"a": "landed", "b": "landed", "c": "landed"}, (text, world.story())
    assert git(repo, "rev-parse", "bench/c^") == git(repo, "rev-parse", "refs/bench/bases/c")


def test_a_run_with_land_none_leaves_what_earlier_streams_queued(world: World, repo: Path) -> None:
    world.add(issue("a", "a.txt"))
    base = git(repo, "rev-parse", "main")
    commit_file(repo, "main", "a.txt", "a person's own\n")
    world.run(world.config(base=base, land="merge", land_target="main"))
    assert world.states() == {"a": "held"}
    git(repo, "branch", "-f", "main", "bench/a")  # as a person may: the next run that lands sees it
    text = world.run(world.config(base=base, land="none"))
    assert "1 solved issues of earlier streams stay unlanded" in text
    assert world.states() == {"a": "held"}
