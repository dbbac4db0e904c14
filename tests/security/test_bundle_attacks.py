"""Files that others made are regular files of a bounded size, or refused in one line without waiting for them."""

import os
import shutil
import socket
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from bench.cli.main import main as bench
from planner.bundles.bundle import METADATA, REQUIRED, open_bundle
from planner.cli.main import main as planner
from planner.system.regular_files import open_regular, read_regular
from tests.unit.planner.bundles.resign import rewrite

Said = pytest.CaptureFixture[str]
Plant = Callable[[Path], None]


def _fifo(place: Path) -> None:
    os.mkfifo(place)


def _zero(place: Path) -> None:
    """What a device would be; a device of one's own takes root."""
    place.symlink_to("/dev/zero")


def _socket(place: Path) -> None:
    here = Path.cwd()
    os.chdir(place.parent)  # a socket's path is short
    try:
        with socket.socket(socket.AF_UNIX) as bound:
            bound.bind(place.name)
    finally:
        os.chdir(here)


def _link_out(place: Path) -> None:
    elsewhere = place.parent.parent / f"outside-{place.name}"
    elsewhere.write_text("{}")
    place.symlink_to(elsewhere)


def _huge(place: Path) -> None:
    with place.open("wb") as file:
        file.truncate(2**42)  # sparse: it takes no room


def _directory(place: Path) -> None:
    place.mkdir()


PLANTS = [_fifo, _zero, _socket, _huge, _directory]


def _refused(
    capsys: Said, main: Callable[[list[str]], int], *arguments: object, codes: tuple[int, ...] = (2,)
) -> str:
    """The one line of a refusal, which comes at once: nothing waits for a writer that never comes."""
    capsys.readouterr()
    ended: list[int] = []
    thread = threading.Thread(target=lambda: ended.append(main([str(a) for a in arguments])), daemon=True)
    thread.start()
    thread.join(60)
    assert ended, f"{arguments} waits"
    said = capsys.readouterr()
    assert ended[0] in codes, said
    assert said.err.count("\n") == 1, said.err
    return said.err


@pytest.mark.parametrize("plant", [*PLANTS, _link_out])
@pytest.mark.parametrize("name", [METADATA, *REQUIRED])
def test_a_bundle_of_something_else_than_files_is_refused(
    plant: Plant, name: str, small_bundle: Path, tmp_path: Path, capsys: Said
) -> None:
    bundle = tmp_path / "bundle"
    shutil.copytree(small_bundle, bundle)
    (bundle / name).unlink()
    plant(bundle / name)
    assert name in _refused(capsys, planner, "verify", bundle)


def test_a_link_to_the_very_file_is_refused_too(small_bundle: Path, tmp_path: Path, capsys: Said) -> None:
    bundle = tmp_path / "bundle"
    shutil.copytree(small_bundle, bundle)
    (bundle / "config.json").rename(tmp_path / "config.json")
    (bundle / "config.json").symlink_to(tmp_path / "config.json")
    assert "a link and no regular file" in _refused(capsys, planner, "verify", bundle)


def test_a_bundle_behind_a_link_is_opened(small_bundle: Path, tmp_path: Path) -> None:
    (tmp_path / "latest").symlink_to(small_bundle)
    assert open_bundle(tmp_path / "latest").kind == "mlp"


def test_a_bundle_that_lists_a_file_outside_is_refused(
    small_bundle: Path, tmp_path: Path, capsys: Said
) -> None:
    bundle = tmp_path / "bundle"
    shutil.copytree(small_bundle, bundle)

    def add(metadata: dict[str, object]) -> None:
        files = metadata["files"]
        assert isinstance(files, dict)
        files["../outside"] = "0" * 64

    rewrite(bundle, METADATA, add)
    assert "`files` must name" in _refused(capsys, planner, "verify", bundle)


@pytest.mark.parametrize("plant", PLANTS)
def test_a_dataset_of_something_else_than_files_is_refused(
    plant: Plant, tmp_path: Path, capsys: Said
) -> None:
    data = tmp_path / "data"
    data.mkdir()
    plant(data / "meta.json")
    assert "meta.json" in _refused(capsys, planner, "stats", data)


