"""From a winner to its patch, logs and gates, on a real farm: by name, in every form, with and without its archives."""

import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fixtures.small_farm import SmallFarm, bench_in, small_farm

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def farm() -> Iterator[SmallFarm]:
    with small_farm() as running:
        config = running.directory / "bench.yaml"
        # Also on a busy machine the issue is solved within its budget.
        config.write_text(config.read_text().replace("seconds_per_minute: 0.15", "seconds_per_minute: 4"))
        running.bench("submit", "--issues", "dep-102", "--k", "1", "--wait")
        yield running


@pytest.fixture(scope="module")
def run(farm: SmallFarm) -> str:
    """The winner's execution, as the winners name it."""
    (winner,) = json.loads(farm.bench("winners", "-o", "json"))
    assert winner["execution_id"] in winner["arms"][0]["execution_ids"]
    table = farm.bench("winners")
    assert f" x{winner['execution_id']} " in table
    assert f"bench show x{winner['execution_id']}, bench diff dep-102" in table
    return f"x{winner['execution_id']}"


def test_the_issue_the_execution_the_arm_and_the_case_lead_to_it(farm: SmallFarm, run: str) -> None:
    text = farm.bench("show", "dep-102")
    assert text == farm.bench("show", run)
    document = json.loads(farm.bench("show", run, "-o", "json"))
    workcell = document["shown_workcell"]
    for words in (
        f"{run}  dep-102",
        "passed in ",
        workcell,
        "Gates of",
        "+++ b/depot/",
    ):
        assert words in text
    (arms,) = json.loads(farm.bench("show", "case", "dep-102", "-o", "json"))["arms"]
    assert f"x{arms['executions'][0]['execution_id']}" == run
    assert run in farm.bench("show", f"a{arms['arm_id']}")
    for words in (("show", workcell), ("show", run, "--gate", "test"), ("show", run, "--conversation")):
        assert workcell in farm.bench(*words)
    refused = bench_in(farm.directory, "show", run, "--gate", "tset")
    assert (refused.returncode, refused.stdout) == (2, "")
    assert refused.stderr.endswith("has no output of a gate 'tset'; there is: test\n")


def test_reports_of_tests_are_printed_where_they_are_named(farm: SmallFarm, run: str) -> None:
    logs = bench_in(farm.directory, "logs", run)
    report = "gate-1-test.junit.xml"
    assert "<testsuite" not in logs.stdout
    assert f"left out: {report}; to print one: bench logs {run} --file {report}" in logs.stderr
    document = json.loads(farm.bench("show", run, "-o", "json"))
    (text,) = [each["text"] for each in document["artifacts"] if each["name"] == f"logs/{report}"]
    for words in (("logs", run, "--file", report), ("show", run, "--gate", "test.junit.xml")):
        assert text in farm.bench(*words), "as it is stored, its long lines too"
    assert "bench show " not in bench_in(farm.directory, "show", run, "--follow").stderr
    assert "–" in farm.bench("show", run).split("Rounds")[1].split("Gates of")[0], "no model was asked"


def test_json_has_every_text_whole(farm: SmallFarm, run: str) -> None:
    document = json.loads(farm.bench("show", run, "-o", "json"))
    archive = farm.root / "archives" / document["shown_workcell"]
    texts = {each["name"]: each["text"] for each in document["artifacts"]}
    assert document["patch"] == (archive / "patch.diff").read_text()
    assert texts["logs/gate-1-test.log"] == (archive / "logs" / "gate-1-test.log").read_text()
    assert json.loads(texts["conversation.json.gz"])["steps"]
    (log, *_) = json.loads(farm.bench("logs", run, "-o", "json"))
    assert log["text"] == texts["logs/round-1.stdout"]


def test_the_patch_in_a_pipe_is_what_git_applies(farm: SmallFarm, run: str, tmp_path: Path) -> None:
    patch = farm.bench("diff", "dep-102")
    document = json.loads(farm.bench("show", run, "-o", "json"))
    subprocess.run(["git", "clone", "-q", document["repo"], tmp_path / "repo"], check=True)
    git = ["git", "-C", str(tmp_path / "repo")]
    subprocess.run([*git, "checkout", "-q", document["base"]], check=True)
    subprocess.run([*git, "apply", "-"], input=patch, text=True, check=True)
    changed = subprocess.run([*git, "diff", "--name-only"], capture_output=True, text=True, check=True).stdout
    assert changed.split() == [
        row["path"] for row in json.loads(farm.bench("diff", run, "-o", "json"))["files"]
    ]
    assert farm.bench("diff", run, "--against", run) == "", "nothing differs from itself"


def test_files_that_are_not_stored_are_read_from_the_archive_and_stored_ones_need_none(
    farm: SmallFarm, run: str, tmp_path: Path
) -> None:
    shown = farm.bench("show", run, "-o", "json")
    logs = farm.bench("logs", run)
    archives = farm.root / "archives"
    moved = tmp_path / "archives"
    shutil.move(archives, moved)
    try:
        assert farm.bench("show", run, "-o", "json") == shown
        assert farm.bench("logs", run) == logs
        assert farm.bench("logs", run, BENCH_ARCHIVES_DIR=str(moved)) == logs
    finally:
        shutil.move(moved, archives)


def test_following_an_execution_that_ended_prints_its_logs(farm: SmallFarm, run: str) -> None:
    followed = bench_in(farm.directory, "logs", "-f", run)
    assert followed.returncode == 0
    assert f"\n{run} passed in " in f"\n{followed.stderr}"
    assert f"its arm is the winner; all of it: bench show {run}" in followed.stderr
    first = farm.bench("logs", run).splitlines()[1]
    assert first in followed.stdout
