"""How many held-out bugs does the built-in repairer repair, and how fast?

    python -m benchmarks.repair_rate --budgets 10 60 --seeds 1
    python -m benchmarks.repair_rate --set two_edits --rounds 2 --budgets 20

Each run is what a candidate of the farm does: a fresh checkout, `python -P -m workers.repair` for up to
`--rounds` rounds within one wall-clock budget, then the tests, unedited, in an interpreter of their own.
"""

import argparse
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import yaml

BUGS = Path(__file__).resolve().parent.parent / "tests/data/repair_bugs"
MODULE, TESTS = "subject.py", "tests/test_code.py"
COMMAND = ["python", "-m", "pytest", "-q", "tests"]


@dataclass(frozen=True)
class Bug:
    """One entry of the held-out data."""

    name: str
    kind: str
    right: str
    wrong: str
    tests: str


@dataclass(frozen=True)
class Run:
    """One try to repair one bug."""

    name: str
    budget: float
    seed: int
    fixed: bool
    exact: bool
    """The repaired file is the right one, byte for byte."""
    seconds: float
    rounds: int
    first_candidate: float | None
    """Seconds from the start of the program to its first candidate."""
    candidates: int | None
    message: str


def load_bugs(group: str) -> list[Bug]:
    """`single`: all single edits; else the bugs of the file of that name."""
    files = sorted(BUGS.glob("*.yaml")) if group == "single" else [BUGS / f"{group}.yaml"]
    rows = [
        row
        for file in files
        if group != "single" or file.stem != "two_edits"
        for row in yaml.safe_load(file.read_text("utf-8"))
    ]
    return [_bug(row) for row in rows]


def _bug(row: dict[str, Any]) -> Bug:
    wrong = row["code"]
    for change in row["bug"]:
        right = _placed(wrong, change["right"])
        if wrong.count(right) != 1:
            raise ValueError(f"{row['name']}: {change['right']!r} must occur exactly once in the code")
        wrong = wrong.replace(right, _placed(wrong, change["wrong"]))
    return Bug(row["name"], row["kind"], row["code"], wrong, row["tests"])


def _placed(code: str, text: str) -> str:
    """Lines in the data may be written four columns deeper than they stand in the code."""
    return text if text in code else re.sub(r"^    ", "", text, flags=re.MULTILINE)


def write_checkout(bug: Bug, folder: Path) -> None:
    """The repository that a candidate starts from."""
    (folder / "tests").mkdir(parents=True)
    (folder / MODULE).write_text(bug.wrong, "utf-8")
    (folder / TESTS).write_text(bug.tests, "utf-8")


def environment(**more: str) -> dict[str, str]:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return {"PATH": path, "PYTHONDONTWRITEBYTECODE": "1", "PYTHONHASHSEED": "0", "LANG": "C.UTF-8", **more}


def passes(code: str, tests: str, area: Path) -> bool:
    """Whether the tests pass on the code, in a folder of their own."""
    bug = Bug("", "", code, code, tests)
    with tempfile.TemporaryDirectory(dir=area) as folder:
        write_checkout(bug, Path(folder))
        command = [
            sys.executable,
            "-m",
            "pytest",
            "-q",
            "-p",
            "no:cacheprovider",
            "-p",
            "no:randomly",
            "tests",
        ]
        try:
            done = subprocess.run(
                command, cwd=folder, env=environment(), capture_output=True, timeout=20, check=False
            )
        except subprocess.TimeoutExpired:
            return False
        return done.returncode == 0


def repair(bug: Bug, budget: float, seed: int, rounds: int) -> Run:
    """One run within `budget` seconds, from checkout to verdict."""
    with tempfile.TemporaryDirectory(prefix="repair-rate-") as name:
        area = Path(name)
        checkout = area / "checkout"
        write_checkout(bug, checkout)
        fixed, used, logs, spent = False, 0, "", 0.0
        result: dict[str, Any] = {}
        while not fixed and used < rounds and budget - spent > 0.5:
            used += 1
            began = time.monotonic()
            result = run_round(area, checkout, seed, used, budget - spent)
            spent += time.monotonic() - began
            logs += f"{result.get('message', '')}\n"
            fixed = passes((checkout / MODULE).read_text("utf-8"), bug.tests, area)
        code = (checkout / MODULE).read_text("utf-8")
        untouched = (checkout / TESTS).read_text("utf-8") == bug.tests
    first = re.search(r"the first after ([0-9.]+) s", logs)
    tried = [int(number) for number in re.findall(r"(\d+) candidates tried", logs)]
    return Run(
        bug.name, budget, seed, fixed and untouched, code == bug.right, round(spent, 2), used,
        float(first[1]) if first else None, sum(tried) if tried else None, str(result.get("message", "")),
    )  # fmt: skip


