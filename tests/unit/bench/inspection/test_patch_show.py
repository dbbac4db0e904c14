"""Files of a patch, and its lines with colours: every character of it is visible."""

from bench.inspection.patch_show import PatchedFile, changes_line, colored_patch, file_changes

PATCH = """diff --git a/depot/money.py b/depot/money.py
index 0c397cd..2081bf8 100644
--- a/depot/money.py
+++ b/depot/money.py
@@ -1,3 +1,3 @@
 same
--- a line that was two dashes
+++ a line that is two pluses
diff --git a/logo.png b/logo.png
new file mode 100644
index 0000000..1111111
GIT binary patch
literal 4
LcmZQzWMT#Y01f~L

literal 0
HcmV?d00001

diff --git "a/a b.py" "b/a b.py"
new file mode 100644
--- /dev/null
+++ b/a b.py\t
@@ -0,0 +1 @@
+x\x1b]0;title\x07
"""


def test_each_file_has_its_counts_also_where_lines_look_like_headers() -> None:
    changes = file_changes(PATCH)
    assert changes == [
        PatchedFile("depot/money.py", 1, 1, False),
        PatchedFile("logo.png", 0, 0, True),
        PatchedFile("a b.py", 1, 0, False),
    ]
    assert changes_line(changes) == "3 files, +2 −1, 1 binary"
    assert file_changes("") == []


def test_the_whole_patch_is_shown_with_styles_and_without_control_characters() -> None:
    text, left_out = colored_patch(PATCH)
    assert left_out == 0
    assert "\x1b" not in text.plain
    assert "+x\\x1b]0;title\\x07" in text.plain
    assert text.plain.replace("\\x1b", "\x1b").replace("\\x07", "\x07").split() == PATCH.split()
    styles = {text.plain[span.start : span.end].strip("\n"): span.style for span in text.spans}
    assert styles["--- a/depot/money.py"] == "bold"
    assert styles["--- a line that was two dashes"] == "red"
    assert styles["+++ a line that is two pluses"] == "green"


def test_a_huge_patch_is_cut_by_lines_columns_and_binary_data() -> None:
    text, left_out = colored_patch(PATCH + "+" + "y" * 9000 + "\n+z\n", 16)
    assert "… data of a binary file …" in text.plain
    assert "literal" not in text.plain
    assert max(map(len, text.plain.split("\n"))) <= 402
    assert left_out > 0
