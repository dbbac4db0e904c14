"""A diff on a page: numbered lines, highlighting that escapes everything, and a bounded size."""

import re

import pytest

from bench.ui.views.highlight import highlighted, lexer_of
from bench.ui.views.patch import PAGE_CHARACTERS, patch_page

PATCH = """diff --git a/a.py b/a.py
index 1..2 100644
--- a/a.py
+++ b/a.py
@@ -3,3 +3,3 @@ def f():
 x = 1
-y = "old"
+y = "new"
 z = 3
\\ No newline at end of file
diff --git a/old.txt b/new.txt
similarity index 100%
rename from old.txt
rename to new.txt
diff --git a/p.bin b/p.bin
new file mode 100644
GIT binary patch
literal 3
"""


def test_lines_have_the_numbers_of_their_sides() -> None:
    (first, renamed, binary) = patch_page(PATCH).files
    assert [(row.kind, row.old, row.new) for row in first.rows] == [
        ("hunk", None, None),
        ("context", 3, 3),
        ("removed", 4, None),
        ("added", None, 4),
        ("context", 5, 5),
        ("note", None, None),
    ]
    assert [row.sign for row in first.rows] == ["", "", "−", "+", "", ""]
    assert (first.change.added, first.change.removed) == (1, 1)
    assert renamed.notes == ("rename from old.txt", "rename to new.txt")
    assert binary.change.is_binary
    assert binary.rows == ()


def test_code_is_highlighted_by_the_name_of_its_file() -> None:
    (file, *_) = patch_page(PATCH).files
    assert '<span class="hs">&#34;old&#34;</span>' in file.rows[2].code
    assert highlighted(["def f(): pass"], "a.unknown") == ["def f(): pass"]
    assert '<span class="hf">f</span>' in highlighted(["def f(): pass"], "dir/a.py")[0]


HOSTILE = [
    "<script>alert(1)</script>",
    "'<img src=x onerror=alert(1)>'",
    "# </span></td><b onclick=1>",
    '"""&lt;<svg onload=1>',
    "<!-- --><iframe>",
    "/* </style><script> */",
]


@pytest.mark.parametrize("suffix", ["py", "js", "html", "xml", "css", "json", "sh", "sql", "php", "none"])
def test_no_markup_of_hostile_code_is_live(suffix: str) -> None:
    lines = highlighted(HOSTILE, f"a.{suffix}")
    assert len(lines) == len(HOSTILE)
    for line in lines:
        assert re.sub(r'<span class="h[a-z]">|</span>', "", line).count("<") == 0
        assert line.count("<span") == line.count("</span>")


def test_the_text_of_a_line_is_the_line() -> None:
    for line, source in zip(highlighted(HOSTILE, "a.py"), HOSTILE, strict=True):
        assert line.striptags().split() == source.split() or "<" in source
        assert line.unescape().count("onerror") == source.count("onerror")


def test_hidden_characters_of_code_are_visible() -> None:
    patch = "diff --git a/a.py b/a.py\n@@ -1 +1 @@\n+x = 1 \u202e# \x1b[2J\n"
    assert r"\u202e" in patch_page(patch).files[0].rows[1].code
    assert r"\x1b[2J" in patch_page(patch).files[0].rows[1].code


def test_a_large_file_is_cut_and_the_next_one_is_on_its_own_page() -> None:
    big = "diff --git a/big.py b/big.py\n@@ -0,0 +1,9000 @@\n" + "+x = '<&>' + y\n" * 9000
    page = patch_page(big + PATCH)
    assert [file.number for file in page.files] == [0]
    (file,) = page.files
    assert file.left_out + len(file.rows) == 9001
    assert sum(len(row.code) for row in file.rows) < PAGE_CHARACTERS
    assert page.next_file == 1
    assert [each.number for each in patch_page(big + PATCH, 1).files] == [1, 2, 3]
    assert page.total == 4


def test_a_line_of_a_megabyte_is_cut() -> None:
    patch = f"diff --git a/a.min.js b/a.min.js\n@@ -1 +1 @@\n+{'x' * 1_000_000}\n"
    row = patch_page(patch).files[0].rows[1]
    assert row.code.endswith(" …")
    assert len(row.code) < 1000


@pytest.mark.parametrize("text", ["", "no patch at all", "@@ -1 +1 @@\n+x", "diff --git a/x b/x"])
def test_what_is_no_patch_has_no_lines(text: str) -> None:
    assert all(file.rows == () for file in patch_page(text).files)


def test_a_hunk_without_numbers_is_shown() -> None:
    patch = "diff --git a/x b/x\n@@ forged @@\n+x\n?odd\n"
    assert [row.kind for row in patch_page(patch).files[0].rows] == ["hunk", "added", "context"]


@pytest.mark.parametrize("suffix", ["java", "cs"])
def test_code_whose_lexer_can_be_kept_busy_is_plain(suffix: str) -> None:
    assert lexer_of(f".{suffix}") is None
    line = "class a b " * 30
    assert highlighted([line], f"a.{suffix}") == [line]
