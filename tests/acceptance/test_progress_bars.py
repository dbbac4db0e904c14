"""Progress bars of commands on a terminal, and their absence elsewhere."""

import fcntl
import os
import re
import struct
import subprocess
import sys
import termios
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import pytest

PLANNER = str(Path(sys.executable).parent / "planner")
BAR = re.compile(r"making issues  [━─]{24}  [\d,]+/3,000  \d:\d\d:\d\d left")
WORLD = ("world", "--issues", "3000", "--arms", "6", "--out")


class Shown(NamedTuple):
    returncode: int
    stdout: str
    terminal: str


def on_a_terminal(*arguments: str, cwd: Path, variables: Mapping[str, str] | None = None) -> Shown:
    """Run `planner` with a terminal of 100 columns as standard error, and a pipe as standard output."""
    ours, theirs = os.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 100, 0, 0))
    environment = {**os.environ, "TERM": "xterm", "PYTHONIOENCODING": "utf-8", **(variables or {})}
    parts: list[bytes] = []

    def drain() -> None:
        # Linux reports the closed other end as EIO.
        try:
            while data := os.read(ours, 65536):
                parts.append(data)
        except OSError:
            return

    with subprocess.Popen(
        [PLANNER, *arguments], cwd=cwd, env=environment, stdout=subprocess.PIPE, stderr=theirs, text=True
    ) as process:
        os.close(theirs)
        reader = threading.Thread(target=drain)
        reader.start()
        output, _ = process.communicate(timeout=200)
        reader.join()
    os.close(ours)
    return Shown(process.returncode, output, b"".join(parts).decode())


def screen(text: str) -> list[str]:
    """The lines that are left on the screen, of text with returns and erasures to the end of the line."""
    return [line.rpartition("\r\x1b[K")[2] for line in text.replace("\r\n", "\n").split("\n")]


def test_a_bar_shows_the_time_left_and_is_removed(tmp_path: Path) -> None:
    shown = on_a_terminal(*WORLD, "bar", cwd=tmp_path)
    assert shown.returncode == 0
    assert BAR.search(shown.terminal)
    lines = screen(shown.terminal)
    assert len(lines) == 2
    assert lines[0].startswith("3000 issues in bar (dataset ")
    assert lines[1] == ""
    assert shown.stdout == ""
    piped = subprocess.run(
        [PLANNER, *WORLD, "pipe"], cwd=tmp_path, capture_output=True, text=True, timeout=200
    )
    assert piped.returncode == 0
    assert piped.stderr == f"{lines[0].replace(' bar ', ' pipe ')}\n"
    assert piped.stdout == ""
    assert (tmp_path / "bar" / "dataset.jsonl").read_bytes() == (
        tmp_path / "pipe" / "dataset.jsonl"
    ).read_bytes()


def test_json_on_a_pipe_stays_whole_while_the_terminal_has_a_bar(tmp_path: Path) -> None:
    import json

    subprocess.run([PLANNER, *WORLD, "data"], cwd=tmp_path, check=True, capture_output=True, timeout=200)
    shown = on_a_terminal("stats", "data", "-o", "json", cwd=tmp_path)
    assert json.loads(shown.stdout)["examples"] == 3000
    assert re.search(r"reading examples  .* left", shown.terminal)
    assert screen(shown.terminal) == [""]


@pytest.mark.parametrize(
    ("options", "variables"), [(["-q"], {}), ([], {"TERM": "dumb"}), ([], {"BENCH_LOG_FORMAT": "json"})]
)
def test_no_bar_where_it_is_not_wanted(tmp_path: Path, options: list[str], variables: dict[str, str]) -> None:
    shown = on_a_terminal(*options, *WORLD, "data", cwd=tmp_path, variables=variables)
    assert shown.returncode == 0
    assert "left" not in shown.terminal
    assert "\x1b" not in shown.terminal


def test_an_encoding_without_the_bars_signs_has_others(tmp_path: Path) -> None:
    shown = on_a_terminal(*WORLD, "data", cwd=tmp_path, variables={"PYTHONIOENCODING": "ascii"})
    assert re.search(r"making issues  [#-]{24}  [\d,]+/3,000", shown.terminal)
    assert shown.terminal.isascii()
