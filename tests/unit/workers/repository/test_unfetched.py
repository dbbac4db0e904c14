"""What a commit lists and a plain check-out leaves out is told by its paths."""

from pathlib import Path

import pytest

from tests.fixtures.executions import Repository, git
from workers.repository.pointers import Pointer, parse_pointer
from workers.repository.seal import stat_digest
from workers.repository.unfetched import Unfetched, unfetched

OID = "4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393"
POINTER = f"version https://git-lfs.github.com/spec/v1\noid sha256:{OID}\nsize 12345\n"


@pytest.fixture
def plain(tmp_path: Path) -> Repository:
    path = tmp_path / "repo"
    path.mkdir()
    git(path, "init", "-q", "-b", "main")
    return Repository(path, "").add({"calc.py": "one\n", ".gitattributes": "*.png binary\n"})


def test_a_plain_commit_leaves_nothing_out(plain: Repository) -> None:
    assert unfetched(plain.path, plain.commit) == Unfetched()


def test_pointers_count_where_the_attributes_of_the_commit_say_so(plain: Repository) -> None:
    base = plain.add(
        {
            ".gitattributes": "*.bin filter=lfs diff=lfs merge=lfs -text\nsmall.bin !filter\n",
            "deep/er/.gitattributes": "*.dat filter=lfs\n",
            "mödel.bin": POINTER,
            "small.bin": POINTER,
            "real.bin": "x" * 200,
            "docs/example.txt": POINTER,
            "deep/er/x.dat": POINTER,
            "deep/x.dat": POINTER,
        }
    )
    assert unfetched(base.path, base.commit) == Unfetched(lfs=("deep/er/x.dat", "mödel.bin"))


def test_pointers_of_a_repository_that_names_no_filter_are_files(plain: Repository) -> None:
    base = plain.add({"a.bin": POINTER})
    assert unfetched(base.path, base.commit) == Unfetched()


def test_submodules_are_named_be_they_reachable_or_not(plain: Repository) -> None:
    for path in ("libs/b", "a"):
        git(plain.path, "update-index", "--add", "--cacheinfo", f"160000,{plain.commit},{path}")
    git(plain.path, "commit", "-qm", "submodules")
    commit = git(plain.path, "rev-parse", "HEAD")
    assert unfetched(plain.path, commit) == Unfetched(submodules=("a", "libs/b"))


def test_looking_leaves_the_repository_as_it_is(plain: Repository) -> None:
    base = plain.add({".gitattributes": "*.bin filter=lfs\n", "a.bin": POINTER})
    before = stat_digest(plain.path)
    assert unfetched(base.path, base.commit).lfs == ("a.bin",)
    assert stat_digest(plain.path) == before


@pytest.mark.parametrize(
    ("content", "wanted"),
    [
        (POINTER, Pointer("p", OID, 12345)),
        (POINTER.rstrip(), Pointer("p", OID, 12345)),
        (POINTER.replace("oid", f"ext-0-foo sha256:{OID}\noid"), Pointer("p", OID, 12345)),
        (POINTER.replace("git-lfs.github", "hawser.github"), Pointer("p", OID, 12345)),
        (POINTER + "more\n", None),
        (POINTER.replace("4d7a", "4D7A"), None),
        (POINTER.replace("12345", "many"), None),
        ("", None),
    ],
)
def test_a_pointer_is_read_as_git_lfs_writes_it(content: str, wanted: Pointer | None) -> None:
    assert parse_pointer("p", content.encode()) == wanted
