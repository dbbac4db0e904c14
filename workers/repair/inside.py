"""Inside a fork: a pytest plugin that runs the tests of a collected session for their outcomes only."""

from __future__ import annotations

import inspect
import os
import signal
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from types import FrameType
from typing import Any

import pytest
from _pytest.reports import CollectReport, TestReport

from workers.repair import swap
from workers.repair.tracing import Tracer, blamed
from workers.repair.zygote import Send

_SPECIAL = {"Skipped", "SkipTest", "XFailed", "Exit"}
_PATIENCE = 4


class TestTimeout(BaseException):
    """Raised in a test at its timeout."""

    __test__ = False


@dataclass(frozen=True)
class Site:
    """Location of the code under repair."""

    root: str
    editable: frozenset[str]
    """Paths relative to the root that edits may change: only these are traced."""
    _known: dict[str, str | None] = field(default_factory=dict)

    def path_of(self, filename: str) -> str | None:
        """The path under the root of an editable file, by the name its code objects carry."""
        if filename not in self._known:
            path = os.path.relpath(os.path.realpath(filename), self.root)
            self._known[filename] = path if path in self.editable else None
        return self._known[filename]

    def enter(self) -> None:
        sys.dont_write_bytecode = True
        swap.hide_self()


class Plugin:
    """Records test outcomes; `loop` replaces pytest's own run of the collected items."""

    def __init__(self, site: Site, tracer: Tracer) -> None:
        self.site = site
        self.tracer = tracer
        self.items: Sequence[pytest.Item] = ()
        self.collect_errors = 0
        self.where: list[tuple[str, int]] = []
        self.lacks: str | None = None
        """A module that the environment lacks, so that test files could not be collected."""
        self._outcome = "passed"
        self._late = False
        self._hangs = 0
        self._longest = 0.0

    def loop(self, session: pytest.Session) -> None:
        """Process the collected items; overridden."""

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        self.tracer.stop()
        self.items = session.items
        self.collect_errors = session.testsfailed
        self.loop(session)
        return True

    def pytest_exception_interact(self, call: Any, report: Any) -> None:
        if not isinstance(report, CollectReport) or call.excinfo is None:
            return
        error = call.excinfo.value
        if isinstance(error, pytest.Collector.CollectError) and error.__cause__ is not None:
            # pytest wraps a failed import in an error of its own.
            error = error.__cause__
        self.where += blamed(error.__traceback__, self.site.path_of)
        self.lacks = self.lacks or _missing_module(error)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_makereport(self, item: pytest.Item, call: Any) -> TestReport | None:
        """The report of a failure without its formatted traceback, which is the slowest part of it."""
        if call.excinfo is None or type(call.excinfo.value).__name__ in _SPECIAL:
            return None
        self.where = blamed(call.excinfo.tb, self.site.path_of)
        self._late = self._late or call.excinfo.type is TestTimeout
        return TestReport(
            item.nodeid, item.location, dict.fromkeys(item.keywords, 1), "failed", None, call.when,
            duration=call.duration, start=call.start, stop=call.stop,
        )  # fmt: skip

    def pytest_runtest_logreport(self, report: TestReport) -> None:
        if report.outcome != "passed" and self._outcome != "failed":
            self._outcome = report.outcome

    def limit(self, seconds: float) -> float:
        """A test's timeout: `seconds` until a test hangs, then one by the durations of the others."""
        return seconds if self._hangs < 1 else min(seconds, max(0.1, 30 * self._longest))

    def note(self, outcome: str, seconds: float) -> None:
        """Record the duration of a test."""
        if outcome == "timeout":
            self._hangs += 1
        else:
            self._longest = max(self._longest, seconds)

    def run(self, item: pytest.Item, following: pytest.Item | None, limit: float) -> str:
        """Run one test: `passed`, `failed`, `skipped` or `timeout`."""
        self._outcome = "passed"
        self.where = []
        self._late = False
        try:
            _alarm(limit)
            item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
        except TestTimeout:
            self._late = True
        finally:
            _alarm(0)
        return "timeout" if self._late else self._outcome

    def quick(self, item: pytest.Item, limit: float) -> str:
        """Call a plain test function without pytest's machinery: the same outcome at a tenth of the cost."""
        assert isinstance(item, pytest.Function)
        self.where = []
        params = item.callspec.params if hasattr(item, "callspec") else {}
        try:
            _alarm(limit)
            item.obj(**params)
        except TestTimeout:
            return "timeout"
        except BaseException as error:  # whatever a test raises is its outcome
            self.where = blamed(error.__traceback__, self.site.path_of)
            return "skipped" if type(error).__name__ in _SPECIAL else "failed"
        finally:
            _alarm(0)
        return "passed"


