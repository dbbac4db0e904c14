"""What nobody asked for is told in a line a kind."""

from bench.submit.left_out import lines
from workers.repository.unfetched import Unfetched


def test_nothing_left_out_is_nothing_said() -> None:
    assert lines({"a": ("r", Unfetched()), "b": ("s", Unfetched())}) == []


def test_one_issue_and_one_path() -> None:
    assert lines({"a": ("r", Unfetched(("libs/x",)))}) == [
        "submodules of the base commit stay empty directories in 1 issue (1 path: libs/x); "
        "to fetch them set workcell.git: {submodules: true} in the config"
    ]


def test_paths_count_once_a_repository_and_three_are_named() -> None:
    found = {
        "a": ("r", Unfetched(("s",), ("1.bin", "2.bin"))),
        "b": ("r", Unfetched((), ("2.bin", "3.bin", "4.bin"))),
        "c": ("q", Unfetched((), ("1.bin",))),
        "d": ("q", Unfetched()),
    }
    submodules, large = lines(found)
    assert "in 1 issue (1 path: s)" in submodules
    assert large == (
        "Git LFS files of the base commit stay pointers in 3 issues (5 paths: 1.bin, 1.bin, 2.bin, …); "
        "to fetch them set workcell.git: {lfs: true} in the config"
    )
