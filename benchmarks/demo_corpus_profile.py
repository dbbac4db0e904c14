"""How hard is each demo issue? Run the built-in repairer over them at several budgets and seeds.

    python -m benchmarks.demo_corpus_profile --risk critical --minutes 15 120 --seeds 1 2 3

Each run is what a candidate of the farm does: a shallow clone of the issue's commit, up to two rounds of
`workers.repair` and the gate within one wall-clock budget. The table shows, for each budget, the seconds of
the runs that passed and `-` for those that did not.
"""

import argparse
import itertools
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from bench.demo.backlog import DemoIssue, backlog
from bench.demo.corpus import SECONDS_PER_MINUTE, DemoCorpus, build_corpus
from workers.spec import Gate, ToolchainRef
from workers.toolchains.base import RoundContext
from workers.toolchains.repair import Repair


@dataclass(frozen=True)
class Run:
    """One candidate."""

    issue: str
    minutes: float
    seed: int
    passed: bool
    seconds: float
    cpu_seconds: float
    """Steadier than `seconds` on a busy machine; of all runs at that time where there are several jobs."""
    rounds: int
    message: str
    patch: str


def candidate(
    corpus: DemoCorpus, issue: DemoIssue, minutes: float, seed: int, rounds: int, area: Path
) -> Run:
    """One candidate from clone to verdict; the clock starts after the clone."""
    checkout = area / "checkout"
    url = f"file://{corpus.repo}"
    clone = ["git", "clone", "-q", "--depth", "1", "-b", issue.branch, url, str(checkout)]
    subprocess.run(clone, check=True)
    base = corpus.commits[issue.branch]
    gates = [Gate.model_validate(gate) for gate in issue.workcell(base)["gates"]]
    started, cpu = time.monotonic(), _cpu()
    deadline = started + minutes * SECONDS_PER_MINUTE
    passed, used = False, 0
    while not passed and used < rounds and time.monotonic() < deadline:
        used += 1
        context = _context(area, checkout, issue, gates, seed, used, deadline - time.monotonic())
        _run_round(context, deadline)
        passed = _passes(checkout, gates[0])
    seconds, cpu = time.monotonic() - started, _cpu() - cpu
    patch = subprocess.run(
        ["git", "-C", str(checkout), "diff", "-U0"], capture_output=True, text=True, check=True
    ).stdout
    return Run(issue.id, minutes, seed, passed, seconds, cpu, used, _message(context), patch)


def _cpu() -> float:
    times = os.times()
    return times.children_user + times.children_system


def _message(context: RoundContext) -> str:
    try:
        return str(json.loads((context.out / "result.json").read_text())["message"])
    except (OSError, ValueError, KeyError):
        return "no result"


def _context(
    area: Path, checkout: Path, issue: DemoIssue, gates: list[Gate], seed: int, number: int, left: float
) -> RoundContext:
    out, home = area / f"round-{number}", area / "home"
    out.mkdir()
    home.mkdir(exist_ok=True)
    prompt, manifest = out / "prompt.md", out / "manifest.json"
    prompt.write_text(f"# {issue.title}\n\n{issue.description}\n")
    shown = [gate.model_dump(mode="json") for gate in gates]
    manifest.write_text(json.dumps({"gates": shown, "protected_paths": ["tests/**"]}))
    ref = ToolchainRef(name="repair")
    return RoundContext(ref, checkout, prompt, manifest, out, home, seed, number, left, 0)


def _run_round(context: RoundContext, deadline: float) -> None:
    invocation = Repair().invocation(context)
    with (context.out / "log").open("wb") as log:
        process = subprocess.Popen(
            invocation.argv, env=dict(invocation.env), cwd=context.checkout, stdin=subprocess.DEVNULL,
            stdout=log, stderr=log, start_new_session=True,
        )  # fmt: skip
        try:
            process.wait(max(0.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGTERM)
            with suppress(subprocess.TimeoutExpired):
                process.wait(1)
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _passes(checkout: Path, gate: Gate) -> bool:
    environment = {"PATH": os.environ["PATH"], "PYTHONDONTWRITEBYTECODE": "1"}
    try:
        done = subprocess.run(
            gate.command,
            cwd=checkout,
            env=environment,
            capture_output=True,
            timeout=gate.timeout_seconds,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return False
    return done.returncode == 0


def profile(corpus: DemoCorpus, issues: list[DemoIssue], options: argparse.Namespace) -> Iterator[list[Run]]:
    """The runs of one issue after the other, in the order of budgets and seeds."""

    def one(pair: tuple[DemoIssue, float, int]) -> Run:
        issue, minutes, seed = pair
        with tempfile.TemporaryDirectory(prefix="demo-profile-") as area:
            return candidate(corpus, issue, minutes, seed, options.rounds, Path(area))

    with ThreadPoolExecutor(options.jobs) as pool:
        for issue in issues:
            yield list(pool.map(one, itertools.product([issue], options.minutes, options.seeds)))


def table_row(issue: DemoIssue, runs: list[Run], minutes: list[float], cpu: bool) -> str:
    cells = []
    for budget in minutes:
        mine = [run for run in runs if run.minutes == budget]
        shown = [f"{run.cpu_seconds if cpu else run.seconds:.1f}" if run.passed else "-" for run in mine]
        cells.append(" ".join(f"{text:>5}" for text in shown))
    return f"{issue.id}  {issue.risk:<8} {issue.size:<2}  " + "  |  ".join(cells)


def main() -> None:
    parser = argparse.ArgumentParser(description="How hard is each demo issue for the built-in repairer?")
    parser.add_argument("--minutes", type=float, nargs="+", default=[15, 30, 60, 120])
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--jobs", type=int, default=1, help="candidates at the same time")
    parser.add_argument("--cpu", action="store_true", help="show CPU seconds instead of wall-clock seconds")
    parser.add_argument("--verbose", action="store_true", help="show what the repairer said of each run")
    parser.add_argument("--risk", nargs="+", default=["low", "medium", "high", "critical"])
    parser.add_argument("--issues", nargs="+", help="only these ids")
    parser.add_argument("--json", type=Path, help="also write every run, with its patch, to this file")
    options = parser.parse_args()
    os.environ["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    chosen = [
        issue
        for issue in backlog()
        if issue.bug and issue.risk in options.risk and (not options.issues or issue.id in options.issues)
    ]
    everything: list[Run] = []
    with tempfile.TemporaryDirectory(prefix="demo-corpus-") as directory:
        started = time.monotonic()
        corpus = build_corpus(Path(directory))
        print(f"built in {time.monotonic() - started:.2f} s; {SECONDS_PER_MINUTE} s a minute")
        budgets = "  |  ".join(f"{m:g} min = {m * SECONDS_PER_MINUTE:g} s" for m in options.minutes)
        print(f"seconds to pass by seed {options.seeds}, at {budgets}")
        for runs in profile(corpus, chosen, options):
            issue = next(issue for issue in chosen if issue.id == runs[0].issue)
            print(table_row(issue, runs, options.minutes, options.cpu), flush=True)
            for run in runs if options.verbose else []:
                print(f"    seed {run.seed}, {run.minutes:g} min, {run.rounds} rounds: {run.message}")
            everything += runs
            if options.json:
                options.json.write_text(json.dumps([asdict(run) for run in everything], indent=1))
    print(f"{sum(run.passed for run in everything)} of {len(everything)} runs passed")


if __name__ == "__main__":
    main()
