"""The built-in repairer as a program: what it does within its contract, and what it never does."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]

CLAMP = '''"""Numbers.\t"""
import sys    # kept as it is


def clamp( value,low,   high ):
    return max(low, max(value, high))


def tail (items) : return items [ -1 ]
'''
CLAMP_TESTS = """
from pkg.numbers import clamp

def test_inside():
    assert clamp(5, 0, 10) == 5

def test_below():
    assert clamp(-5, 0, 10) == 0

def test_above():
    assert clamp(15, 0, 10) == 10
"""
HOPELESS = """
from pkg.numbers import clamp

def test_nothing_mends_this():
    clamp(5, 0, 10)
    assert False
"""


@dataclass
class Checkout:
    """A small repository and one round's files beside it."""

    area: Path

    @property
    def root(self) -> Path:
        return self.area / "checkout"

    def write(self, files: dict[str, str]) -> None:
        for name, text in files.items():
            path = self.root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(text.encode())

    def read(self, name: str = "pkg/numbers.py") -> str:
        return (self.root / name).read_bytes().decode()

    def env(self, budget: float, **manifest: Any) -> dict[str, str]:
        command = ["python", "-m", "pytest", "-q", "tests"]
        gate = {"name": "test", "command": command, "required": True, "timeout_seconds": 30.0, "junit": True}
        number = manifest.pop("number", 1)
        document = {
            "gates": [gate],
            "protected_paths": ["tests/**"],
            "round": 1,
            "feedback": None,
            **manifest,
        }
        (self.area / "manifest.json").write_text(json.dumps(document))
        (self.area / "prompt.md").write_text("Mend it.\n")
        (self.area / "home").mkdir(exist_ok=True)
        return {
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "HOME": str(self.area / "home"),
            "LANG": "C.UTF-8",
            "PYTHONHASHSEED": "0",
            "PYTHONDONTWRITEBYTECODE": "1",
            "OF_CHECKOUT": str(self.root),
            "BENCH_WORKDIR": str(self.root),
            "BENCH_PROMPT": str(self.area / "prompt.md"),
            "BENCH_MANIFEST": str(self.area / "manifest.json"),
            "BENCH_RESULT": str(self.area / "result.json"),
            "BENCH_SEED": "1",
            "BENCH_ROUND": str(number),
            "BENCH_BUDGET_SECONDS": str(budget),
        }

    def start(self, budget: float, **manifest: Any) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-P", "-m", "workers.repair"], cwd=self.root, env=self.env(budget, **manifest),
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            start_new_session=True,
        )  # fmt: skip

    def repair(self, budget: float = 60, **manifest: Any) -> tuple[str, float]:
        """The status of the result, and the seconds it took."""
        started = time.monotonic()
        process = self.start(budget, **manifest)
        with _ended(process):
            log, _ = process.communicate(timeout=budget + 60)
        assert process.returncode == 0, log
        return self.result()["status"], time.monotonic() - started

    def result(self) -> dict[str, Any]:
        document: dict[str, Any] = json.loads((self.area / "result.json").read_text())
        return document

    def files(self) -> dict[str, bytes]:
        return {
            str(path.relative_to(self.root)): path.read_bytes()
            for path in sorted(self.root.rglob("*"))
            if path.is_file()
        }

    def relatives(self) -> list[int]:
        """Living processes whose environment names this checkout."""
        found = []
        for folder in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):
                mine = f"OF_CHECKOUT={self.root}".encode() in (folder / "environ").read_bytes()
                if mine and (folder / "stat").read_text().rsplit(")", 1)[1].split()[0] != "Z":
                    found.append(int(folder.name))
        return found


class _ended:  # noqa: N801 - a context that reads like a word
    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def __enter__(self) -> None:
        return None

    def __exit__(self, *_: object) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()


@pytest.fixture
def checkout(tmp_path: Path) -> Iterator[Checkout]:
    made = Checkout(tmp_path)
    made.write({"pkg/__init__.py": "", "pkg/numbers.py": CLAMP, "tests/test_numbers.py": CLAMP_TESTS})
    yield made
    left = made.relatives()
    for pid in left:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    assert not left, "a process outlived the repairer"


def test_the_repaired_file_differs_in_the_edited_span_alone(checkout: Checkout) -> None:
    before = checkout.files()
    status, _ = checkout.repair()
    assert status == "success"
    changed = [
        (old, new)
        for old, new in zip(CLAMP.splitlines(), checkout.read().splitlines(), strict=True)
        if old != new
    ]
    assert len(changed) == 1
    after = checkout.files()
    assert {name for name in after if after[name] != before.get(name)} == {"pkg/numbers.py"}


def test_the_result_says_no_cost_and_no_tokens(checkout: Checkout) -> None:
    checkout.repair()
    result = checkout.result()
    assert result["cost_usd"] is None
    assert (result["tokens_in"], result["tokens_out"]) == (0, 0)
    assert "pkg/numbers.py" in result["message"]


def test_a_protected_file_is_never_edited_even_when_the_bug_is_in_it(checkout: Checkout) -> None:
    before = checkout.files()
    status, _ = checkout.repair(3, protected_paths=["tests/**", "pkg/num*.py"])
    assert status == "failed"
    assert checkout.files() == before


def test_without_a_repair_the_checkout_is_untouched_and_the_budget_kept(checkout: Checkout) -> None:
    code = "".join(CLAMP.replace("clamp", f"clamp{n}") for n in range(40))
    calls = "".join(f"    numbers.clamp{n}(5, 0, 10)\n" for n in range(40))
    tests = f"from pkg import numbers\n\ndef test_nothing_mends_this():\n{calls}    assert False\n"
    checkout.write({"pkg/numbers.py": code, "tests/test_numbers.py": tests})
    before = checkout.files()
    status, seconds = checkout.repair(2)
    assert status == "failed"
    assert seconds < 30, "there is work for minutes"
    assert checkout.files() == before


