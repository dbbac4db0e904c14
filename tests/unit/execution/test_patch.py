"""Reading diffs, and putting protected paths back."""

from workers.execution.patch import Change, count_lines, parse_raw, put_back, touched
from workers.sandbox.capture import redact, shorten

NULL = "0" * 40
OLD = "a" * 40


def changed(path: str) -> Change:
    return Change("100644", "100644", OLD, path)


def added(path: str) -> Change:
    return Change("000000", "100644", NULL, path)


def test_raw_output_is_parsed_with_any_file_name() -> None:
    raw = f":100644 000000 {OLD} {NULL} D\0a b\nc\0:000000 120000 {NULL} {NULL} A\0ü\xff\0".encode("latin-1")
    first, second = parse_raw(raw)
    assert (first.path, first.new_mode) == ("a b\nc", "000000")
    assert (second.old_id, second.new_mode) == (NULL, "120000")


def test_protected_paths_match_as_in_gitignore() -> None:
    changes = [changed(path) for path in ("tests/a/b.py", "src/tests/x.py", "src/a.py", "setup.cfg")]
    assert [each.path for each in touched(changes, ["/tests/**", "setup.cfg"])] == [
        "tests/a/b.py",
        "setup.cfg",
    ]


def test_a_new_file_in_place_of_a_protected_directory_is_protected_too() -> None:
    assert touched([added("tests")], ["tests/**"]) == [added("tests")]
    assert touched([changed("tests")], ["other/**"]) == []


def test_stand_ins_for_the_gates_program_are_protected_only_where_they_are_new() -> None:
    new = [added(path) for path in ("pytest.py", "_pytest/x.py", "sitecustomize.py", "src/pytest.py")]
    assert [each.path for each in touched(new, [])] == ["pytest.py", "_pytest/x.py", "sitecustomize.py"]
    assert touched([changed("pytest.py")], []) == []


def test_restoring_removes_what_stands_in_the_way_first() -> None:
    deleted = Change("100644", "000000", OLD, "tests/a.py")
    text = put_back([deleted], [deleted, added("tests"), added("other")])
    assert text == f"0 {NULL}\ttests\x00100644 {OLD}\ttests/a.py\0".encode()


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