def run_round(area: Path, checkout: Path, seed: int, number: int, budget: float) -> dict[str, Any]:
    """One round by the contract of toolchains; returns its result."""
    out, home = area / f"round-{number}", area / "home"
    out.mkdir()
    home.mkdir(exist_ok=True)
    gate = {"name": "test", "command": COMMAND, "required": True, "timeout_seconds": 60.0, "junit": True}
    manifest = {
        "gates": [gate],
        "protected_paths": ["tests/**"],
        "round": number,
        "feedback": None,
        "issue": {},
    }
    (out / "manifest.json").write_text(json.dumps(manifest), "utf-8")
    (out / "prompt.md").write_text("The tests fail.\n", "utf-8")
    env = environment(
        HOME=str(home), BENCH_WORKDIR=str(checkout), BENCH_PROMPT=str(out / "prompt.md"),
        BENCH_MANIFEST=str(out / "manifest.json"), BENCH_RESULT=str(out / "result.json"),
        BENCH_SEED=str(seed), BENCH_BUDGET_SECONDS=str(budget), BENCH_ROUND=str(number),
    )  # fmt: skip
    process = subprocess.Popen(
        [sys.executable, "-P", "-m", "workers.repair"], cwd=checkout, env=env, text=True,
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True,
    )  # fmt: skip
    try:
        log, _ = process.communicate(timeout=budget + 0.5)
    except subprocess.TimeoutExpired:
        process.terminate()
        log, _ = process.communicate(timeout=5)
        log += "\nran past its budget\n"
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    try:
        return dict(json.loads((out / "result.json").read_text("utf-8")))
    except (OSError, ValueError):
        return {"message": log.strip()[-200:]}


def check(bugs: Sequence[Bug]) -> int:
    """Whether each bug is one: right code passes its tests, wrong code does not. Returns how many are not."""
    bad = 0
    with tempfile.TemporaryDirectory() as area:
        for bug in bugs:
            if not passes(bug.right, bug.tests, Path(area)) or passes(bug.wrong, bug.tests, Path(area)):
                print(f"{bug.name}: the right code must pass the tests and the wrong code must not")
                bad += 1
    print(f"{len(bugs) - bad} of {len(bugs)} bugs are bugs")
    return bad


def shown(run: Run) -> str:
    verdict = "exact" if run.exact else "fixed" if run.fixed else "-"
    first = f"{run.first_candidate:.2f}" if run.first_candidate is not None else "?"
    return f"{run.name:<18} {verdict:<6}{run.seconds:6.1f} s {run.rounds} first {first} s  {run.message[:80]}"


def summary(runs: Sequence[Run], budget: float) -> str:
    held = [run for run in runs if run.budget == budget]
    fixed = sorted(run.seconds for run in held if run.fixed)
    firsts = sorted(run.first_candidate for run in held if run.first_candidate is not None)
    median = f", median {fixed[len(fixed) // 2]:.1f} s" if fixed else ""
    first = f"; first candidate after {firsts[len(firsts) // 2]:.2f} s (median)" if firsts else ""
    return f"{budget:g} s: {len(fixed)} of {len(held)} fixed ({len(fixed) / len(held):.0%}){median}{first}"


def main() -> int:
    parser = argparse.ArgumentParser(description="How many held-out bugs does the repairer repair?")
    parser.add_argument("--budgets", type=float, nargs="+", default=[10, 60])
    parser.add_argument("--seeds", type=int, nargs="+", default=[1])
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--set", default="single", help="single, or a file of tests/data/repair_bugs")
    parser.add_argument("--names", nargs="+", help="only these bugs")
    parser.add_argument("--check", action="store_true", help="only check the data")
    parser.add_argument("--json", type=Path, help="also write every run to this file")
    options = parser.parse_args()
    bugs = [bug for bug in load_bugs(options.set) if not options.names or bug.name in options.names]
    if options.check:
        return min(1, check(bugs))
    runs: list[Run] = []
    for budget in options.budgets:
        for bug in bugs:
            for seed in options.seeds:
                runs.append(repair(bug, budget, seed, options.rounds))
                print(shown(runs[-1]), flush=True)
        print(summary(runs, budget), flush=True)
        if options.json:
            options.json.write_text(json.dumps([asdict(run) for run in runs], indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
