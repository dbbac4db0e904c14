"""What was encoded once is encoded so for ever: in every process, with every hash seed, on every Python."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.fixtures.plain_encoder import PlainEncoder

ROOT = Path(__file__).parents[4]
CASES = ROOT / "tests/data/encoder_golden/cases.jsonl"
OLDEST = (3, 11)


def interpreters() -> list[str]:
    """This Python, and others beside it on this machine that the planner supports."""
    on_path = [Path(name) for minor in range(OLDEST[1], 20) if (name := shutil.which(f"python3.{minor}"))]
    managed = (Path.home() / ".pyenv/versions").glob("3.*/bin/python")
    return [
        sys.executable,
        *sorted({str(Path(interpreter).resolve()) for interpreter in [*on_path, *managed] if interpreter}),
    ]


def supported(python: str) -> bool:
    code = f"import sys; sys.exit(sys.version_info < {OLDEST})"
    return subprocess.run([python, "-c", code], capture_output=True).returncode == 0


@pytest.mark.parametrize("seed", ["1", "4242"])
def test_golden_encodings_hold_in_a_fresh_process_of_every_python_here(seed: str) -> None:
    checked = 0
    for python in filter(supported, interpreters()):
        ran = subprocess.run(
            [python, "-m", "tests.data.encoder_golden.check"],
            cwd=ROOT,
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONDONTWRITEBYTECODE": "1"},
            capture_output=True,
            text=True,
        )
        assert ran.returncode == 0, f"{python}: {ran.stdout}{ran.stderr}"
        checked += 1
    assert checked


def test_golden_encodings_are_what_the_plain_encoder_says() -> None:
    cases = [json.loads(line) for line in CASES.read_text(encoding="utf-8").split("\n") if line]
    for case in cases:
        plain = PlainEncoder()
        assert plain.encode(case["planner_input"]) == case["v1"]["positions"], case["name"]
        assert plain.unknown == case["v1"]["unknown"], case["name"]
