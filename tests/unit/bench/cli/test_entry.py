"""The console script where only the planner core is installed."""

import subprocess
import sys

_WITHOUT = """
import sys
sys.modules["sqlalchemy"] = None
from bench.cli.entry import run
sys.argv = ["bench", "--help"]
run()
"""


def test_without_the_farms_libraries_one_line_names_what_to_install() -> None:
    done = subprocess.run([sys.executable, "-c", _WITHOUT], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.strip() == (
        "bench: sqlalchemy is not installed; the farm needs: pip install 'bench-farm[farm]'"
    )