def _missing_module(error: BaseException) -> str | None:
    """The missing module; None where its package could be imported, so that the code, not the environment, lacks it."""
    name = error.name if isinstance(error, ModuleNotFoundError) else None
    return None if name is None or name.partition(".")[0] in sys.modules else name


def is_plain(item: pytest.Item) -> bool:
    """Whether a test is a function that uses no fixture and carries no mark, apart from its parameters."""
    if type(item) is not pytest.Function or inspect.iscoroutinefunction(item.obj):
        return False
    marks = list(item.iter_markers())
    if any(mark.name != "parametrize" or mark.kwargs.get("indirect") for mark in marks):
        return False
    params = item.callspec.params if hasattr(item, "callspec") else {}
    return set(item.fixturenames) <= params.keys()


def _alarm(limit: float) -> None:
    """Limit the CPU time of a test, so that a loaded machine fails no candidate; 0 removes the limit."""
    signal.signal(signal.SIGPROF, _too_long)
    signal.setitimer(signal.ITIMER_PROF, limit, limit and 0.2)


def _too_long(_signum: int, _frame: FrameType | None) -> None:
    raise TestTimeout


def run_tests(plugin: Plugin, request: dict[str, Any], send: Send) -> None:
    """Run `first`, then `rest` until one fails, if more than `than` of the first passed.

    Each outcome is sent as soon as the test is over. `per_test` is the timeout of one test, in seconds. Unless `all`
    is set, early stopping ends the first ones at a test that hangs, or when none of several passes. `first` may be
    None: all tests.
    """
    by_id = {item.nodeid: item for item in plugin.items}
    wanted = by_id if request["first"] is None else request["first"]
    first = [by_id[nodeid] for nodeid in wanted if nodeid in by_id]
    rest = [by_id[nodeid] for nodeid in request.get("rest", ()) if nodeid in by_id]
    passed = 0
    for number, item in enumerate(first):
        following = first[number + 1] if number + 1 < len(first) else None
        outcome = _run_one(plugin, item, following, request, send)
        passed += outcome == "passed"
        if not request.get("all") and (outcome == "timeout" or (number + 1 >= _PATIENCE and not passed)):
            return
    if passed <= request.get("than", -1):
        return
    for number, item in enumerate(rest):
        following = rest[number + 1] if number + 1 < len(rest) else None
        if _run_one(plugin, item, following, request, send) in ("failed", "timeout"):
            return


def _run_one(
    plugin: Plugin, item: pytest.Item, following: pytest.Item | None, request: dict[str, Any], send: Send
) -> str:
    tracer = plugin.tracer if request.get("trace") else None
    began = time.perf_counter()
    if tracer:
        tracer.start()
    if request.get("quick") and is_plain(item):
        outcome = plugin.quick(item, plugin.limit(request["per_test"]))
    else:
        outcome = plugin.run(item, following, plugin.limit(request["per_test"]))
    seconds = time.perf_counter() - began
    plugin.note(outcome, seconds)
    record: dict[str, Any] = {"test": item.nodeid, "outcome": outcome, "seconds": seconds}
    if tracer:
        tracer.stop()
        record |= {"lines": tracer.take(), "where": plugin.where, "types": tracer.names()}
        tracer.types.clear()
    send(record)
    return outcome
