"""What stands at the other end of a command: full disks, closed pipes, other encodings, directories that are gone."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

PROGRAMS = Path(sys.executable).parent
DRY_RUN = ("bench", "submit", "--issues", "dep-102", "--k", "1", "--dry-run")
PRINTING: list[tuple[str, ...]] = [
    ("bench", "--version"),
    ("bench", "status"),
    ("bench", "issues", "list", "--json"),
    DRY_RUN,
    ("planner", "--help"),
]
Done = subprocess.CompletedProcess[bytes]


@pytest.fixture(scope="module")
def demo() -> Iterator[Path]:
    """A directory with an embedded farm that knows the demo's issues."""
    directory = Path(tempfile.mkdtemp(prefix="bf-"))
    # Sandboxes and the database's account pass here.
    directory.chmod(0o755)
    for arguments in (("demo", "."), ("issues", "import")):
        subprocess.run([PROGRAMS / "bench", *arguments], cwd=directory, check=True, capture_output=True)
    yield directory
    subprocess.run([PROGRAMS / "bench", "down"], cwd=directory, check=True, capture_output=True)
    shutil.rmtree(directory)


def run(command: Sequence[str], cwd: Path, stdout: int | str = subprocess.PIPE, **more: Any) -> Done:
    """The command as a process of its own; `stdout` may be a path to write to."""
    options: dict[str, Any] = {
        "stdin": subprocess.DEVNULL,
        "stderr": subprocess.PIPE,
        "timeout": 120,
        **more,
    }
    argv = [str(PROGRAMS / command[0]), *command[1:]]
    if isinstance(stdout, str):
        with Path(stdout).open("wb") as file:
            return subprocess.run(argv, cwd=cwd, stdout=file, **options)
    return subprocess.run(argv, cwd=cwd, stdout=stdout, **options)


def each(commands: Sequence[Sequence[str]], call: Callable[[Sequence[str]], Done]) -> list[tuple[str, Done]]:
    """Every command run once, two at a time."""
    with ThreadPoolExecutor(2) as pool:
        return list(zip((" ".join(command) for command in commands), pool.map(call, commands), strict=True))


def lines(text: bytes) -> list[str]:
    return text.decode().splitlines()


@pytest.mark.slow
def test_where_no_room_is_left_one_line_says_so(demo: Path) -> None:
    for name, done in each(PRINTING, lambda command: run(command, demo, "/dev/full")):
        program = name.partition(" ")[0]
        assert done.returncode == 1, name
        last = f"{program}: standard output cannot be written: No space left on device"
        assert lines(done.stderr)[-1] == last, name
        assert b"Traceback" not in done.stderr, name


@pytest.mark.slow
def test_a_reader_that_went_away_ends_a_command_without_a_word(demo: Path) -> None:
    def into_a_closed_pipe(command: Sequence[str]) -> Done:
        theirs, ours = os.pipe()
        os.close(theirs)
        try:
            return run(command, demo, ours)
        finally:
            os.close(ours)

    for name, done in each(PRINTING, into_a_closed_pipe):
        assert done.returncode == 141, name
        assert b"roken" not in done.stderr, name
        assert b"Traceback" not in done.stderr, name


def test_standard_error_that_takes_nothing_is_a_failure_and_no_traceback(demo: Path) -> None:
    refused = [("bench", "status", "nobody"), ("bench", "nonsense"), ("planner", "stats", "nowhere")]
    with Path("/dev/full").open("wb") as full:
        for name, done in each(refused, lambda command: run(command, demo, stderr=full)):
            assert done.returncode not in (0, 141), name
            assert done.stdout == b"", name
    theirs, ours = os.pipe()
    os.close(theirs)
    for name, done in each(refused, lambda command: run(command, demo, stderr=ours)):
        assert done.returncode == 141, name
    os.close(ours)


@pytest.mark.parametrize("closed", ["<&-", "2>&-", ">&-", "<&- >&- 2>&-"])
def test_closed_standard_streams(demo: Path, closed: str) -> None:
    for command in (("status",), ("--help",)):
        shell = ["bash", "-c", f'exec "$@" {closed}', "-", str(PROGRAMS / "bench"), *command]
        done = subprocess.run(shell, cwd=demo, capture_output=True, timeout=120)
        assert b"Traceback" not in done.stderr
        if ">&-" in closed.replace("2>&-", ""):
            assert done.returncode == 1
            if "2>&-" not in closed:
                assert (
                    lines(done.stderr)[-1] == "bench: standard output cannot be written: Bad file descriptor"
                )
        else:
            assert done.returncode == 0
            assert done.stdout


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "ascii:strict"])
def test_a_terminal_of_another_encoding(demo: Path, encoding: str) -> None:
    environment = {**os.environ, "PYTHONIOENCODING": encoding}
    for command in (DRY_RUN, ("planner", "predict", "--help")):
        done = run(command, demo, env=environment)
        assert done.returncode == 0, done.stderr
        assert done.stdout.decode(encoding.partition(":")[0])


