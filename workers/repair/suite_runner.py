"""Test runner of one gate: its tests' outcomes before any edit, their coverage, and candidates run against them."""

import os
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from workers.gates.output import failure_line
from workers.repair.candidates import Candidate
from workers.repair.errors import ZygoteLostError
from workers.repair.launch import Suite, serving
from workers.repair.suspicion import Spectrum
from workers.repair.zygote import Zygote

_MIN_TEST, _SLOWER = 0.08, 5.0
_PER_FORK = 0.5
_CRASHES, _TRACED_HANGS = 4, 3
_PASSING_SHARE = 0.3


@dataclass(frozen=True)
class Verdict:
    """Result of one candidate."""

    passed: int
    """Tests that failed before and pass now."""
    clean: bool
    """Whether there is no regression: every test that passed still does; False where these were not run."""
    cold: bool = False
    """Whether the candidate must be run with a fresh import before there is a result."""


class SuiteRunner:
    """Runs one suite. Every wait raises `TimeoutError` at its deadline."""

    def __init__(self, suite: Suite, workdir: str, editable: Sequence[str]) -> None:
        self.suite, self.workdir, self.editable = suite, workdir, editable
        self._addopts = True
        self.broken: str | None = None
        self.lacks: str | None = None
        """A module that the environment lacks, where tests could not be collected for that."""
        self.collects = True
        self.failing: list[str] = []
        self.passing: list[str] = []
        self.skipped = 0
        self.import_lines: dict[str, list[int]] = {}
        self.spectra: list[Spectrum] = []
        self.types: dict[str, dict[str, list[str]]] = {}
        self._modules: list[str] = []
        self._seconds: dict[str, float] = {}
        self._start = 1.0
        self._quick = True
        self._hung: set[str] = set()
        self._warm: Zygote | None = None
        self._cold: Zygote | None = None

    def open(self, deadline: float) -> None:
        """Collect the tests; afterwards `broken` is the reason where there are none."""
        began = time.monotonic()
        hello = self._collect(deadline)
        if "error" in hello:
            self.close()
            self._addopts = False
            hello = self._collect(deadline)
        self._start = time.monotonic() - began
        self.broken = hello.get("error")
        self.lacks = hello.get("lacks")
        self.collects = not hello.get("collect_errors")
        self.import_lines = hello.get("lines", {})
        self._modules = hello.get("modules", [])
        if not self.collects:
            blamed = [tuple(where) for where in hello["where"]]
            self.spectra = [Spectrum(True, self.import_lines, blamed)]
        self.tests: list[str] = hello.get("tests", [])
        if self.broken is None and self.collects and not self.tests:
            self.broken = "the gate collects no tests"

    def _collect(self, deadline: float) -> dict[str, Any]:
        try:
            self._warm = self._start_zygote(None, deadline)
            hello: dict[str, Any] = self._warm.hello(deadline)
        except ZygoteLostError:
            hello = {"error": "the process that collects the tests died"}
        if "error" in hello and (words := _failure_line(_log())):
            hello["error"] += f": {words}"
        return hello

    def _start_zygote(self, modules: list[str] | None, deadline: float) -> Zygote:
        """A zygote (prefork server) that has collected the tests, or that has only imported the given `modules`."""
        zygote = Zygote(serving(self.suite, self.workdir, _environment(), _log()))
        order = {
            "root": self.workdir,
            "editable": self.editable,
            "addopts": self._addopts,
            "modules": modules,
        }
        try:
            zygote.begin(order, deadline)
        except BaseException:
            zygote.close()
            raise
        return zygote

    def measure(self, deadline: float, per_test: float) -> None:
        """Run all tests on the current code: once for the outcomes, once traced for coverage, failing ones first."""
        if not self.collects:
            return
        self._outcomes(deadline, per_test)
        self.failing.sort(key=lambda test: (test in self._hung, self._seconds.get(test, 0.0)))
        if self.failing:
            self._trace(deadline, max(0.1, 50 * self._longest()) if self._hung else per_test)

    def _outcomes(self, deadline: float, per_test: float) -> None:
        unknown = list(self.tests)
        for _ in range(_CRASHES):
            for line in self._run({"first": unknown}, deadline, per_test):
                self._record_outcome(line["test"], line["outcome"], line["seconds"])
            unknown = [test for test in unknown if test not in self._seconds]
            if not unknown:
                return
            self._record_outcome(unknown.pop(0), "timeout", per_test)
        self.passing += unknown

    def _record_outcome(self, test: str, outcome: str, seconds: float) -> None:
        self._seconds[test] = seconds
        self.skipped += outcome == "skipped"
        if outcome == "timeout":
            self._hung.add(test)
        (self.failing if outcome in ("failed", "timeout") else self.passing).append(test)

    def _trace(self, deadline: float, per_test: float) -> None:
        hung = [test for test in self.failing if test in self._hung]
        traced = [test for test in self.failing if test not in self._hung] + hung[:_TRACED_HANGS]
        covered: dict[str, str] = {}
        for line in self._run({"first": traced, "trace": True, "quick": True}, deadline, per_test):
            covered[line["test"]] = str(line["lines"])
            self._quick = self._quick and line["outcome"] in ("failed", "timeout")
            self._record_trace(line, failed=True)
        until = time.monotonic() + _PASSING_SHARE * (deadline - time.monotonic())
        passing = sorted(self.passing, key=lambda test: self._seconds.get(test, 9.0))
        for line in self._run({"first": passing, "trace": True, "quick": True}, until, per_test):
            self._quick = self._quick and line["outcome"] != "failed"
            self._record_trace(line, failed=False)
        self.failing = interleaved(self.failing, covered)

    def _record_trace(self, line: dict[str, Any], failed: bool) -> None:
        if line["outcome"] == "skipped":
            return
        blamed = [tuple(where) for where in line["where"]]
        self.spectra.append(Spectrum(failed, self._with_import(line["lines"]), blamed))
        for where, held in line["types"].items():
            known = self.types.setdefault(where, {})
            for name, kinds in held.items():
                known[name] = sorted({*known.get(name, ()), *kinds})

    def _with_import(self, lines: dict[str, list[int]]) -> dict[str, list[int]]:
        return {path: [*there, *self.import_lines.get(path, ())] for path, there in lines.items()}

    def _run(self, request: dict[str, Any], deadline: float, per_test: float) -> list[dict[str, Any]]:
        assert self._warm is not None
        limit = max(0.2, deadline - time.monotonic())
        ticket = self._warm.ask(
            {**request, "limit": limit, "per_test": per_test, "idle": 2 * per_test + 1, "all": True},
            deadline + 2,
        )
        lines: list[dict[str, Any]]
        lines, _ = self._warm.answer(ticket, deadline + 2)
        return lines

    def _longest(self) -> float:
        known = [seconds for test, seconds in self._seconds.items() if test not in self._hung]
        return max(known, default=0.0)

    def ask(self, candidate: Candidate, than: int, left: float, cold: bool) -> Callable[[float], Verdict]:
        """Start a candidate; returns a function that waits for its verdict until a deadline (monotonic seconds)."""
        zygote = self._zygote(cold, time.monotonic() + left)
        per_test = _MIN_TEST + _SLOWER * self._longest()
        limit = _PER_FORK + 3 * per_test + _SLOWER * sum(self._seconds.values())
        request: dict[str, Any] = {
            "quick": self._quick and not cold,
            "edit": candidate.cold if cold else candidate.warm,
            "first": self.failing if self.collects else None,
            "rest": self.passing,
            "than": than,
            "per_test": per_test,
            "idle": 0.5 + 4 * per_test + (2 + 4 * self._start if cold else 0),
            "limit": min(left, limit + (2 + 4 * self._start if cold else 0)),
        }
        ticket = zygote.ask(request, time.monotonic() + left)
        return lambda deadline: self._verdict(*zygote.answer(ticket, deadline))

    def _zygote(self, cold: bool, deadline: float) -> Zygote:
        if not cold:
            if self._warm is None:
                self._warm = self._start_zygote(None, deadline)
                self._warm.hello(time.monotonic() + 10 + 4 * self._start)
            return self._warm
        if self._cold is None:
            self._cold = self._start_zygote(self._modules, deadline)
        return self._cold

    def _verdict(self, lines: Sequence[Any], done: bool) -> Verdict:
        if lines and lines[0].get("cold"):
            return Verdict(0, False, cold=True)
        if lines and lines[0].get("collect_errors"):
            return Verdict(0, False)
        outcomes = {line["test"]: line["outcome"] for line in lines if "test" in line}
        if not self.collects:
            good = done and bool(outcomes) and set(outcomes.values()) == {"passed"}
            return Verdict(int(good), good)
        passed = sum(outcomes.get(test) == "passed" for test in self.failing)
        rest = [outcomes.get(test) for test in self.passing]
        sound = None not in rest and "failed" not in rest and "timeout" not in rest
        return Verdict(passed, done and sound and rest.count("skipped") <= self.skipped)

    @property
    def goal(self) -> int:
        """The number of tests that must change from failing to passing."""
        return len(self.failing) if self.collects else 1

    def renew(self) -> None:
        """Discard processes that died or hang; new ones are started when needed."""
        self.close()

    def close(self) -> None:
        """Kill every process of the runner."""
        for zygote in (self._warm, self._cold):
            if zygote is not None:
                zygote.close()
        self._warm = self._cold = None


def _environment() -> dict[str, str]:
    """The environment of the gate's command, without the variables of the order."""
    return {name: value for name, value in os.environ.items() if not name.startswith("BENCH_")}


def _log() -> Path:
    return Path(tempfile.gettempdir(), "collecting.log")


def _failure_line(log: Path) -> str:
    """The line of pytest's output that names its failure; empty where there is no log."""
    try:
        return failure_line(log.read_text("utf-8", "replace"))
    except OSError:
        return ""


def interleaved(tests: Sequence[str], group: Mapping[str, object]) -> list[str]:
    """The tests reordered round-robin over their groups: the first of each group, then the second of each."""
    rank: dict[object, int] = {}
    ranked = []
    for number, test in enumerate(tests):
        key = group.get(test)
        rank[key] = rank.get(key, -1) + 1
        ranked.append((rank[key], number, test))
    return [test for _, _, test in sorted(ranked)]
