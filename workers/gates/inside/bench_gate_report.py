"""Pytest plugin: reports each test to the worker over a socket, and runs a canary that must fail. PYTEST_DONT_REWRITE

The worker puts this directory on PYTHONPATH and names the plugin on the command line. The socket is the only way
out: no report lies in a file that the tested code could write. Key and canary name come over it, never by
argument or environment. Tested code that searches this process' memory can still find them: see
docs/explanation/security.md.
"""

from __future__ import annotations

import json
import os
import socket
import sys
from collections.abc import Callable, Generator
from importlib import metadata
from typing import Any

import bench_gate_facts as facts  # type: ignore[import-not-found]
import bench_gate_names as names  # type: ignore[import-not-found]
import pytest
from _pytest.config import PytestPluginManager
from _pytest.runner import runtestprotocol

_TEXT = 4000
_CANARY_KEY = "bench_canary"
_OUTSIDE_KEY = "bench_outside"

Send = Callable[..., None]


def _connect() -> tuple[Send, str]:
    """A function that sends one record, and the canary's name; without a socket a no-op and an empty name."""
    number = os.environ.pop(names.FD, "")
    if not number:
        return (lambda **_record: None), ""
    channel = socket.socket(fileno=int(number))
    channel.set_inheritable(False)
    with channel.makefile("rb") as lines:
        order = json.loads(lines.readline())

    def send(**record: Any) -> None:
        try:
            channel.sendall(json.dumps({**record, "key": order["key"]}).encode() + b"\n")
        except OSError:
            os._exit(70)  # the worker has ended, or has read enough

    return send, order["canary"]


def _settle_path() -> None:
    """Undo the worker's changes to the import path, for this process and those it starts.

    The working directory is added only now, with pytest loaded: files there cannot shadow its modules.
    """
    here = os.environ.pop(names.PATH, "")
    rest = [each for each in os.environ.pop("PYTHONPATH", "").split(os.pathsep) if each and each != here]
    if rest:
        os.environ["PYTHONPATH"] = os.pathsep.join(rest)
    if here in sys.path:
        sys.path.remove(here)
        sys.path.append(here)
    if os.environ.pop(names.CWD, ""):
        os.environ.pop("PYTHONSAFEPATH", None)
        if getattr(sys.flags, "safe_path", False):
            sys.path.insert(0, os.getcwd())


def _is_inside(path: str) -> bool:
    root = os.getcwd()
    return not path or path == root or path.startswith(root + os.sep)


def _outside() -> dict[str, str]:
    """Top-level modules that were loaded from elsewhere than the check-out and the standard library."""
    modules = {}
    for name, module in list(sys.modules.items()):
        path = getattr(module, "__file__", None)
        if "." in name or name in sys.stdlib_module_names or not isinstance(path, str):
            continue
        if os.path.isabs(path) and not _is_inside(os.path.realpath(path)) and not _is_inside(path):
            modules[name] = path
    return modules


def _load_installed(load: Callable[..., int]) -> Callable[..., int]:
    """Load the plugins of installed distributions: metadata in the check-out is ignored, and modules are imported
    from the check-out only where nothing else has that name.
    """

    def loaded(*arguments: Any, **named: Any) -> int:
        every, path = metadata.distributions, list(sys.path)
        metadata.distributions = lambda **given: [
            each for each in every(**given) if not _is_inside(str(each.locate_file("")).rstrip(os.sep))
        ]
        sys.path.sort(key=_is_inside)
        try:
            return load(*arguments, **named)
        finally:
            metadata.distributions = every
            sys.path[:] = path + [each for each in sys.path if each not in path]
            # xdist keeps the path that it was imported with for its workers.
            frozen = getattr(sys.modules.get("xdist.workermanage"), "_sys_path", None)
            if frozen is not None:
                frozen[:] = sys.path

    return loaded


def _canary_of(items: list[pytest.Item], name: str) -> pytest.Item | None:
    """The canary, a test that must fail, in the module of the run's last test."""
    parents = [item.getparent(pytest.Module) for item in reversed(items)]
    parent = next((each for each in parents if each is not None), None)
    if parent is None or not name:
        return None

    def fails() -> None:
        raise AssertionError(name)

    return pytest.Function.from_parent(parent, name=name, callobj=fails)