def test_a_title_that_the_terminals_encoding_lacks_is_whole_in_json(demo: Path, tmp_path: Path) -> None:
    title = "é – 😀 \\ \u2028"
    issues = tmp_path / "issues.jsonl"
    issues.write_text(json.dumps({"id": "odd-1", "title": title, "status": "open"}), encoding="utf-8")
    assert run(("bench", "issues", "import", str(issues)), demo).returncode == 0
    for encoding in ("ascii", "utf-8"):
        done = run(
            ("bench", "issues", "list", "--json"), demo, env={**os.environ, "PYTHONIOENCODING": encoding}
        )
        (found,) = [one for one in json.loads(done.stdout.decode(encoding)) if one["id"] == "odd-1"]
        assert found["title"] == title


def test_words_that_are_no_text_are_refused_in_a_line(demo: Path) -> None:
    for command in (("bench", "status", "\udcff"), ("bench", "issues", "import", "\udcff.jsonl")):
        done = run(command, demo)
        assert done.returncode == 2
        assert lines(done.stderr)[-1].startswith("bench: \\udcff")
        assert len(lines(done.stderr)) == 1


def test_a_working_directory_that_was_deleted_is_named_in_a_line(tmp_path: Path) -> None:
    needing = ["status", "submit", "coordinator"]
    gone = tmp_path / "gone"

    def from_a_deleted_directory(command: Sequence[str]) -> Done:
        script = 'mkdir -p "$1"; cd "$1"; shift; rmdir "$PWD"; exec "$@"'
        place = gone / command[1]
        shell = ["bash", "-c", script, "-", str(place), str(PROGRAMS / command[0]), *command[1:]]
        return subprocess.run(shell, capture_output=True, timeout=120)

    for name, done in each([("bench", name) for name in needing], from_a_deleted_directory):
        assert done.returncode == 1, name
        assert lines(done.stderr) == [
            "bench: the working directory does not exist: No such file or directory; change to one that exists"
        ], name
    for name, done in each([("bench", "--help"), ("bench", "config")], from_a_deleted_directory):
        assert done.returncode == 0, name


def test_a_working_directory_that_cannot_be_written(tmp_path: Path) -> None:
    if os.geteuid() == 0:
        pytest.skip("root writes everywhere")
    tmp_path.chmod(0o500)
    for command in (("bench", "status"), ("bench", "up"), ("bench", "demo", "x")):
        done = run(command, tmp_path)
        assert done.returncode in (1, 2)
        assert len(lines(done.stderr)) == 1
        assert "annot write" in lines(done.stderr)[0]
    tmp_path.chmod(0o700)


def test_a_machine_without_git_is_told_before_anything_is_submitted(demo: Path, tmp_path: Path) -> None:
    for name in ("bwrap", "prlimit", "setpriv", "unshare"):
        found = shutil.which(name)
        if found:
            (tmp_path / name).symlink_to(found)
    environment = {**os.environ, "PATH": f"{tmp_path}:{PROGRAMS}"}
    run(DRY_RUN, demo)  # the commit is known here by now, so that nothing has to be fetched
    done = run(("bench", "submit", "--issues", "dep-102", "--k", "1"), demo, env=environment)
    assert done.returncode == 2
    assert lines(done.stderr) == [
        "bench: there is no git on this machine's PATH; install it: apt-get install git"
    ]
    assert json.loads(run(("bench", "status", "--json"), demo).stdout)["benches"] == []


def test_libpqs_variables_say_nothing_of_an_embedded_farm(demo: Path) -> None:
    wrong = {
        "PGHOST": "nowhere",
        "PGHOSTADDR": "127.0.0.1",
        "PGPORT": "1",
        "PGSERVICE": "prod",
        "PGOPTIONS": "-c x=y",
        "PGCHANNELBINDING": "require",
        "PGSSLMODE": "verify-full",
        "PGREQUIREAUTH": "none",
        "PGTZ": "Not/AZone",
        "PGDATESTYLE": "nonsense",
        "PGCLIENTENCODING": "SQL_ASCII",
        "PGTARGETSESSIONATTRS": "standby",
        "PGCONNECT_TIMEOUT": "nonsense",
        "PGPASSFILE": "/nowhere",
        "PGSERVICEFILE": "/nowhere",
        "PGUSER": "me",
    }
    done = run(DRY_RUN, demo, env={**os.environ, **wrong})
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("home", [None, "/nonexistent"])
def test_a_home_that_is_not_there(demo: Path, home: str | None) -> None:
    environment = {name: value for name, value in os.environ.items() if name != "HOME"}
    if home is not None:
        environment["HOME"] = home
    done = run(DRY_RUN, demo, env=environment)
    assert done.returncode == 0, done.stderr
    assert b"Traceback" not in done.stderr
