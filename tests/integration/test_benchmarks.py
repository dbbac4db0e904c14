"""The benchmarks run, and print a table with every row that was asked for."""

import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.table import BEGIN, END, Row, markdown, write_between_markers

ROOT = Path(__file__).parents[2]


@pytest.mark.slow
def test_the_command_measures_and_writes_its_table(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(f"before\n{BEGIN}\nold\n{END}\nafter\n")
    command = [sys.executable, "-m", "benchmarks", "--tiny", "--write", str(page)]
    done = subprocess.run(
        [
            *command,
            "--rows",
            "fixed",
            "doors",
            "containers",
            "plane",
            "import",
            "submit",
            "reports",
            "page",
            "frames",
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    for row in (
        "fixed cost: one execution",
        "door: start of a program",
        "door: bytes to a program",
        "container: start of a program",
        "claim + complete, 16",
        "import 800",
        "submit 400",
        "report.winners over",
        "page of a bench",
        "pandas frame of",
    ):
        assert row in done.stdout
    text = page.read_text()
    assert text.startswith("before\n")
    assert text.endswith("\nafter\n")
    assert "old" not in text
    assert "report.winners over" in text


def test_the_table_says_which_aims_were_reached() -> None:
    rows = [
        Row("a", "1 s", "b: 1 s", "1×", "≤2×", True),
        Row("long name", "9 s", "b: 1 s", "9×", "≤2×", False),
    ]
    lines = markdown([*rows, Row("no aim", "1 s", "b: 1 s", "1×")]).splitlines()
    assert len({len(line) for line in lines}) == 1
    assert [line.split("|")[-2].strip() for line in lines[2:]] == ["yes", "no", ""]


def test_a_page_without_markers_is_refused(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("nothing to replace")
    with pytest.raises(ValueError, match="<!-- figures -->"):
        write_between_markers(page, "text")
    assert page.read_text() == "nothing to replace"
