"""Edits in each form change the file as they should, whatever signs their lines have."""

import json
import subprocess
from pathlib import Path

import pytest

from workers.gateway.scripted.edits import CALC, Replacement, load_edits, search_replace, shell_command

ODD = Replacement("a b.py", "  x = [*y] / 'z'  # $^.\\&", "  x = y & 'q' / \\1")


@pytest.mark.parametrize("edits", [CALC, (ODD,), (*CALC, ODD)])
def test_the_command_makes_the_edits_and_changes_nothing_else(
    tmp_path: Path, edits: tuple[Replacement, ...]
) -> None:
    for edit in edits:
        (tmp_path / edit.path).write_text(f"before\n{edit.before}\n{edit.before} more\n")
    subprocess.run(["sh", "-c", shell_command(edits)], cwd=tmp_path, check=True)
    for edit in edits:
        expected = f"before\n{edit.after}\n{edit.before} more\n"
        assert (tmp_path / edit.path).read_text() == expected


def test_blocks_name_the_file_and_both_lines() -> None:
    assert "\na b.py\n```\n<<<<<<< SEARCH\n" + ODD.before + "\n=======\n" in search_replace((ODD,))


def test_edits_are_read_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "edits.json"
    path.write_text(json.dumps([{"path": "calc.py", "before": CALC[0].before, "after": CALC[0].after}]))
    assert load_edits(path) == CALC
    path.write_text('[{"path": "calc.py"}]')
    with pytest.raises(ValueError, match=r"path, before and after"):
        load_edits(path)


def test_an_edit_of_several_lines_is_refused() -> None:
    with pytest.raises(ValueError, match="one line"):
        Replacement("calc.py", "a\nb", "c")
