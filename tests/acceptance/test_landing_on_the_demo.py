"""On the embedded farm the repairer solves a blocker; its dependent starts from a base with the fix, and both land."""

import json
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from bench.demo.corpus import build_corpus
from tests.fixtures.landing_world import git
from tests.fixtures.small_farm import bench_in

_BLOCKER, _DEPENDENT = "dep-101", "dep-120"


@pytest.fixture
def demo() -> Iterator[Path]:
    """A demo with two issues, the second waiting for the first, and a stream that merges into branch `next`."""
    directory = Path(tempfile.mkdtemp(prefix="bf-"))
    corpus = build_corpus(directory)
    rows = [json.loads(line) for line in corpus.issues_file.read_text().splitlines()]
    chosen = {each["id"]: {**each, "dk_risk": "low"} for each in rows if each["id"] in (_BLOCKER, _DEPENDENT)}
    chosen[_DEPENDENT]["dependencies"] = [{"depends_on_id": _BLOCKER, "type": "blocks"}]
    two = directory / "two.jsonl"
    two.write_text("".join(json.dumps(each) + "\n" for each in chosen.values()))
    config = yaml.safe_load(corpus.config_file.read_text())
    config["issue_selection"] = {"source": str(two), "slice": "all"}
    config["workcell"]["seconds_per_minute"] = 5
    config["stream"] = {"land": "merge", "land_target": "next", "land_author": "Bench <b@example.org>"}
    corpus.config_file.write_text(yaml.safe_dump(config))
    git(corpus.repo, "branch", "next", "main")
    yield directory
    bench_in(directory, "down")
    shutil.rmtree(directory)


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_dependent_of_a_solved_blocker_starts_with_its_fix_and_both_are_merged(demo: Path) -> None:
    done = bench_in(demo, "run", "--once")
    assert done.returncode == 0, done.stderr
    repo = demo / "repo"
    for issue_id in (_BLOCKER, _DEPENDENT):
        assert f"{issue_id}: landed in next" in done.stderr, done.stderr
        git(repo, "merge-base", "--is-ancestor", f"bench/{issue_id}", "next")
    git(repo, "merge-base", "--is-ancestor", f"bench/{_BLOCKER}", f"bench/{_DEPENDENT}^")
    git(repo, "merge-base", "--is-ancestor", f"issue-{_DEPENDENT}", f"bench/{_DEPENDENT}^")
    assert git(repo, "status", "--porcelain") == ""
