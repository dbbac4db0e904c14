"""Reading diffs, and putting protected paths back."""

import pytest

from workers.execution.changes import (
    Choice,
    FileChange,
    choose,
    count_lines,
    index_info,
    is_sound,
    names_of,
    parse_raw,
)
from workers.execution.links import leads_out
from workers.sandbox.capture import redact, shorten

NULL = "0" * 40
OLD, NEW = "a" * 40, "b" * 40
BASE = names_of(["tests/a/b.py", "src/tests/x.py", "src/a.py", "setup.cfg", "attr/core.py"])


def changed(path: str) -> FileChange:
    return FileChange("100644", "100644", OLD, NEW, path)


def added(path: str) -> FileChange:
    return FileChange("000000", "100644", NULL, NEW, path)


def removed(path: str) -> FileChange:
    return FileChange("100644", "000000", OLD, NULL, path)


def left(choice: Choice) -> list[str]:
    return [change.path for change in choice.protected]


def test_raw_output_is_parsed_with_any_file_name() -> None:
    raw = f":100644 000000 {OLD} {NULL} D\0a b\nc\0:000000 120000 {NULL} {NEW} A\0ü\xff\0".encode("latin-1")
    first, second = parse_raw(raw)
    assert (first.path, first.is_removal, first.is_new) == ("a b\nc", True, False)
    assert (second.old_id, second.new_id, second.new_mode) == (NULL, NEW, "120000")


def test_protected_paths_match_as_in_gitignore() -> None:
    changes = [changed(path) for path in ("tests/a/b.py", "src/tests/x.py", "src/a.py", "setup.cfg")]
    chosen = choose(changes, ["/tests/**", "setup.cfg"], BASE)
    assert left(chosen) == ["tests/a/b.py", "setup.cfg"]
    assert [change.path for change in chosen.kept] == ["src/tests/x.py", "src/a.py"]


def test_a_later_pattern_allows_what_an_earlier_one_protects() -> None:
    assert left(choose([changed("conftest.py")], ["conftest.py", "!conftest.py"], BASE)) == []


def test_a_new_file_in_place_of_a_protected_directory_is_protected_too() -> None:
    assert left(choose([added("tests")], ["tests/**"], BASE)) == ["tests"]
    assert left(choose([changed("tests")], ["other/**"], BASE)) == []


def test_what_stands_in_the_way_of_a_protected_path_goes() -> None:
    as_file = [removed("src/tests/x.py"), added("src/tests")]
    assert set(left(choose(as_file, ["src/tests/x.py"], BASE))) == {"src/tests/x.py", "src/tests"}
    as_directory = [removed("setup.cfg"), added("setup.cfg/__init__.py")]
    assert set(left(choose(as_directory, ["/setup.cfg"], BASE))) == {"setup.cfg", "setup.cfg/__init__.py"}


@pytest.mark.parametrize(
    "path",
    [
        "pytest.py",
        "_pytest/x.py",
        "sitecustomize.py",
        "src/argparse.py",
        "lib/pluggy/__init__.py",
        "iniconfig/__init__.py",
        "json.cpython-311-x86_64-linux-gnu.so",
        "own.egg-info/entry_points.txt",
        "src/own-1.dist-info/entry_points.txt",
        "own.pth",
        "bench_gate_report.py",
    ],
)
def test_a_new_file_that_would_run_before_the_tests_is_protected(path: str) -> None:
    assert left(choose([added(path)], [], BASE)) == [path]
    assert left(choose([changed(path)], [], BASE)) == [], "what the base has is its own"


@pytest.mark.parametrize(
    "path", ["attr/more.py", "pkg/types.py", "random.md", "test/test_x.py", "docs/json/x.py"]
)
def test_a_new_file_that_only_sounds_like_a_module_is_kept(path: str) -> None:
    assert left(choose([added(path)], [], BASE)) == []


def test_only_plain_files_inside_the_check_out_are_taken() -> None:
    assert is_sound(added("a/b.py"))
    for path in ("../x", "a/../../x", "/etc/passwd", ".git/hooks/x", "a/.GIT/config", "a//b", ""):
        assert not is_sound(added(path))
    assert not is_sound(FileChange("000000", "160000", NULL, NEW, "sub"))


def test_links_that_lead_out_are_told() -> None:
    for target in ("/etc/passwd", "../../x", "../.git/config"):
        assert leads_out("a/b", target)
    assert not leads_out("a/b", "../c")


def test_an_index_is_changed_by_removals_first() -> None:
    text = index_info([added("tests"), removed("tests/a.py")])
    assert text == f"0 {NULL}\ttests/a.py\x00100644 {NEW}\ttests\0".encode()


def test_lines_are_counted_inside_hunks_only() -> None:
    patch = (
        b"diff --git a/x b/x\n--- a/x\n+++ b/x\n@@ -1,2 +1,2 @@\n-a\n--- tricky\n+b\n c\n"
        b"diff --git a/y b/y\nGIT binary patch\nliteral 3\n"
    )
    assert count_lines(patch) == 4


def test_secrets_are_blotted_out_longest_first_and_short_ones_left() -> None:
    assert (
        redact(b"key-12345 key-12345-more ab", ["key-12345", "key-12345-more", "ab"])
        == b"[secret] [secret] ab"
    )


def test_long_output_keeps_head_and_tail() -> None:
    short = shorten(b"H" * 50 + b"m" * 900 + b"T" * 50, 100)
    assert short.startswith(b"H" * 50)
    assert short.endswith(b"T" * 50)
    assert b"900 bytes left out" in short
    assert shorten(b"abc", 3) == b"abc"