class GateReport:
    """The plugin proper; one a process, with a socket in the process that the worker started."""

    def __init__(self) -> None:
        self._send, self._name = _connect()
        self._canary: pytest.Item | None = None
        self._outcomes: list[str] = []

    @pytest.hookimpl(trylast=True)
    def pytest_configure(self, config: pytest.Config) -> None:
        self._name = self._name or getattr(config, "workerinput", {}).get(_CANARY_KEY, "")
        self._send(kind="start", pytest=pytest.__version__)

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self, node: Any) -> None:
        """xdist: its workers run the canary, too."""
        node.workerinput[_CANARY_KEY] = self._name

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        output = getattr(node, "workeroutput", {})
        self._send_canary(output.get(_CANARY_KEY, []))
        self._send(kind="outside", modules=output.get(_OUTSIDE_KEY, {}))

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, config: pytest.Config, items: list[pytest.Item]) -> None:
        if hasattr(config, "workerinput"):
            self._add_canary(items)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> None:
        """Add the canary after the collection was counted and shown: it is none of the project's tests."""
        # The controller of xdist has no tests itself.
        items = getattr(session, "items", None)
        if items and not hasattr(session.config, "workerinput") and not session.config.option.collectonly:
            self._add_canary(items)

    def _add_canary(self, items: list[pytest.Item]) -> None:
        self._canary = _canary_of(items, self._name)
        if self._canary is not None:
            items.append(self._canary)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item, nextitem: pytest.Item | None) -> bool | None:
        if item is not self._canary:
            return None
        reports = runtestprotocol(item, log=False, nextitem=nextitem)
        self._outcomes = [report.outcome for report in reports]
        self._send_canary(self._outcomes)
        return True

    def _send_canary(self, outcomes: list[str]) -> None:
        if outcomes:
            self._send(kind="canary", outcomes=list(outcomes))

    @pytest.hookimpl(hookwrapper=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Generator[None, Any, None]:
        # Before other hooks: pytest replaces unittest's exception by its own.
        path, raised_in = facts.file_of(item), facts.raised_in(item, call)
        outcome = yield
        # Attributes travel with the report from xdist's workers.
        report = outcome.get_result()
        report.bench_raised_in, report.bench_file, report.bench_id = raised_in, path, facts.id_of(item)

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        self._send(kind="begun", id=nodeid)

    def pytest_runtest_logfinish(self, nodeid: str) -> None:
        self._send(kind="over", id=nodeid)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self._send(
            kind="test",
            id=getattr(report, "bench_id", report.nodeid),
            file=getattr(report, "bench_file", ""),
            worker=getattr(report, "worker_id", ""),
            outcome=report.outcome,
            xfail=hasattr(report, "wasxfail"),
            part=type(report).__name__ != "TestReport",
            raised_in=getattr(report, "bench_raised_in", ""),
            text=str(report.longrepr)[-_TEXT:] if report.outcome == "failed" else "",
        )

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.outcome == "failed":
            self._send(kind="not_collected", id=report.nodeid, text=str(report.longrepr)[-_TEXT:])
        elif report.outcome == "skipped":
            raised_in = report.longrepr[0] if isinstance(report.longrepr, tuple) else ""
            self._send(kind="skipped_file", id=report.nodeid, raised_in=raised_in)

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> None:
        if hasattr(session.config, "workeroutput"):
            session.config.workeroutput[_CANARY_KEY] = self._outcomes
            session.config.workeroutput[_OUTSIDE_KEY] = _outside()
        self._send(kind="outside", modules=_outside())
        self._send(kind="end", exit=int(exitstatus))


_settle_path()
PytestPluginManager.load_setuptools_entrypoints = _load_installed(  # type: ignore[method-assign]
    PytestPluginManager.load_setuptools_entrypoints
)
_plugin = GateReport()


def _hide(manager: Any, *plugins: Any) -> None:
    """Remove plugins from the list of names: a project may refuse unknown ones. Their hooks stay."""
    listed = getattr(manager, "_name2plugin", {})
    for name in [name for name, plugin in listed.items() if plugin in plugins]:
        del listed[name]


@pytest.hookimpl(tryfirst=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> None:
    """Hide the plugin before any code of the project runs."""
    _hide(early_config.pluginmanager, sys.modules[__name__])


def pytest_configure(config: pytest.Config) -> None:
    """Register the plugin object, which has the state."""
    config.pluginmanager.register(_plugin)
    _hide(config.pluginmanager, _plugin)