def test_passing_tests_are_left_alone(checkout: Checkout) -> None:
    checkout.write({"pkg/numbers.py": CLAMP.replace("max(value", "min(value")})
    before = checkout.files()
    status, _ = checkout.repair()
    assert (status, checkout.files()) == ("error", before), "what failed on the base commit was not seen here"
    status, _ = checkout.repair(number=2)
    assert (status, checkout.files()) == ("success", before)


def test_an_edit_that_mends_some_tests_and_breaks_none_is_kept_as_partial(checkout: Checkout) -> None:
    checkout.write({"tests/test_other.py": HOPELESS})
    status, _ = checkout.repair(12)
    assert status == "partial"
    assert "max(low, max(value, high))" not in checkout.read()


def test_a_second_round_goes_on_from_the_edits_of_the_first(checkout: Checkout) -> None:
    bugs = CLAMP + "\n\ndef double(value):\n    return value + 2\n"
    tests = (
        CLAMP_TESTS + "\ndef test_double():\n    from pkg.numbers import double\n    assert double(5) == 10\n"
    )
    tests += "\ndef test_double_zero():\n    from pkg.numbers import double\n    assert double(0) == 0\n"
    checkout.write({"pkg/numbers.py": bugs, "tests/test_numbers.py": tests})
    assert checkout.repair(12)[0] == "partial"
    assert checkout.repair()[0] == "success"


def test_a_loop_without_end_is_a_failing_candidate_and_nothing_more(checkout: Checkout) -> None:
    code = "def count_down(n):\n    out = []\n    while n > 0:\n        out.append(n)\n        n += 1\n    return out\n"
    tests = "from pkg.numbers import count_down\n\ndef test_it():\n    assert count_down(3) == [3, 2, 1]\n"
    tests += "\ndef test_none():\n    assert count_down(0) == []\n"
    checkout.write({"pkg/numbers.py": code, "tests/test_numbers.py": tests})
    status, seconds = checkout.repair(30)
    assert (status, seconds < 30) == ("success", True)


def test_a_bug_that_breaks_the_import_is_repaired(checkout: Checkout) -> None:
    code = (
        CLAMP.replace("max(low, max(value", "max(low, min(value") + "\nHALVES = [10 / n for n in (0, 1, 2)]\n"
    )
    code = code.replace("(0, 1, 2)", "(2, 1, 0)[0:3]")
    checkout.write({"pkg/numbers.py": code})
    assert checkout.repair()[0] == "success"


def test_sigterm_ends_it_promptly_with_a_result_and_whole_files(checkout: Checkout) -> None:
    checkout.write({"tests/test_numbers.py": HOPELESS})
    before = checkout.files()
    process = checkout.start(60)
    with _ended(process):
        assert process.stdout is not None
        for line in process.stdout:
            if "first candidate" in line:
                break
        process.terminate()
        log, _ = process.communicate(timeout=50)
    assert process.returncode == 0, log
    assert checkout.result()["status"] == "failed"
    assert checkout.files() == before


def test_what_candidates_leave_behind_dies_with_them(checkout: Checkout) -> None:
    """The code under repair starts a process in a session of its own: the fixture finds it if it lives on."""
    code = "import subprocess, sys\n" + CLAMP.replace(
        "    return max",
        "    subprocess.Popen([sys.executable, '-c', 'input()'], start_new_session=True)\n    return max",
    )
    code = code.replace("'input()'", "'import time; time.sleep(60)'")
    checkout.write({"pkg/numbers.py": code, "tests/test_numbers.py": HOPELESS})
    checkout.repair(3)
    assert checkout.relatives() == []


def test_a_package_named_like_its_own_is_not_confused_with_it(checkout: Checkout) -> None:
    tests = CLAMP_TESTS.replace("pkg.numbers", "workers.numbers")
    checkout.write({"workers/__init__.py": "", "workers/numbers.py": CLAMP, "tests/test_numbers.py": tests})
    assert checkout.repair()[0] == "success"
    assert "max(low, max(value, high))" not in checkout.read("workers/numbers.py")


def test_a_broken_order_is_refused_in_one_line(checkout: Checkout) -> None:
    env = checkout.env(5)
    (checkout.area / "manifest.json").write_text("{")
    done = subprocess.run(
        [sys.executable, "-P", "-m", "workers.repair"],
        env=env,
        cwd=checkout.root,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1
    assert "BENCH_MANIFEST" in done.stderr


@pytest.mark.skipif(shutil.which("bwrap") is None, reason="bubblewrap is not installed")
def test_it_repairs_in_a_sandbox_without_network_and_rights(checkout: Checkout) -> None:
    env = checkout.env(60)
    area = checkout.area
    wrap = [
        "bwrap", "--unshare-all", "--die-with-parent", "--cap-drop", "ALL", "--uid", "65534", "--gid", "65534",
        "--ro-bind", "/", "/", "--dev", "/dev", "--proc", "/proc", "--tmpfs", "/tmp",
        # The program itself may lie below /tmp.
        "--ro-bind", sys.prefix, sys.prefix, "--ro-bind", str(ROOT), str(ROOT),
        "--bind", str(area), str(area), "--chdir", str(checkout.root),
        sys.executable, "-P", "-m", "workers.repair",
    ]  # fmt: skip
    probe = subprocess.run(
        [*wrap[: wrap.index("--chdir")], "true"], capture_output=True, text=True, check=False
    )
    if probe.returncode:
        pytest.skip(f"bubblewrap cannot be used here: {probe.stderr.strip()}")
    done = subprocess.run(wrap, env=env, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert checkout.result()["status"] == "success"
