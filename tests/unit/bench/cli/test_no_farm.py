"""Commands that need a farm fail with one line where there is none, and create nothing."""

from pathlib import Path

import pytest

from bench.cli.main import main

NEED_A_FARM = (
    *("status", "status b-1", "watch", "watch b-1", "winners", "regret", "report", "value", "plots"),
    *("reliability", "attribution", "power", "drift", "labels export", "estimates publish", "db check"),
    *(
        "issues list",
        "issues show i",
        "machines list",
        "machines trust m",
        "policies list",
        "policies remove p",
    ),
    *("queue", "lanes", "audit", "archives restore", "resume b-1", "cancel b-1"),
)


@pytest.fixture
def directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name in ("BENCH_DATABASE_URL", "BENCH_BROKER_URL", "BENCH_HOME", "BENCH_CONFIG"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


@pytest.mark.parametrize("command", NEED_A_FARM)
def test_a_command_that_reads_creates_no_farm(
    directory: Path, command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(command.split()) == 2
    output = capsys.readouterr()
    assert output.out == ""
    assert output.err == (
        f"bench: no farm: neither {directory} nor a directory above it holds .bench/ or a config; start one with "
        "`bench up`, name one with BENCH_HOME=DIR/.bench, or run this in its directory\n"
    )
    assert list(directory.iterdir()) == []


def test_where_there_is_no_farm_nothing_is_stopped(
    directory: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("BENCH_HOME", ".bench")
    assert main(["down"]) == 0
    assert capsys.readouterr().err == f"there is no farm in {directory}/.bench: nothing to stop\n"
    assert list(directory.iterdir()) == []


@pytest.mark.parametrize("command", ["apply i", "pr i", "apply i -C {0}"])
def test_a_patch_can_be_taken_from_the_directory_of_the_farm(
    directory: Path, command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(command.format(directory).split()) == 2
    assert capsys.readouterr().err.endswith(f", or run this in its directory with -C {directory}\n")


def test_a_named_home_without_a_farm_is_named(
    directory: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("BENCH_HOME", "state")
    assert main(["status"]) == 2
    assert capsys.readouterr().err == (
        f"bench: no farm in {directory}/state, which BENCH_HOME names; start one with `bench up`\n"
    )
    assert list(directory.iterdir()) == []


@pytest.mark.parametrize(
    ("variable", "line"),
    [
        (True, "bench: BENCH_CONFIG is 'none.yaml': no file {0}/none.yaml"),
        (False, "bench: {0}/pyproject.toml: tool.bench.config: no file {0}/none.yaml"),
    ],
)
def test_a_config_that_is_named_and_missing_is_refused(
    directory: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    variable: bool,
    line: str,
) -> None:
    if variable:
        monkeypatch.setenv("BENCH_CONFIG", "none.yaml")
    else:
        (directory / "pyproject.toml").write_text('[tool.bench]\nconfig = "none.yaml"\n')
    assert main(["submit", "--dry-run"]) == 2
    assert capsys.readouterr().err == line.format(directory) + "\n"
    assert not (directory / ".bench").exists()
