"""The console scripts check that the packages with generic names are the installation's own."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from bench_farm import foreign_package

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("bench", "workers", "db", "planner", "migrations")


def run(*arguments: str, cwd: Path, path: Path | None = None) -> "subprocess.CompletedProcess[str]":
    """Python with these arguments; `path` is its PYTHONPATH."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("BENCH_", "PYTHON"))}
    env = clean if path is None else {**clean, "PYTHONPATH": str(path)}
    return subprocess.run([sys.executable, *arguments], cwd=cwd, env=env, capture_output=True, text=True)


def test_the_packages_of_this_installation_are_its_own() -> None:
    assert foreign_package(PACKAGES, ROOT) is None


@pytest.mark.parametrize("name", PACKAGES)
@pytest.mark.parametrize("form", ["{}.py", "{}/__init__.py"])
def test_a_package_in_the_place_of_ours_is_named_in_one_line(tmp_path: Path, name: str, form: str) -> None:
    foreign = tmp_path / form.format(name)
    foreign.parent.mkdir(exist_ok=True)
    foreign.write_text("raise SystemExit('imported')\n")
    done = run("-P", "-m", "bench_farm", "--version", cwd=tmp_path, path=tmp_path)
    assert done.returncode == 1
    assert done.stderr == (
        f"bench: package {name} would be imported from {foreign}; bench-farm's own is {ROOT / name}/__init__.py: "
        "remove it from the import path (PYTHONPATH), or install bench-farm in an environment of its own\n"
    )


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """An installation, as far as the check looks."""
    site = tmp_path / "site"
    for name in PACKAGES:
        (site / name).mkdir(parents=True)
        shutil.copyfile(ROOT / name / "__init__.py", site / name / "__init__.py")
    shutil.copyfile(ROOT / "bench_farm.py", site / "bench_farm.py")
    return site


def test_a_package_that_lost_its_init_is_named(tmp_path: Path, site: Path) -> None:
    (site / "db/__init__.py").unlink()
    done = run("-P", "-m", "bench_farm", "--version", cwd=tmp_path, path=site)
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"bench: package db would be imported from {site / 'db'}; ")


def test_a_package_that_another_distribution_overwrote_is_named_with_it(tmp_path: Path, site: Path) -> None:
    (site / "db/__init__.py").write_text("from .models import Model\n")
    about = site / "db_of_others-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: db-of-others\nVersion: 1.0\n")
    (about / "RECORD").write_text("db/__init__.py,,\n")
    done = run("-P", "-m", "bench_farm", "--version", cwd=tmp_path, path=site)
    assert done.returncode == 1
    assert done.stderr == (
        f"bench: package db in {site} was overwritten by another distribution (db-of-others); uninstall it and "
        "install bench-farm again, or install each in its own environment\n"
    )


def test_python_m_bench_is_the_command_whatever_the_working_directory_holds(tmp_path: Path) -> None:
    for name in ("db", "workers", "planner", "click"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit('imported')\n")
    done = run("-m", "bench", "config", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == run("-P", "-m", "bench_farm", "config", cwd=tmp_path).stdout
    (tmp_path / "bench.py").write_text("raise SystemExit('imported')\n")
    assert run("-P", "-m", "bench", "config", cwd=tmp_path).stdout == done.stdout
