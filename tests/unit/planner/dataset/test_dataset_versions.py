"""A policy epoch has a version of its own, and `latest` is always a whole one: the newest."""

import shutil
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from planner.cli.main import main
from planner.dataset.build import BuildOptions
from planner.dataset.read import read_dataset
from planner.dataset.versions import Version, build_version
from planner.errors import PlannerError
from tests.fixtures.archive_files import HOUR_MS, archive, write_archive, write_archives
from tests.fixtures.planner_examples import NOW_MS

DAY_MS = 24 * HOUR_MS


@pytest.fixture
def archives(tmp_path: Path) -> Path:
    return write_archives(tmp_path / "archives", 3)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "datasets"


def make(home: Path, archives: Path, **options: Any) -> Version:
    given = BuildOptions(archives=[archives], **options)
    return build_version(home, given)[0]


def latest(home: Path) -> tuple[str, int]:
    return (home / "latest").readlink().name, read_dataset(home / "latest").meta.example_count


def written(file: Path) -> tuple[int, int]:
    """Which file it is and when it was written; reading it may change when it was read."""
    file_status = file.stat()
    return file_status.st_ino, file_status.st_mtime_ns


def test_one_epoch_is_one_version_however_much_comes_to_it(home: Path, archives: Path) -> None:
    first = make(home, archives)
    day = datetime.fromtimestamp(NOW_MS / 1000, UTC)
    assert first == Version(home / f"planner_dataset_v1_{day:%Y%m%d}", "new")
    assert latest(home) == (first.directory.name, 3)
    before = written(first.directory / "dataset.jsonl")
    assert make(home, archives) == Version(first.directory, "unchanged")
    assert written(first.directory / "dataset.jsonl") == before
    write_archive(archives, archive(40))
    assert make(home, archives) == Version(first.directory, "replaced")
    assert latest(home) == (first.directory.name, 4)
    # An earlier day is known of the epoch now; its version is still that one.
    write_archive(archives, archive(41, started_ms=NOW_MS - 5 * DAY_MS))
    assert make(home, archives) == Version(first.directory, "replaced")
    assert sorted(path.name for path in home.iterdir()) == ["latest", first.directory.name]


def test_a_new_epoch_begins_a_version_and_leaves_the_others_as_they_are(home: Path, archives: Path) -> None:
    first = make(home, archives).directory
    kept = (first / "dataset.jsonl").read_bytes()
    for days, kernel in ((1, "kernel-2"), (1, "kernel-3"), (1, "kernel-4")):
        started = NOW_MS + days * DAY_MS + int(kernel[-1]) * HOUR_MS // 10
        number = int(kernel[-1]) * 10
        write_archive(archives, archive(number, epoch=kernel, started_ms=started))
        version = make(home, archives)
        assert version.became == "new"
        assert latest(home) == (version.directory.name, 1)
    names = [path.name for path in sorted(home.iterdir()) if path.name != "latest"]
    assert len({name[:27] for name in names}) == 2
    assert [name[27:] for name in names] == ["", "", "_2", "_3"]
    assert (first / "dataset.jsonl").read_bytes() == kept
    # The rules of the first epoch are in force again.
    write_archive(archives, archive(90, started_ms=NOW_MS + 9 * DAY_MS))
    assert make(home, archives) == Version(first, "replaced")
    assert latest(home) == (first.name, 4)


def test_the_newest_decision_names_the_epoch_whatever_benches_and_errors_came_later(
    home: Path, archives: Path
) -> None:
    write_archive(archives, archive(50, epoch="bench-1", policy_id="bench:coverage"))
    write_archive(archives, archive(51, epoch="kernel-9", status="error"))
    make(home, archives)
    assert latest(home)[1] == 3


def test_a_damaged_version_is_made_again(home: Path, archives: Path) -> None:
    version = make(home, archives).directory
    (version / "dataset.jsonl").write_text("{}\n")
    assert make(home, archives) == Version(version, "replaced")
    read_dataset(home / "latest")
    (version / "meta.json").unlink()
    other = make(home, archives)
    assert other == Version(version.with_name(f"{version.name}_2"), "new")


def test_what_a_version_cannot_be_is_refused_before_anything_is_written(home: Path, archives: Path) -> None:
    for options in ({"mix_epochs": True}, {"epoch": "ab"}):
        with pytest.raises(PlannerError, match="newest policy epoch alone"):
            make(home, archives, **options)
    assert not home.exists()
    (home / "latest").mkdir(parents=True)
    with pytest.raises(PlannerError, match="is not a link"):
        make(home, archives)
    shutil.rmtree(archives)
    (home / "latest").rmdir()
    with pytest.raises(PlannerError, match="cannot read archives"):
        make(home, archives)
    assert list(home.iterdir()) == []


def test_the_command_says_which_version_it_is(
    home: Path, archives: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = ["build-dataset", "--archives", str(archives), "--versions", str(home)]
    assert main(asked) == 0
    name, count = latest(home)
    output = capsys.readouterr().err
    assert f"{count} examples in {home / name}" in output
    assert f"version {name} is new; {home}/latest links to it" in output
    assert main([*asked, "--out", str(home / "other")]) == 2
    assert main(asked[:3]) == 2
    assert capsys.readouterr().err.count("name either --out or --versions") == 2
    assert main([*asked[:3], "--out", str(home / "latest")]) == 2
    assert "latest is not a directory of its own" in capsys.readouterr().err
