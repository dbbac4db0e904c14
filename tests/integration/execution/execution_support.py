"""A real repository with a real bug, and work orders for it."""

import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from workers.spec import Gate, GateBaseline, ToolchainRef, WorkOrder

FILES = {
    "calc.py": "def add(a, b):\n    return a - b\n",
    "tests/test_calc.py": (
        "from calc import add\n\n\ndef test_adds():\n    assert add(2, 3) == 5\n\n\n"
        "def test_zero():\n    assert add(0, 0) == 0\n"
    ),
    ".gitattributes": "*.txt text eol=crlf\n",
    "notes.txt": "one\ntwo\n",
}
GATE = Gate(name="test", command=["python", "-m", "pytest", "-q", "tests"], junit=True, timeout_seconds=60)
BASELINE = GateBaseline(name="test", passed=False, collected=2, skipped=0, xfailed=0)
FIX = "from pathlib import Path; Path('calc.py').write_text('def add(a, b):\\n    return a + b\\n')"


def git(place: Path, *arguments: str) -> str:
    identity = {"GIT_AUTHOR_NAME": "a", "GIT_AUTHOR_EMAIL": "a@b", "GIT_COMMITTER_NAME": "a"}
    env = {**os.environ, **identity, "GIT_COMMITTER_EMAIL": "a@b", "GIT_CONFIG_GLOBAL": "/dev/null"}
    done = subprocess.run(["git", *arguments], cwd=place, env=env, capture_output=True, check=True)
    return done.stdout.decode().strip()


@dataclass(frozen=True)
class Repository:
    path: Path
    commit: str

    def add(self, files: dict[str, str]) -> "Repository":
        for name, text in files.items():
            (self.path / name).parent.mkdir(parents=True, exist_ok=True)
            (self.path / name).write_text(text)
        git(self.path, "add", "-A")
        git(self.path, "commit", "-qm", "change")
        return Repository(self.path, git(self.path, "rev-parse", "HEAD"))


def python(code: str, **more: Any) -> ToolchainRef:
    """A `command` toolchain that runs Python code."""
    return ToolchainRef(
        name="command", argv=[sys.executable, "-c", code.replace("{", "{{").replace("}", "}}")], **more
    )


Orders = Callable[..., WorkOrder]