@pytest.mark.parametrize("plant", [_fifo, _zero, _socket, _directory])
def test_examples_that_are_no_file_are_refused(plant: Plant, tmp_path: Path, capsys: Said) -> None:
    assert planner(["world", "--out", str(tmp_path / "data"), "--issues", "40", "--arms", "2"]) == 0
    (tmp_path / "data" / "dataset.jsonl").unlink()
    plant(tmp_path / "data" / "dataset.jsonl")
    assert "dataset.jsonl" in _refused(capsys, planner, "stats", tmp_path / "data")


@pytest.mark.parametrize("plant", PLANTS)
@pytest.mark.parametrize("name", ["config.json", "report.json"])
def test_a_model_of_something_else_than_files_is_refused(
    plant: Plant, name: str, tmp_path: Path, capsys: Said
) -> None:
    model = tmp_path / "model"
    model.mkdir()
    for each in ("config.json", "report.json"):
        (model / each).write_text("{}")
    (model / name).unlink()
    plant(model / name)
    assert name in _refused(capsys, planner, "export", "--model", model, "--out", tmp_path / "out")


@pytest.mark.parametrize("plant", [*PLANTS, _link_out])
@pytest.mark.parametrize("name", ["manifest.json", "proof.json", "rollout.json"])
def test_an_archive_of_something_else_than_files_is_skipped_and_named(
    plant: Plant, name: str, tmp_path: Path, capsys: Said
) -> None:
    archive = tmp_path / "archives" / "one"
    archive.mkdir(parents=True)
    plant(archive / name)
    done: list[int] = []
    arguments = ["build-dataset", "--archives", str(tmp_path / "archives"), "--out", str(tmp_path / "data")]
    thread = threading.Thread(target=lambda: done.append(planner(arguments)), daemon=True)
    thread.start()
    thread.join(60)
    assert done == [2]
    assert f"one: {name}: " in capsys.readouterr().err


@pytest.mark.parametrize("plant", [_fifo, _zero, _socket, _directory])
def test_issues_of_something_else_than_a_file_are_refused(plant: Plant, tmp_path: Path, capsys: Said) -> None:
    place = tmp_path / "issues.jsonl"
    plant(place)
    assert "no regular file" in _refused(capsys, bench, "issues", "import", place)
    tracker = ("issues", "import", "--format", "plan-tracker", place)
    assert "no regular file" in _refused(capsys, bench, *tracker)
    out = ("--out", tmp_path / "data", "--archives", tmp_path)
    assert "no regular file" in _refused(capsys, planner, "build-dataset", "--issues", place, *out)


def test_a_line_without_an_end_is_refused(tmp_path: Path, capsys: Said) -> None:
    _huge(tmp_path / "issues.jsonl")
    assert "a line of more than 16 MiB" in _refused(
        capsys, bench, "issues", "import", tmp_path / "issues.jsonl"
    )


@pytest.mark.parametrize("plant", PLANTS)
def test_a_config_of_something_else_than_a_file_is_refused(
    plant: Plant, tmp_path: Path, capsys: Said
) -> None:
    plant(tmp_path / "bench.yaml")
    for command in (("submit", "--dry-run"), ("queue",), ("lanes",)):
        assert "bench.yaml: " in _refused(capsys, bench, *command, "--config", tmp_path / "bench.yaml")


def test_a_device_is_refused_by_its_own_name(capsys: Said) -> None:
    assert "/dev/zero: a device and no regular file" in _refused(
        capsys, bench, "issues", "import", "/dev/zero"
    )


def test_reading_stops_where_a_file_grew(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"12345")
    assert read_regular(tmp_path / "file", 5) == b"12345"
    with pytest.raises(OSError, match="larger than"):
        read_regular(tmp_path / "file", 4)
    (tmp_path / "link").symlink_to(tmp_path / "file")
    with open_regular(tmp_path / "link") as file:
        assert file.read() == b"12345"
    with pytest.raises(OSError, match="a link and no regular file"):
        open_regular(tmp_path / "link", links=False)
