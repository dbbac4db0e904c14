"""What stays out of a patch: environments, caches and what the base commit ignores; all of it is counted."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.fixtures.executions import FIX, Orders, Repository, python
from workers.control import Control
from workers.execution.machine import Machine
from workers.execution.run import run_execution
from workers.result import CandidateResult
from workers.spec import Gate, WorkOrder

CHEAP = [Gate(name="g", command=["true"])]
START = f"""
import os
from pathlib import Path
def put(path, text="x"):
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Path(path).write_bytes(text if isinstance(text, bytes) else text.encode())
{FIX}
"""


def run(order: WorkOrder, machine: Machine) -> CandidateResult:
    return run_execution(order, machine, Control()).candidates[0]


def proof(result: CandidateResult) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(Path(result.archive or "", "proof.json").read_text())
    return found


def test_an_environment_of_nine_megabytes_does_not_keep_a_fix_from_being_judged(
    order: Orders, machine: Machine
) -> None:
    code = START + (
        "put('.venv/pyvenv.cfg', 'home = /usr/bin')\n"
        "put('.venv/lib/big.so', os.urandom(9_000_000))\n"
        "put('web/node_modules/x/index.js')\n"
        "put('.aider.chat.history.md')\n"
        "put('src/.aider.tags.cache.v4/cache.db')\n"
        "for n in range(6000): put(f'env-of-mine/lib/{n}.py')\n"
        "put('env-of-mine/pyvenv.cfg')\n"
        "os.symlink('env-of-mine', 'venv3')\n"
        "put('src/calc.egg-info/entry_points.txt')\n"
    )
    result = run(order(python(code)), machine)
    assert (result.status, result.fail_codes) == ("success", [])
    assert result.files_modified == ["calc.py"]
    said = proof(result)["patch"]["left_out"]
    assert said["names"][0] == ".venv/"
    expected = {"env-of-mine/", "venv3", "web/node_modules/", "src/calc.egg-info/", ".aider.chat.history.md"}
    assert expected | {"src/.aider.tags.cache.v4/"} <= set(said["names"])
    assert said["files"] >= 6006
    assert said["bytes"] > 9_000_000


def test_what_the_base_commit_tracks_is_no_environment(
    order: Orders, machine: Machine, repository: Repository
) -> None:
    tracked = repository.add({"vendor/node_modules/lib/a.js": "1", "build/known.txt": "1"})
    base = tracked.add({".gitignore": "build/\n"})
    code = START + "put('vendor/node_modules/lib/b.js'); put('build/new.txt'); put('node_modules/c.js')"
    result = run(order(python(code), at=base, gates=CHEAP), machine)
    assert set(result.files_modified) == {"calc.py", "vendor/node_modules/lib/b.js"}
    assert result.left_out is not None
    assert set(result.left_out.names) == {"build/new.txt", "node_modules/"}


def test_ignore_rules_are_those_of_the_base_commit(
    order: Orders, machine: Machine, repository: Repository
) -> None:
    base = repository.add(
        {".gitignore": "dist/\n*.log\n", "sub/.gitignore": "/out\n!keep.log\n", "sub/a.py": "", "x.py": ""}
    )
    code = START + (
        "put('.gitignore', 'new.py\\n'); os.remove('sub/.gitignore'); put('other/.gitignore', '*')\n"
        "put('new.py'); put('dist/a.js'); put('sub/out'); put('sub/keep.log'); put('sub/b.log')\n"
        "put('other/deep/out'); put('.git/info/exclude', '*')\n"
    )
    result = run(order(python(code), at=base, gates=CHEAP), machine)
    assert set(result.files_modified) == {
        *(".gitignore", "sub/.gitignore", "other/.gitignore", "calc.py", "new.py", "sub/keep.log"),
        "other/deep/out",
    }
    assert result.left_out is not None
    assert set(result.left_out.names) == {"dist/", "sub/out", "sub/b.log"}
    assert result.left_out.files == 3


@pytest.mark.parametrize("place", ["data/big.bin", "data/a file\nof two lines"])
def test_a_patch_over_the_limit_names_its_largest_paths(order: Orders, machine: Machine, place: str) -> None:
    code = START + f"put({place!r}, os.urandom(9_000_000)); put('small.txt')"
    result = run(order(python(code)), machine)
    assert (result.status, result.fail_codes) == ("failed", ["patch_too_large", "not_run"])
    named = " ".join(place.split())
    assert (
        f"9.0 MB of changed files, where 8.4 MB or 5000 files are judged; most of it in {named} (9.0 MB)"
        in (result.message)
    )
    assert proof(result)["message"] == result.message


def test_removed_text_over_the_limit_is_named_too(
    order: Orders, machine: Machine, repository: Repository
) -> None:
    base = repository.add({"data.csv": "1234567\n" * 100_000})
    small = Machine(**{**machine.__dict__, "max_patch_bytes": 100_000})
    result = run(order(python("import os; os.remove('data.csv')"), at=base, gates=CHEAP), small)
    assert "data.csv (0.8 MB)" in result.message
