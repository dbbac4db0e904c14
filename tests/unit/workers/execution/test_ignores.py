"""Ignore files joined into one, held against Git itself."""

import subprocess
from pathlib import Path

import pytest

from tests.fixtures.executions import git
from workers.execution.ignores import is_ignore_file, joined

FILES = {
    ".gitignore": b"\xef\xbb\xbf# a comment\n*.log\r\n/top\nbuild/\n\\#odd\ntrailing   \nkept\\ \n   \n/\n!\n",
    "a/.gitignore": b"!good.log\n/here\ndeep/x\n*.tmp\n!/only/\n\n#x\n   \n/\n",
    "a/b [1]/.gitignore": b"/out\nspace d\n!*.tmp\n",
}
PATHS = (
    *("x.log", "top", "a/top", "build/f", "a/build/f", "#odd", "trailing", "kept ", "good.log", "a/good.log"),
    *("a/c/good.log", "a/here", "a/c/here", "a/deep/x", "a/c/deep/x", "a/x.tmp", "a/b [1]/x.tmp", "b/x.tmp"),
    *("a/b [1]/out", "a/b [1]/c/out", "a/b [1]/c/space d", "a/b 1/out", "a/only/f", "a/#x", "z", "a/z"),
)


@pytest.mark.parametrize("left_out", [(), ("a/.gitignore",), (".gitignore",), ("a/b [1]/.gitignore",)])
def test_one_list_ignores_what_the_files_do(tmp_path: Path, left_out: tuple[str, ...]) -> None:
    git(tmp_path, "init", "-q")
    files = {name: text for name, text in FILES.items() if name not in left_out}
    for name in PATHS:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("")
    rules = tmp_path / ".git" / "rules"
    rules.write_bytes(joined({name.encode(): text for name, text in files.items()}))
    by_one_list = _others(tmp_path, f"--exclude-from={rules}")
    for name, text in files.items():
        (tmp_path / name).write_bytes(text)
    by_the_files = _others(tmp_path, "--exclude-per-directory=.gitignore")
    assert by_one_list == by_the_files - set(files)
    assert 0 < len(by_one_list) < len(PATHS)


def _others(directory: Path, rules: str) -> set[str]:
    listed = subprocess.run(
        ["git", "ls-files", "--others", "-z", rules], cwd=directory, capture_output=True, check=True
    )
    return {name for name in listed.stdout.decode().split("\0") if name}


def test_an_ignore_file_is_known_by_its_whole_name() -> None:
    assert is_ignore_file("a/.gitignore")
    assert not is_ignore_file("a/x.gitignore")
