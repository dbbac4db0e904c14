"""What is published: the repository as a source distribution, a wheel built from it, metadata that an index takes."""

import shutil
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from email.message import Message
from email.parser import Parser
from pathlib import Path

import pytest
from packaging.metadata import Metadata

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("bench", "workers", "db", "planner", "migrations")

pytestmark = pytest.mark.slow


def _tracked() -> set[str]:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True)
    return {path for path in listed.stdout.split("\0") if path and (ROOT / path).is_file()}


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The directory with the source distribution and the wheel that was built from it."""
    base = tmp_path_factory.mktemp("built")
    for path in _tracked():
        (base / "source" / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / path, base / "source" / path)
    subprocess.run(
        [
            sys.executable,
            "-m",
            "build",
            "--no-isolation",
            "--outdir",
            str(base / "dist"),
            str(base / "source"),
        ],
        check=True,
        capture_output=True,
        cwd=base,
    )
    return base / "dist"


def test_the_source_distribution_is_the_whole_repository(built: Path) -> None:
    (file,) = built.glob("*.tar.gz")
    with tarfile.open(file) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert _tracked() - names == set()


def test_the_wheel_holds_the_packages_and_nothing_else(built: Path) -> None:
    (file,) = built.glob("*.whl")
    names = set(zipfile.ZipFile(file).namelist())
    assert {path for path in _tracked() if path.split("/")[0] in PACKAGES} <= names
    others = {name.split("/")[0] for name in names} - {*PACKAGES, "bench_farm.py"}
    assert [name for name in others if not name.endswith(".dist-info")] == []


def test_an_index_takes_the_metadata_and_shows_the_readme(built: Path) -> None:
    (file,) = built.glob("*.whl")
    wheel = zipfile.ZipFile(file)
    (name,) = [name for name in wheel.namelist() if name.endswith(".dist-info/METADATA")]
    text = wheel.read(name).decode()
    metadata = Metadata.from_email(text, validate=True)
    assert metadata.description == (ROOT / "README.md").read_text(encoding="utf-8")
    assert metadata.description_content_type == "text/markdown"
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"][
        "optional-dependencies"
    ]
    assert {"farm", "train"} <= set(metadata.provides_extra or ()) == set(extras)
    message: Message = Parser().parsestr(text)
    assert message.get_all("License-File") == ["LICENSE"]
    assert message["License-Expression"] == "Apache-2.0"
